"""The node `video_activity` with subject person, on real middleware."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from fake_learners import FakeLearner, FakeRestorable  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image, RegionOfInterest  # noqa: E402
from small_video import write_small_network  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from co_perception.engine import data  # noqa: E402
from co_perception.learners.crop_streams import CropStreams  # noqa: E402
from co_perception.learners.crops import Glimpse, Region  # noqa: E402
from co_perception.learners.video import ContinualVideoLearner  # noqa: E402
from co_perception.msg import Activity, ActivityArray, Keypoint, Skeleton, SkeletonArray  # noqa: E402
from co_perception.nodes.messages import nanoseconds, to_time  # noqa: E402
from co_perception.nodes.video_activity import VideoActivityNode  # noqa: E402
from co_perception.srv import ResetState, Restore, Snapshot  # noqa: E402

SEC = 1_000_000_000
HEIGHT, WIDTH = 60, 100
RELIABLE = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
WARMING, VALID, STALE = Activity.STATUS_WARMING_UP, Activity.STATUS_VALID, Activity.STATUS_STALE


def pixels() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Red on the left, blue on the right."""
    made = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    made[:, : WIDTH // 2, 0] = made[:, WIDTH // 2 :, 2] = 200
    return made


def header(seconds: float) -> Header:
    return Header(stamp=to_time(round(seconds * SEC)), frame_id="eye")


def picture(seconds: float, seen: np.ndarray[Any, Any] | None = None) -> Image:
    seen = pixels() if seen is None else seen
    height, width = seen.shape[:2]
    return Image(
        header=header(seconds), height=height, width=width, encoding="rgb8", step=3 * width,
        data=array("B", seen.tobytes()),
    )  # fmt: skip


def person(id: str, left: int = 10, score: float = 0.9, **fields: Any) -> Skeleton:
    """Somebody 20 x 40 pixels large."""
    roi = RegionOfInterest(x_offset=left, y_offset=10, width=20, height=40)
    joints = [Keypoint(x=left + 10.0, y=20.0, z=float("nan"), score=0.9)] * 17
    return Skeleton(**{"subject_id": id, "layout": "coco17", "score": score, "keypoints": joints, "roi": roi, **fields})


def skeletons(seconds: float, *people: Skeleton, size: tuple[int, int] = (WIDTH, HEIGHT)) -> SkeletonArray:
    return SkeletonArray(
        header=header(seconds), skeletons=list(people), image_width=size[0], image_height=size[1]
    )


class Stream:
    """A node under test, a camera and a pose estimator that publish what the test says, and what came out."""

    def __init__(self, bench: Any, learner: Any, **settings: Any) -> None:
        given = {"subject": "person", "image_reliability": "reliable", "queue_depth": 100, **settings}
        overrides = [Parameter(name, value=value) for name, value in given.items()]
        self.bench = bench
        self.node = bench.add(VideoActivityNode(lambda settings: learner, parameter_overrides=overrides))
        self.heard: list[Any] = bench.listen(ActivityArray, "activity")
        self.camera = bench.node.create_publisher(Image, "image_raw", RELIABLE)
        self.estimator = bench.node.create_publisher(SkeletonArray, "skeletons", RELIABLE)
        bench.matched(self.camera, "image_raw")
        bench.matched(self.estimator, "skeletons")
        bench.matched(self.node._activity, "activity")

    def frame(self, seconds: float, *people: Skeleton, **fields: Any) -> None:
        """A picture, then its skeletons; waits until both have been put together."""
        count = self.counts("received") + 1
        self.camera.publish(picture(seconds))
        self.estimator.publish(skeletons(seconds, *people, **fields))
        self.bench.until(lambda: self.counts("received") == count, "received")

    def answered(self, count: int) -> list[Any]:
        self.bench.until(lambda: len(self.heard) >= count, f"{count} answers")
        return self.heard

    def counts(self, event: str) -> int:
        return int(self.node.tally.counts().get(event, 0))

    def refused(self, kind: str) -> int:
        return int(self.node._view._refusals[kind])


@pytest.fixture
def learner() -> FakeRestorable:
    return FakeRestorable()


@pytest.fixture
def stream(bench: Any, learner: FakeRestorable, tmp_path: Path) -> Stream:
    return Stream(bench, learner, snapshot_folder=str(tmp_path))


def said(message: Any) -> list[tuple[str, int, str]]:
    return [(activity.subject_id, activity.status, activity.label) for activity in message.activities]


def test_everybody_has_an_activity_of_their_own_under_the_pictures_header(
    stream: Stream, learner: FakeRestorable
) -> None:
    stamps = [5 + i / 25 for i in range(7)]
    for index, stamp in enumerate(stamps):
        both = [person("anna", 10), person("bert", 70)]
        stream.frame(stamp, *(both if index % 2 else both[::-1]))
    heard = stream.answered(7)
    assert [nanoseconds(message.header.stamp) for message in heard] == [round(stamp * SEC) for stamp in stamps]
    assert {(m.header.frame_id, m.recognizer, m.dropped_frames, m.state_epoch) for m in heard} == {
        ("eye", "fake/colours", 0, 0)
    }
    assert said(heard[0]) == [("bert", WARMING, ""), ("anna", WARMING, "")]
    assert said(heard[5]) == [("anna", VALID, "red"), ("bert", VALID, "blue")]
    assert [(a.roi.x_offset, a.roi.width, a.roi.height) for a in heard[5].activities] == [(10, 20, 40), (70, 20, 40)]
    assert nanoseconds(heard[6].activities[0].since) == round(5.2 * SEC)
    assert learner.looks == [(60, 60)] * 14  # 40 pixels and a quarter of them on each side
    assert all(nanoseconds(message.processing_latency) > 0 for message in heard)


def test_nobody_in_sight_is_an_answer_too(stream: Stream) -> None:
    stream.frame(1.0)
    assert said(stream.answered(1)[0]) == []


def test_skeletons_may_come_before_their_picture(stream: Stream) -> None:
    stream.estimator.publish(skeletons(1.0, person("a")))
    stream.bench.spin(0.1)
    stream.camera.publish(picture(1.0))
    assert said(stream.answered(1)[0]) == [("a", WARMING, "")]


def test_pictures_that_nobody_looked_for_people_in_are_dropped_and_counted(stream: Stream) -> None:
    for stamp in (1.0, 1.04, 1.08):
        stream.camera.publish(picture(stamp))
    stream.frame(1.12, person("a"))
    assert stream.answered(1)[0].dropped_frames == 3
    assert stream.counts("without skeletons") == 3
    stream.estimator.publish(skeletons(1.08, person("a")))
    stream.bench.until(lambda: stream.counts("late skeletons") == 1)
    stream.camera.publish(picture(1.1))
    stream.bench.until(lambda: stream.counts("outdated") == 1)
    stream.frame(1.16, person("a"))
    assert stream.answered(2)[1].dropped_frames == 1


def test_pictures_do_not_wait_for_ever(bench: Any, learner: FakeRestorable) -> None:
    stream = Stream(bench, learner, skeletons_wait_s=0.05)
    stream.camera.publish(picture(1.0))
    bench.until(lambda: stream.node._view._joiner._waiting)
    bench.spin(0.1)
    stream.camera.publish(picture(1.04))
    bench.until(lambda: stream.counts("without skeletons") == 1)
    stream.estimator.publish(skeletons(1.08, person("a")))
    bench.spin(0.1)
    stream.estimator.publish(skeletons(1.12, person("a")))
    bench.until(lambda: stream.counts("skeletons without a picture") == 1)
    assert not stream.heard


def test_who_was_missed_is_stale_and_shown_as_before_once_back(stream: Stream, learner: FakeRestorable) -> None:
    for tick in range(6):
        ids = ["b"] if tick in (3, 4) else ["a", "b"]
        stream.frame(1 + tick / 25, *[person(id, 10 if id == "a" else 70) for id in ids])
    heard = stream.answered(6)
    assert said(heard[3]) == [("b", WARMING, ""), ("a", STALE, "")]
    assert [activity.progress for activity in heard[5].activities] == [6 / 8, 6 / 8]
    assert stream.counts("missing") == 2


def test_max_hold_frames_may_be_changed_while_it_runs(stream: Stream) -> None:
    stream.node.set_parameters([Parameter("max_hold_frames", value=0)])
    stream.frame(1.0, person("a"))
    stream.frame(1.08, person("a"))
    assert stream.answered(2)[1].activities[0].progress == pytest.approx(2 / 8)


def test_beyond_max_people_the_surest_are_followed(bench: Any, learner: FakeRestorable) -> None:
    stream = Stream(bench, learner, max_people=2)
    stream.frame(1.0, person("a", score=0.5), person("b", score=0.9), person("c", score=0.7))
    assert [subject for subject, *_ in said(stream.answered(1)[0])] == ["b", "c"]
    assert stream.refused("too many people") == 1


def test_who_has_no_place_in_the_picture_is_refused(stream: Stream) -> None:
    nowhere = person("b", keypoints=[Keypoint(x=500.0, y=500.0, score=0.9)] * 17, roi=RegionOfInterest())
    outside = person("c", roi=RegionOfInterest(x_offset=4_000_000_000, y_offset=0, width=4_000_000_000, height=1))
    huge = person("d", roi=RegionOfInterest(x_offset=0, y_offset=0, width=4_000_000_000, height=4_000_000_000))
    stream.frame(1.0, person("a"), nowhere, outside, huge)
    assert [subject for subject, *_ in said(stream.answered(1)[0])] == ["a", "d"]
    assert stream.refused("no place") == 2


def test_skeletons_of_another_picture_are_refused(stream: Stream) -> None:
    stream.frame(1.0, person("a"), size=(640, 480))
    stream.frame(1.04, person("a"), size=(0, 0))
    assert stream.answered(1)[0].dropped_frames == 1
    assert stream.counts("unreadable") == 1


def test_one_person_is_forgotten_and_the_other_goes_on(stream: Stream) -> None:
    both = [person("a", 10), person("b", 70)]
    for tick in range(3):
        stream.frame(1 + tick / 25, *both)
    stream.answered(3)
    response = stream.bench.call(ResetState, "video_activity/reset", subject_ids=["a", "zoe"])
    assert (response.success, response.message) == (False, "forgotten: 'a'; not known here: 'zoe'")
    stream.frame(1.12, *both)
    message = stream.answered(4)[3]
    assert [activity.progress for activity in message.activities] == [1 / 8, 4 / 8]
    assert message.state_epoch == 1


def test_a_jump_of_the_stamps_forgets_everybody(stream: Stream) -> None:
    for stamp in (20.0, 20.04, 10.0):
        stream.frame(stamp, person("a"))
    heard = stream.answered(3)
    assert [message.state_epoch for message in heard] == [0, 0, 1]
    assert heard[2].activities[0].progress == pytest.approx(1 / 8)


def test_streams_go_on_after_snapshot_and_restore(stream: Stream, tmp_path: Path) -> None:
    for tick in range(3):
        stream.frame(1 + tick / 25, person("a"))
    stream.answered(3)
    written = stream.bench.call(Snapshot, "video_activity/snapshot", path="people.json")
    assert (written.success, written.message) == (True, str(tmp_path / "people.json"))
    assert stream.bench.call(ResetState, "video_activity/reset").success
    read = stream.bench.call(Restore, "video_activity/restore", path="people.json")
    assert (read.success, list(read.subject_ids)) == (True, ["a"])
    stream.frame(9.0, person("a"))
    assert stream.answered(4)[3].activities[0].progress == pytest.approx(4 / 8)
    outside = stream.bench.call(Snapshot, "video_activity/snapshot", path="../people.json")
    assert not outside.success


def test_compressed_pictures_are_read(bench: Any, learner: FakeRestorable) -> None:
    cv2 = pytest.importorskip("cv2")
    settings = {"subject": "person", "image_transport": "compressed", "image_reliability": "reliable"}
    overrides = [Parameter(name, value=value) for name, value in settings.items()]
    bench.add(VideoActivityNode(lambda settings: learner, parameter_overrides=overrides))
    heard = bench.listen(ActivityArray, "activity")
    camera = bench.node.create_publisher(CompressedImage, "image_raw/compressed", RELIABLE)
    estimator = bench.node.create_publisher(SkeletonArray, "skeletons", RELIABLE)
    bench.matched(camera, "image_raw/compressed")
    bench.matched(estimator, "skeletons")
    bench.until(lambda: bench.node.count_publishers("activity"))
    coded = cv2.imencode(".jpg", pixels()[..., ::-1])[1]
    camera.publish(CompressedImage(header=header(1.0), format="jpeg", data=coded.tobytes()))
    estimator.publish(skeletons(1.0, person("a")))
    bench.until(lambda: heard)
    assert said(heard[0]) == [("a", WARMING, "")]


def test_people_are_drawn_while_somebody_looks(stream: Stream) -> None:
    seen = stream.bench.listen(Image, "video_activity/annotated")
    stream.bench.matched(stream.node._annotated, "video_activity/annotated")
    stream.frame(1.0, person("a"), person("b", 70))
    stream.bench.until(lambda: seen)
    assert (seen[0].encoding, seen[0].height, seen[0].width) == ("bgr8", HEIGHT, WIDTH)
    drawn = np.frombuffer(seen[0].data, np.uint8).reshape(HEIGHT, WIDTH, 3)
    unchanged = (drawn == pixels()[..., ::-1]).all(axis=2)
    assert unchanged[-1].all()
    assert not unchanged[20, 20]
    assert not unchanged[20, 80]


def test_diagnostics_tell_who_is_followed(stream: Stream) -> None:
    told = stream.bench.listen(DiagnosticArray, "/diagnostics")
    stream.frame(1.0, person("a"), person("b", 70))
    stream.answered(1)
    stream.bench.until(lambda: told and _values(told[-1]).get("people followed") == "2")
    assert _values(told[-1])["state of a person (MB)"] == "1.000"
    assert told[-1].status[0].message == "2 in sight (no label: 2)"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        pytest.param((), "No image on /image_raw", id="neither"),
        pytest.param(("camera",), "No skeleton on /skeletons", id="pictures alone"),
        pytest.param(("camera", "estimator"), "no two of one stamp", id="of different stamps"),
    ],
)
def test_silence_is_explained(bench: Any, learner: FakeRestorable, sent: tuple[str, ...], why: str) -> None:
    stream = Stream(bench, learner, silence_s=0.5)
    told = bench.listen(DiagnosticArray, "/diagnostics")
    messages = {"camera": picture(1.0), "estimator": skeletons(2.0)}

    def explained() -> bool:
        for name in sent:
            getattr(stream, name).publish(messages[name])
        return any(why in array.status[0].message for array in told)

    bench.until(explained, why)


def test_a_learner_whose_state_stays_inside_fails_configuration(bench: Any) -> None:
    overrides = [Parameter("subject", value="person")]
    node = bench.add(VideoActivityNode(lambda settings: FakeLearner(), parameter_overrides=overrides), up=False)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE


def test_a_whole_life_twice(bench: Any, learner: FakeRestorable) -> None:
    stream = Stream(bench, learner)
    stream.frame(1.0, person("a"))
    stream.answered(1)
    node = stream.node
    for _ in range(2):
        assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
        assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
        assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
        assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    bench.matched(stream.camera, "image_raw")
    bench.matched(stream.estimator, "skeletons")
    bench.matched(node._activity, "activity")
    stream.frame(2.0, person("a"))
    assert stream.answered(2)[1].activities[0].progress == pytest.approx(1 / 8)


def test_two_people_through_the_real_network_are_answered_as_each_alone(bench: Any, tmp_path: Path) -> None:
    frames = [np.random.default_rng(i).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8) for i in range(76)]
    network = ContinualVideoLearner(threads=1)
    stream = Stream(bench, network, model_path=str(write_small_network(tmp_path)), max_people=2, optimize=False)
    places = {"anna": 10, "bert": 70}
    for index, seen in enumerate(frames):
        ids = ["anna"] if index < 3 else ["bert", "anna"]
        stream.camera.publish(picture(1 + index / 25, seen))
        stream.estimator.publish(skeletons(1 + index / 25, *[person(id, places[id]) for id in ids]))
        stream.answered(index + 1)
    other = ContinualVideoLearner(threads=1)
    other.load(tmp_path)
    for id, left in places.items():
        heard = [a for message in stream.heard for a in message.activities if a.subject_id == id]
        alone = CropStreams(other)
        shown = frames if id == "anna" else frames[3:]
        wanted = [alone.infer([Glimpse(data.Image(p, 0), Region(left, 10, 20, 40), id=id)])[0] for p in shown]
        assert [a.progress for a in heard] == pytest.approx([category.progress for category in wanted])
        assert [a.score for a in heard] == pytest.approx([category.confidence or 0.0 for category in wanted], abs=1e-6)
        assert heard[-1].score > 0


def _values(message: Any) -> dict[str, str]:
    return {value.key: value.value for value in message.status[0].values}
