"""The node `pose` on real middleware: with an estimator that sees what the test says, and with the real ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402
from stick_figures import frames, person  # noqa: E402

from co_perception.data.image_messages import encode_jpeg, fill  # noqa: E402
from co_perception.engine import data  # noqa: E402
from co_perception.engine.target import Pose  # noqa: E402
from co_perception.msg import SkeletonArray  # noqa: E402
from co_perception.nodes.messages import nanoseconds, to_time  # noqa: E402
from co_perception.nodes.pose import EstimatorFactory, PoseNode  # noqa: E402
from co_perception.pose.finder import build  # noqa: E402

LOSSLESS = {"image_reliability": "reliable", "queue_depth": 100}


class FakeEstimator:
    """Sees `people` in every picture, and remembers what it was shown."""

    name, layout = "fake_pose", "coco17"

    def __init__(self) -> None:
        self.people: Sequence[Pose] = (person(100), person(400))
        self.shown: list[data.Image] = []
        self.resets = self.closed = 0

    def estimate(self, image: data.Image) -> list[Pose]:
        self.shown.append(image)
        if image.data[0, 0, 0] == 13:
            raise RuntimeError("a picture that breaks it")
        return list(self.people)

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closed += 1


class Stream:
    """A node under test, a camera that publishes what the test says, and what came out."""

    def __init__(self, bench: Any, make: EstimatorFactory = build, kind: Any = Image, **settings: Any) -> None:
        topic = "image_raw" if kind is Image else "image_raw/compressed"
        overrides = [Parameter(name, value=value) for name, value in {**LOSSLESS, **settings}.items()]
        self.bench = bench
        self.node = bench.add(PoseNode(make, parameter_overrides=overrides))
        self.heard: list[Any] = bench.listen(SkeletonArray, "skeletons")
        qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        self.camera = bench.node.create_publisher(kind, topic, qos)
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

    def answered(self, count: int) -> list[Any]:
        self.bench.until(lambda: len(self.heard) >= count, f"{count} answers")
        return self.heard

    def counts(self, event: str) -> int:
        return int(self.node.tally.counts().get(event, 0))


@pytest.fixture
def estimator() -> FakeEstimator:
    return FakeEstimator()


@pytest.fixture
def stream(bench: Any, estimator: FakeEstimator) -> Stream:
    return Stream(bench, lambda settings: estimator)


def ids(message: Any) -> list[str]:
    return [skeleton.subject_id for skeleton in message.skeletons]


def test_one_message_for_each_picture_under_its_header(stream: Stream) -> None:
    stream.show(1.0, 1.05, 1.1)
    heard = stream.answered(3)
    assert [nanoseconds(message.header.stamp) for message in heard] == [1_000_000_000, 1_050_000_000, 1_100_000_000]
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
    assert stream.counts("failed") == 1
    assert stream.counts("processed") == 2


def test_reset_gives_new_ids(stream: Stream, estimator: FakeEstimator) -> None:
    stream.show(1.0, 1.05)
    stream.answered(2)
    answer = stream.bench.call(Trigger, "pose/reset")
    assert (answer.success, answer.message) == (True, "forgotten: p1, p2")
    assert estimator.resets == 1
    stream.show(1.1, 1.15)
    assert ids(stream.answered(4)[3]) == ["p3", "p4"]


def test_a_bag_that_begins_again_gives_new_ids(stream: Stream) -> None:
    stream.show(9.0, 9.05, 1.0, 1.05)
    assert [ids(message) for message in stream.answered(4)] == [[], ["p1", "p2"], [], ["p3", "p4"]]


def test_diagnostics_tell_who_is_followed(stream: Stream, estimator: FakeEstimator) -> None:
    told = stream.bench.listen(DiagnosticArray, "/diagnostics")
    stream.show(1.0, 1.05)
    stream.answered(2)
    estimator.people = (person(100), person(104, score=0.5))
    stream.show(1.1)
    stream.answered(3)

    def values() -> dict[str, str]:
        return {pair.key: pair.value for pair in told[-1].status[0].values} if told else {}

    stream.bench.until(lambda: values().get("frames processed") == "3", "diagnostics")
    assert told[-1].status[0].name == "pose: people"
    assert told[-1].status[0].message == "p1"
    seen = values()
    assert (seen["people"], seen["people missing"], seen["ids born"], seen["ids lost"]) == ("1", "1", "2", "0")
    assert seen["ids poses ignored"] == "3"  # two before they were confirmed, and a second answer for one person
    assert float(seen["step p50 (ms)"]) >= 0


def test_smoothing_is_an_option(bench: Any, estimator: FakeEstimator) -> None:
    stream = Stream(bench, lambda settings: estimator, smoothing="one_euro", confirm=1)
    stream.show(1.0, 1.05)
    stream.answered(2)
    estimator.people = (person(130), person(400))
    stream.show(1.1)
    xs = [message.skeletons[0].keypoints[0].x for message in stream.answered(3)]
    assert xs[:2] == [100.0, 100.0]
    assert 100 < xs[2] < 130


def test_annotated_pictures_show_people_when_somebody_looks(stream: Stream) -> None:
    pictures = stream.bench.listen(Image, "pose/annotated")
    stream.bench.matched(stream.node._annotated, "pose/annotated")
    stream.show(1.0, 1.05)
    stream.bench.until(lambda: len(pictures) == 2, "pictures")
    empty, full = (np.frombuffer(picture.data, np.uint8) for picture in pictures)
    assert (pictures[0].encoding, pictures[0].header.frame_id) == ("rgb8", "eye")
    assert not empty.any()
    assert np.count_nonzero(full) > 1000


def test_the_model_is_closed_at_cleanup(stream: Stream, estimator: FakeEstimator) -> None:
    assert stream.node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert estimator.closed == 0
    assert stream.node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    assert estimator.closed == 1


@pytest.mark.parametrize("wrong", [dict(input_size=100), dict(model_path="/nowhere.task", estimator="mediapipe")])
def test_what_cannot_be_built_is_not_configured(bench: Any, wrong: dict[str, Any]) -> None:
    overrides = [Parameter(name, value=value) for name, value in wrong.items()]
    node = bench.add(PoseNode(parameter_overrides=overrides), up=False)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE


def send_clip(stream: Stream, clip: str, as_message: Callable[[np.ndarray], Any]) -> list[Any]:
    pictures = frames(clip, 480, 6)[:6]
    for frame in pictures:
        stream.send(as_message(frame.data), 5 + (frame.stamp_ns or 0) / 1e9)
    return stream.answered(len(pictures))


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
