"""The node `video_activity` on real middleware, with a small learner in place of the network."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402

from co_perception.msg import Activity, ActivityArray, ActivityEvent, LabelInfo  # noqa: E402
from co_perception.nodes.messages import nanoseconds  # noqa: E402
from co_perception.nodes.qos import latched_qos  # noqa: E402
from co_perception.nodes.running import bring_up  # noqa: E402
from co_perception.nodes.video_activity import VideoActivityNode  # noqa: E402
from co_perception.srv import ResetState  # noqa: E402

LOSSLESS = {"image_reliability": "reliable", "queue_depth": 100}


class Stream:
    """A node under test, a camera that publishes what the test says, and what came out."""

    def __init__(self, bench: Any, learner: Any, make_image: Callable[..., Any], **settings: Any) -> None:
        overrides = [Parameter(name, value=value) for name, value in {**LOSSLESS, **settings}.items()]
        self.bench, self.make = bench, make_image
        self.node = bench.add(VideoActivityNode(lambda settings: learner, parameter_overrides=overrides))
        self.heard = bench.listen(ActivityArray, "activity")
        self.camera = bench.node.create_publisher(
            Image, "image_raw", QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        )
        bench.matched(self.camera, "image_raw")
        bench.matched(self.node._activity, "activity")

    def send(self, *seconds: float, **fields: Any) -> None:
        """Publishes one frame per stamp and waits until the node has received it."""
        for stamp in seconds:
            count = self.counts("received") + 1
            self.camera.publish(self.make(stamp, **fields))
            self.bench.until(lambda count=count: self.counts("received") == count, "received")

    def answered(self, count: int) -> list[Any]:
        self.bench.until(lambda: len(self.heard) >= count, f"{count} answers")
        return self.heard

    def counts(self, event: str) -> int:
        return int(self.node.tally.counts().get(event, 0))


@pytest.fixture
def stream(bench: Any, fake: Any, make_image: Callable[..., Any]) -> Stream:
    return Stream(bench, fake, make_image)


def test_each_frame_is_answered_once_under_its_own_header(stream: Stream) -> None:
    stamps = [10 + i / 25 for i in range(12)]
    stream.send(*stamps)
    heard = stream.answered(12)
    assert [nanoseconds(message.header.stamp) for message in heard] == [round(stamp * 1e9) for stamp in stamps]
    assert {message.header.frame_id for message in heard} == {"eye"}
    assert {(message.recognizer, message.label_set) for message in heard} == {("fake/colours", "colours")}
    assert {message.state_epoch for message in heard} == {0}
    assert sum(message.dropped_frames for message in heard) == 0
    assert all(nanoseconds(message.processing_latency) > 0 for message in heard)


def test_nothing_is_labelled_before_min_progress_and_since_marks_the_onset(stream: Stream) -> None:
    stream.send(*[i / 25 for i in range(1, 8)])
    stream.send(*[i / 25 for i in range(8, 11)], colour=(10, 10, 200))
    activities = [message.activities[0] for message in stream.answered(10)]
    assert [activity.label for activity in activities] == [""] * 5 + ["red"] * 2 + ["blue"] * 3
    assert [activity.status for activity in activities[:5]] == [Activity.STATUS_WARMING_UP] * 5
    assert [activity.class_id for activity in activities[4:7]] == [-1, 0, 0]
    assert [nanoseconds(activity.since) for activity in activities[4:]] == [0, *[240_000_000] * 2, *[320_000_000] * 3]
    assert activities[0].hypotheses == []
    assert activities[0].score == 0.0
    best = activities[9]
    assert [guess.label for guess in best.hypotheses] == ["blue", "red", "green"]
    assert best.hypotheses[0].score == pytest.approx(best.score)
    assert activities[3].progress == pytest.approx(0.5)


def test_onset_and_offset_are_told_once(bench: Any, fake: Any, make_image: Callable[..., Any]) -> None:
    stream = Stream(bench, fake, make_image, event_min_on_s=0.04, event_min_off_s=0.04)
    told = bench.listen(ActivityEvent, "activity_events")
    bench.until(lambda: bench.node.count_publishers("activity_events"))
    stream.send(*[i / 25 for i in range(1, 11)])
    stream.send(*[i / 25 for i in range(11, 15)], colour=(10, 10, 200))
    stream.answered(14)
    bench.until(lambda: len(told) >= 3, "events")
    assert [(event.kind, event.label) for event in told] == [
        (ActivityEvent.ONSET, "red"),
        (ActivityEvent.OFFSET, "red"),
        (ActivityEvent.ONSET, "blue"),
    ]
    assert nanoseconds(told[0].began) == 240_000_000  # with the first valid label, not when it was certain
    assert nanoseconds(told[0].header.stamp) == 280_000_000
    assert {(event.recognizer, event.subject_id) for event in told} == {("fake/colours", "")}


def test_nobody_publishes_events_where_another_node_does(bench: Any, fake: Any, make_image: Callable[..., Any]) -> None:
    stream = Stream(bench, fake, make_image, events=False)
    stream.send(1.0)
    stream.answered(1)
    assert bench.node.count_publishers("activity_events") == 0


def test_thresholds_that_make_no_sense_fail_configuration(bench: Any, fake: Any) -> None:
    overrides = [Parameter("event_on", value=0.3), Parameter("event_off", value=0.6)]
    node = bench.add(VideoActivityNode(lambda settings: fake, parameter_overrides=overrides), up=False)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE


def test_observation_delay_is_told_in_stamps_not_in_frames(stream: Stream) -> None:
    stream.send(1.0, 1.04, 1.09, 1.13)
    delays = [nanoseconds(message.observation_delay) for message in stream.answered(4)]
    assert delays == [0, 0, 90_000_000, 90_000_000]


def test_frames_faster_than_the_model_are_skipped_by_stamp(stream: Stream) -> None:
    stream.send(*[i / 50 for i in range(1, 11)])
    stream.answered(5)
    stream.bench.until(lambda: stream.counts("processed") + stream.counts("early") == 10)
    assert 5 <= stream.counts("processed") <= 6
    assert stream.node.tally.dropped == 0


def test_a_missing_tick_is_filled_by_the_frame_before(stream: Stream, fake: Any) -> None:
    stream.send(0.04, 0.08, 0.16)
    stream.answered(3)
    assert fake.shown == [(40_000_000, 80_000_000, 80_000_000, 160_000_000)]
    assert stream.counts("missing") == 1


@pytest.mark.parametrize("jump_s", [-10.0, 10.0])
def test_a_jump_of_the_stamps_begins_a_new_epoch(stream: Stream, fake: Any, jump_s: float) -> None:
    stream.send(20.0, 20.04, 20.04 + jump_s, 20.08 + jump_s)
    heard = stream.answered(4)
    assert [message.state_epoch for message in heard] == [0, 0, 1, 1]
    assert [len(stamps) for stamps in fake.shown] == [2, 2]
    assert heard[2].activities[0].progress == pytest.approx(1 / 8)


def test_a_frame_told_twice_is_answered_once(stream: Stream) -> None:
    stream.send(1.0, 1.0, 1.04)
    assert len(stream.answered(2)) == 2
    assert stream.counts("duplicate") == 1


@pytest.mark.parametrize("asked", [{}, {"subject_ids": [""]}])
def test_reset_service_begins_a_new_epoch(stream: Stream, fake: Any, asked: dict[str, Any]) -> None:
    stream.send(1.0, 1.04)
    stream.answered(2)
    response = stream.bench.call(ResetState, "video_activity/reset", **asked)
    assert response.success
    stream.send(1.08)
    assert [message.state_epoch for message in stream.answered(3)] == [0, 0, 1]
    assert fake.resets == 2


def test_a_subject_that_is_not_known_is_said_and_nothing_is_reset(stream: Stream) -> None:
    stream.send(1.0)
    response = stream.bench.call(ResetState, "video_activity/reset", subject_ids=["anna"])
    assert (response.success, response.message) == (False, "not known here: 'anna'")
    stream.send(1.04)
    assert [message.state_epoch for message in stream.answered(2)] == [0, 0]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"encoding": "mono16"}, id="16 bit"),
        pytest.param({"encoding": "holographic"}, id="unknown encoding"),
        pytest.param({"height": 0, "width": 0, "data": []}, id="zero size"),
        pytest.param({"data": [1, 2, 3]}, id="data too short"),
        pytest.param({"step": 5}, id="step too small"),
    ],
)
def test_a_bad_frame_is_a_counted_drop_and_the_node_goes_on(stream: Stream, wrong: dict[str, Any]) -> None:
    stream.send(1.0)
    stream.send(1.04, **wrong)
    stream.send(1.08)
    heard = stream.answered(2)
    assert [nanoseconds(message.header.stamp) for message in heard] == [1_000_000_000, 1_080_000_000]
    assert [message.dropped_frames for message in heard] == [0, 1]
    assert stream.counts("unreadable") == 1


def test_a_failing_learner_loses_one_frame(stream: Stream, fake: Any) -> None:
    def fail_once(frame: Any) -> None:
        fake.before = lambda frame: None
        raise RuntimeError("out of luck")

    fake.before = fail_once
    stream.send(1.0, 1.04)
    heard = stream.answered(1)
    assert heard[0].dropped_frames == 1
    assert stream.counts("failed") == 1


def test_a_slow_learner_gets_the_newest_frame_and_the_others_are_counted(
    bench: Any, fake: Any, make_image: Callable[..., Any]
) -> None:
    stream = Stream(bench, fake, make_image, queue_depth=1, model_rate_hz=0.0)
    begun, go_on = Event(), Event()

    def block(frame: Any) -> None:
        begun.set()
        assert go_on.wait(20)

    fake.before = block
    stream.send(1.0)
    bench.until(begun.is_set)
    stream.send(1.04, 1.08, 1.12)
    go_on.set()
    heard = stream.answered(2)
    assert nanoseconds(heard[1].header.stamp) == 1_120_000_000
    assert heard[0].dropped_frames + heard[1].dropped_frames == 2
    assert stream.counts("displaced") == 2


def test_frames_displaced_in_the_mailbox_do_not_shorten_the_time_of_the_network(
    bench: Any, fake: Any, make_image: Callable[..., Any]
) -> None:
    """What was lost between callback and worker is held too: the newest frame arrives at its own tick."""
    stream = Stream(bench, fake, make_image, queue_depth=1, max_hold_frames=5)
    begun, go_on = Event(), Event()

    def block(frame: Any) -> None:
        begun.set()
        assert go_on.wait(20)

    fake.before = block
    stream.send(1.0)
    bench.until(begun.is_set)
    stream.send(1.04, 1.08, 1.12)
    go_on.set()
    stream.answered(2)
    assert fake.shown == [(*[1_000_000_000] * 3, 1_120_000_000)]
    assert stream.counts("missing") == 2


def test_compressed_frames_are_read(bench: Any, fake: Any) -> None:
    cv2 = pytest.importorskip("cv2")
    import numpy as np

    overrides = [Parameter("image_transport", value="compressed"), Parameter("image_reliability", value="reliable")]
    node = bench.add(VideoActivityNode(lambda settings: fake, parameter_overrides=overrides))
    heard = bench.listen(ActivityArray, "activity")
    camera = bench.node.create_publisher(CompressedImage, "image_raw/compressed", 10)
    bench.matched(camera, "image_raw/compressed")
    bench.matched(node._activity, "activity")
    seen: list[Any] = []
    fake.before = seen.append
    coded = cv2.imencode(".jpg", np.full((12, 16, 3), (10, 10, 200), np.uint8))[1]
    camera.publish(CompressedImage(format="jpeg", data=coded.tobytes()))
    bench.until(lambda: heard)
    assert seen[0].data.shape == (12, 16, 3)
    assert np.abs(seen[0].data[5, 5].astype(int) - (200, 10, 10)).max() < 12
    camera.publish(CompressedImage(format="theora", data=[1, 2, 3], header=_at(1.0)))
    bench.until(lambda: node.tally.counts().get("unreadable") == 1)


def test_labels_are_latched_for_late_listeners(stream: Stream) -> None:
    late = stream.bench.listen(LabelInfo, "video_activity/label_info", latched_qos())
    stream.bench.until(lambda: late)
    assert list(late[0].labels) == ["red", "green", "blue"]
    assert (late[0].receptive_field, late[0].rate_hz, late[0].min_progress) == (8, 25.0, 0.75)


def test_pictures_are_annotated_only_while_somebody_looks(stream: Stream) -> None:
    stream.send(1.0)
    stream.answered(1)
    seen = stream.bench.listen(Image, "video_activity/annotated")
    stream.bench.matched(stream.node._annotated, "video_activity/annotated")
    stream.send(1.04)
    stream.bench.until(lambda: seen)
    assert [nanoseconds(picture.header.stamp) for picture in seen] == [1_040_000_000]
    assert (seen[0].encoding, seen[0].height, seen[0].width) == ("bgr8", 12, 16)


def test_diagnostics_tell_progress_drops_and_latency(stream: Stream) -> None:
    told = stream.bench.listen(DiagnosticArray, "/diagnostics")
    stream.send(1.0, 1.04, 1.08)
    stream.send(1.12, encoding="mono16")
    stream.answered(3)
    stream.bench.until(lambda: told and _values(told[-1]).get("frames unreadable") == "1")
    values = _values(told[-1])
    assert values["frames processed"] == "3"
    assert values["progress"] == "0.375"
    assert float(values["latency p95 (ms)"]) >= float(values["step p50 (ms)"]) > 0
    assert told[-1].status[0].name == "video_activity: stream"
    assert told[-1].status[0].hardware_id == "cpu"


def test_silence_is_explained(bench: Any, fake: Any) -> None:
    node = bench.add(VideoActivityNode(lambda settings: fake, parameter_overrides=[Parameter("silence_s", value=0.5)]))
    told = bench.listen(DiagnosticArray, "/diagnostics")
    bench.until(lambda: any(array.status[0].level == DiagnosticStatus.WARN for array in told))
    message = next(array.status[0].message for array in told if array.status[0].level == DiagnosticStatus.WARN)
    assert "/image_raw" in message
    assert "0 publisher(s)" in message
    del node


def test_a_best_effort_camera_beside_a_reliable_subscriber_is_named(
    bench: Any, fake: Any, make_image: Callable[..., Any]
) -> None:
    overrides = [Parameter("silence_s", value=0.5), Parameter("image_reliability", value="reliable")]
    bench.node.create_publisher(Image, "image_raw", QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
    bench.add(VideoActivityNode(lambda settings: fake, parameter_overrides=overrides))
    told = bench.listen(DiagnosticArray, "/diagnostics")
    bench.until(lambda: told and "best effort" in told[-1].status[0].message)
    assert "/bench" in told[-1].status[0].message


def test_only_an_active_node_listens(stream: Stream, fake: Any) -> None:
    stream.send(1.0)
    stream.answered(1)
    assert stream.node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    stream.bench.until(lambda: stream.camera.get_subscription_count() == 0)
    assert stream.node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    stream.bench.until(lambda: stream.camera.get_subscription_count() == 1)
    stream.send(1.04)
    assert [message.state_epoch for message in stream.answered(2)] == [0, 1]


def test_a_whole_life_twice_and_shutdown_repeated(bench: Any, fake: Any) -> None:
    node = bench.add(VideoActivityNode(lambda settings: fake), up=False)
    for _ in range(2):
        assert bring_up(node)
        assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
        assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    assert bring_up(node)
    assert node.trigger_shutdown() == TransitionCallbackReturn.SUCCESS
    node.on_shutdown(None)
    assert fake.optimized == 3
    assert fake.loaded_from is None


def test_missing_weights_fail_configuration_and_can_be_mended(bench: Any, fake: Any) -> None:
    missing = True

    def factory(settings: Any) -> Any:
        if missing:
            raise FileNotFoundError("run: co-perception weights fetch")
        return fake

    node = bench.add(VideoActivityNode(factory), up=False)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert not bring_up(node)
    missing = False
    assert bring_up(node)


def test_settings_reach_the_learner_factory(bench: Any, fake: Any) -> None:
    asked: list[Any] = []
    overrides = [Parameter("device", value="cuda:1"), Parameter("model_path", value="/models/mine")]

    def factory(settings: Any) -> Any:
        asked.append(settings)
        return fake

    bench.add(VideoActivityNode(factory, parameter_overrides=overrides))
    assert asked[0].device == "cuda:1"
    assert fake.loaded_from == "/models/mine"


def _at(seconds: float) -> Any:
    from std_msgs.msg import Header

    from co_perception.nodes.messages import to_time

    return Header(stamp=to_time(round(seconds * 1e9)))


def _values(array: Any) -> dict[str, str]:
    return {value.key: value.value for value in array.status[0].values}
