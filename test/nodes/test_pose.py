"""The node `pose` on real middleware: with an estimator that sees what the test says, and with the real ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from faults.diagnosed import Diagnosed  # noqa: E402
from helpers.fake_learners import NoEstimator  # noqa: E402
from helpers.node_stream import RELIABLE, NodeStream, overrides_of, stamps_of  # noqa: E402
from helpers.stick_figures import frames, person  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from co_perception.data.messages.image import encode_jpeg, fill  # noqa: E402
from co_perception.data.messages.people import from_skeletons  # noqa: E402
from co_perception.engine import data  # noqa: E402
from co_perception.engine.picture_turn import PictureTurn  # noqa: E402
from co_perception.engine.target import Pose  # noqa: E402
from co_perception.engine.time import nanoseconds  # noqa: E402
from co_perception.msg import SkeletonArray  # noqa: E402
from co_perception.nodes.core.messages import to_time  # noqa: E402
from co_perception.nodes.core.run_node import bring_up  # noqa: E402
from co_perception.nodes.pose import EstimatorFactory, PoseNode  # noqa: E402
from co_perception.pose.finder import build  # noqa: E402

LOSSLESS = {"image_reliability": "reliable", "queue_depth": 100}


class FakeEstimator(NoEstimator):
    """Finds `people` in every picture."""

    name = "fake_pose"

    def __init__(self) -> None:
        self.people: Sequence[Pose] = (person(100), person(400))
        self.resets = self.closed = 0

    def estimate(self, image: data.Image) -> list[Pose]:
        if image.data[0, 0, 0] == 13:
            raise RuntimeError("a picture that breaks it")
        return list(self.people)

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closed += 1


class Stream(NodeStream):
    """A node under test, a camera that publishes what the test says, and what came out."""

    def __init__(self, bench: Any, make: EstimatorFactory = build, kind: Any = Image, **settings: Any) -> None:
        topic = "image_raw" if kind is Image else "image_raw/compressed"
        self.bench = bench
        self.node = bench.add(
            PoseNode(make, parameter_overrides=overrides_of({**LOSSLESS, "id_prefix": "p", **settings}))
        )
        self.answers: list[Any] = bench.listen(SkeletonArray, "skeletons")
        self.camera = bench.node.create_publisher(kind, topic, RELIABLE)
        bench.matched(self.camera, topic)
        bench.matched(self.node._skeletons, "skeletons")

    def send(self, message: Any, seconds: float) -> None:
        """Publishes one picture and waits until the node has received it."""
        count = self.counts("received") + 1
        message.header.stamp, message.header.frame_id = to_time(round(seconds * 1e9)), "eye"
        self.camera.publish(message)
        self.bench.until(lambda: self.counts("received") == count, "received")

    def show(self, *seconds: float, level: int = 0) -> None:
        """A plain picture at each of these stamps."""
        for stamp in seconds:
            self.send(fill(Image(), np.full((480, 640, 3), level, np.uint8)), stamp)


def test_a_picture_that_was_overtaken_is_dropped_and_counted(bench: Any) -> None:
    """faults/reordered: one swap, and everybody got a new id."""
    stream = Stream(bench, lambda values: FakeEstimator())
    stream.show(1.0, 1.1, 1.3, 1.2, 1.4)
    answers = stream.answered(4)
    assert stamps_of(answers) == [1_000_000_000, 1_100_000_000, 1_300_000_000, 1_400_000_000]
    assert [{person.subject_id for person in answer.skeletons} for answer in answers[1:]] == [{"p1", "p2"}] * 3
    assert stream.counts("late") == 1


@pytest.fixture
def estimator() -> FakeEstimator:
    return FakeEstimator()


@pytest.fixture
def stream(bench: Any, estimator: FakeEstimator) -> Stream:
    return Stream(bench, lambda settings: estimator, second_look=0)  # it sees the same people in any part


def test_joints_of_a_turned_camera_are_those_of_its_picture(bench: Any, estimator: FakeEstimator) -> None:
    """The estimator gets the upright picture; the message has the source picture's joints, and tells how to turn it."""
    stream = Stream(bench, lambda settings: estimator, second_look=0, rotate=90, mirrored=True, confirm=1)
    stream.show(1.0)
    [message] = stream.answered(1)
    assert (message.rotate, message.mirrored, message.image_width, message.image_height) == (90, True, 640, 480)
    nose = message.skeletons[0].keypoints[0]
    assert (nose.x, nose.y) == (100, 100), "of a nose at (100, 100) of 480 x 640: mirrored at x 380, turned back"
    roi = message.skeletons[0].roi
    assert roi.width > roi.height, "who stands lies across the picture"
    upright = from_skeletons(message).poses
    np.testing.assert_allclose(upright[0].data[:, :2], estimator.people[0].data[:, :2], atol=1e-3)


def test_an_angle_that_is_none_fails_the_configuration(bench: Any) -> None:
    node = bench.add(
        PoseNode(lambda settings: FakeEstimator(), parameter_overrides=overrides_of({"rotate": 45})), up=False
    )
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE


def test_everybody_who_lies_for_long_is_a_warning_with_the_angle(bench: Any, estimator: FakeEstimator) -> None:
    turned = [PictureTurn(90).pose_in_source(pose, (640, 480)) for pose in estimator.people]
    estimator.people = turned
    stream = Stream(bench, lambda settings: estimator, second_look=0, max_missed_s=10.0)
    stream.show(*(1.0 + 0.4 * frame for frame in range(70)))
    stream.answered(70)
    assert "set rotate to 90" in stream.node.doubt()


def ids(message: Any) -> list[str]:
    return [skeleton.subject_id for skeleton in message.skeletons]


def test_one_message_for_each_picture_under_its_header(stream: Stream) -> None:
    stream.show(1.0, 1.05, 1.1)
    heard = stream.answered(3)
    assert stamps_of(heard) == [1_000_000_000, 1_050_000_000, 1_100_000_000]
    assert {(m.header.frame_id, m.estimator, m.image_width, m.image_height) for m in heard} == {
        ("eye", "fake_pose", 640, 480)
    }
    assert {message.coordinates for message in heard} == {SkeletonArray.COORDINATES_PIXELS}
    assert [ids(message) for message in heard] == [[], ["p1", "p2"], ["p1", "p2"]]
    one = heard[2].skeletons[0]
    assert (one.layout, round(one.score, 2), len(one.keypoints)) == ("coco17", 0.9, 17)
    assert (one.keypoints[0].x, one.keypoints[0].y) == (100.0, 100.0)
    assert math.isnan(one.keypoints[0].z)
    assert (one.roi.x_offset, one.roi.y_offset, one.roi.width, one.roi.height) == (70, 94, 60, 216)


def test_nobody_is_an_answer_too(stream: Stream, estimator: FakeEstimator) -> None:
    estimator.people = ()
    stream.show(1.0)
    assert stream.answered(1)[0].skeletons == []


def test_a_picture_that_breaks_the_estimator_costs_one_answer(stream: Stream) -> None:
    stream.show(1.0)
    stream.show(1.05, level=13)
    stream.show(1.1)
    stream.answered(2)
    assert (stream.counts("failed"), stream.counts("processed")) == (1, 2)


def test_what_was_dropped_and_took_goes_with_the_skeletons(stream: Stream) -> None:
    stream.show(1.0)
    stream.show(1.1, level=13)  # a picture that breaks the estimator
    stream.show(1.2)
    heard = stream.answered(2)
    assert [message.dropped_frames for message in heard] == [0, 1]
    assert all(nanoseconds(message.processing_latency) > 0 for message in heard)


def test_reset_gives_new_ids(stream: Stream, estimator: FakeEstimator) -> None:
    stream.show(1.0, 1.05)
    stream.answered(2)
    answer = stream.bench.call(Trigger, "pose/reset")
    assert (answer.success, answer.message) == (True, "forgotten: p1, p2")
    assert estimator.resets == 1
    stream.show(1.1, 1.15)
    assert ids(stream.answered(4)[3]) == ["p3", "p4"]


def test_pose_ids(bench: Any, estimator: FakeEstimator) -> None:
    """A node that was restarted, or configured anew, gave p1 to somebody else."""
    stream, given = Stream(bench, lambda values: estimator, id_prefix=""), list[str]()
    for run in range(2):
        stream.show(*(1.0 + run + n / 10 for n in range(3)))
        given += ids(stream.answered(3 + 3 * run)[-1])
        assert stream.node.values()["ids begin with"] == given[-1][:-1]
        assert stream.node.trigger_deactivate() == stream.node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
        assert bring_up(stream.node)
        bench.matched(stream.camera, "image_raw")
        bench.matched(stream.node._skeletons, "skeletons")
    assert [id[-3:] for id in given] == ["_p1", "_p2"] * 2 and len(set(given)) == 4


def test_a_bag_that_begins_again_gives_new_ids(stream: Stream) -> None:
    stream.show(9.0, 9.05, 1.0, 1.05)
    assert [ids(message) for message in stream.answered(4)] == [[], ["p1", "p2"], [], ["p3", "p4"]]


def test_diagnostics_tell_who_is_followed(stream: Stream, estimator: FakeEstimator) -> None:
    told = Diagnosed(stream.bench, "pose")
    stream.show(1.0, 1.05)
    stream.answered(2)
    estimator.people = (person(100), person(104, score=0.5))
    stream.show(1.1)
    stream.answered(3)

    stream.bench.until(lambda: told.count("processed") == 3, "diagnostics")
    assert (told.all[-1].name, told.all[-1].message) == ("/pose: people", "p1")
    seen = told.values
    assert (seen["people"], seen["people missing"], seen["ids born"], seen["ids lost"]) == ("1", "1", "2", "0")
    assert seen["ids poses ignored"] == "3"  # two before they were confirmed, and a second answer for one person
    assert float(seen["step p50 (ms)"]) >= 0


def test_who_comes_back_has_the_old_id_and_doubts_are_counted(bench: Any, estimator: FakeEstimator) -> None:
    """Everybody is as gray as the picture: the second one may be either of those who left."""
    stream = Stream(bench, lambda settings: estimator, second_look=0, identity="appearance", confirm=1)
    told = Diagnosed(stream.bench, "pose")
    estimator.people = (person(100),)
    stream.show(1.0, 1.1)
    stream.answered(2)
    estimator.people = ()
    stream.show(2.0, 3.0)
    stream.answered(4)
    estimator.people = (person(400),)
    stream.show(*(3.1 + n / 10 for n in range(6)))
    assert ids(stream.answered(10)[-1]) == ["p1"]
    estimator.people = (person(100), person(300))
    stream.show(*(5.0 + n / 10 for n in range(6)))
    stream.answered(16)
    bench.until(lambda: told.count("processed") == 16, "diagnostics")
    assert (told.values["ids back"], told.values["ids in doubt"]) == ("1", "2")
    identity = stream.node._finder._identity
    assert identity is not None and identity._gallery.ids == {"p1", "p3", "p4"}
    assert stream.node.trigger_deactivate() == stream.node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    assert identity._gallery.ids == set(), "looks outlived the configuration"


def test_second_looks_are_counted(bench: Any) -> None:
    class Leaves(FakeEstimator):
        def estimate(self, image: data.Image) -> list[Pose]:
            return [person(100)] if image.data[0, 0, 0] == 1 else []

    stream = Stream(bench, lambda settings: Leaves(), second_look=2)
    told = Diagnosed(bench, "pose")
    stream.show(1.0, 1.05, 1.1, level=1)
    stream.show(1.15, 1.2, 1.25, level=2)
    bench.until(lambda: told.count("processed") == 6, "diagnostics")
    assert (told.values["second looks"], told.values["second looks with a find"]) == ("2", "0")


def test_smoothing_is_an_option(bench: Any, estimator: FakeEstimator) -> None:
    stream = Stream(bench, lambda settings: estimator, smoothing="one_euro", confirm=1)
    stream.show(1.0, 1.05)
    stream.answered(2)
    estimator.people = (person(130), person(400))
    stream.show(1.1)
    xs = [message.skeletons[0].keypoints[0].x for message in stream.answered(3)]
    assert xs[:2] == [100.0, 100.0]
    assert 100 < xs[2] < 130


def test_the_model_is_closed_at_cleanup(stream: Stream, estimator: FakeEstimator) -> None:
    assert stream.node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert estimator.closed == 0
    assert stream.node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    assert estimator.closed == 1


@pytest.mark.parametrize("wrong", [dict(input_size=100), dict(model_path="/nowhere.task", estimator="mediapipe")])
def test_what_cannot_be_built_is_not_configured(bench: Any, wrong: dict[str, Any]) -> None:
    node = bench.add(PoseNode(parameter_overrides=overrides_of(wrong)), up=False)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE


def send_clip(stream: Stream, clip: str, as_message: Callable[[np.ndarray], Any]) -> list[Any]:
    for frame in frames(clip, 480, 6)[:6]:
        stream.send(as_message(frame.data), 5 + (frame.stamp_ns or 0) / 1e9)
    return stream.answered(6)


def test_movenet_on_a_real_clip(bench: Any) -> None:
    heard = send_clip(Stream(bench), "pose2sim_multi_cam02", lambda pixels: fill(Image(), pixels))
    assert [ids(message) for message in heard] == [[]] + [["p1", "p2"]] * 5
    assert heard[-1].estimator == "movenet_multipose"
    for skeleton in heard[-1].skeletons:
        assert skeleton.score > 0.4
        assert skeleton.roi.height > 200
        assert sum(joint.score > 0.3 for joint in skeleton.keypoints) >= 12


def test_mediapipe_on_compressed_pictures(bench: Any) -> None:
    compressed = dict(image_transport="compressed", estimator="mediapipe", max_people=2)
    stream = Stream(bench, build, CompressedImage, **compressed)
    heard = send_clip(
        stream, "pose2sim_multi_cam01", lambda pixels: CompressedImage(format="jpeg", data=encode_jpeg(pixels))
    )
    assert heard[-1].estimator == "mediapipe_blazepose_full"
    assert "p1" in ids(heard[-1])
    assert len(heard[-1].skeletons[0].keypoints) == 33
