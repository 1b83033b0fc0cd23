"""The node `skeleton_activity` on real middleware, with a small learner in place of the network."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")

from builtin_interfaces.msg import Duration  # noqa: E402
from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from helpers.fake_learners import FakeFallLearner, FakeGroupLearner, FakePeopleLearner  # noqa: E402
from helpers.node_stream import (  # noqa: E402
    SEC,
    STALE,
    VALID,
    WARMING,
    Gate,
    RecognizerStream,
    SkeletonStream,
    activities_of,
    diagnostic_values,
    overrides_of,
    skeleton,
)
from helpers.synthetic_poses import body  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import RegionOfInterest  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from co_perception.engine.time import nanoseconds  # noqa: E402
from co_perception.msg import ActivityArray, ActivityEvent, Keypoint, LabelInfo, Skeleton  # noqa: E402
from co_perception.nodes.core.messages import skeleton_array, to_time  # noqa: E402
from co_perception.nodes.core.qos import latched_qos  # noqa: E402
from co_perception.nodes.skeleton_activity import SkeletonActivityNode  # noqa: E402
from co_perception.srv import ResetState, Restore, Snapshot  # noqa: E402

NO_MODEL = Parameter("model", value="")  # the learners here have no weights


@pytest.fixture
def learner() -> FakePeopleLearner:
    return FakePeopleLearner()


@pytest.fixture
def stream(bench: Any, learner: FakePeopleLearner, tmp_path: Path) -> SkeletonStream:
    return SkeletonStream(bench, learner, snapshot_folder=str(tmp_path))


def test_each_frame_is_answered_with_an_activity_for_everybody(stream: SkeletonStream) -> None:
    for tick in range(6):
        stream.send(5 + tick / 10, skeleton("anna", 40), skeleton("bert", 260))
    heard = stream.answered(6)
    assert activities_of(heard[0]) == [("anna", WARMING, ""), ("bert", WARMING, "")]
    assert activities_of(heard[5]) == [("anna", VALID, "left"), ("bert", VALID, "right")]
    assert heard[5].activities[0].progress == pytest.approx(6 / 8)
    assert nanoseconds(heard[5].activities[0].since) == round(5.3 * SEC)
    assert stream.learner.batches == [2] * 6


def test_each_group_of_labels_is_an_activity_with_events_of_its_own(bench: Any) -> None:
    """Somebody stands, then sits and waves; that there is no gesture is an answer, and no event."""

    def script(number: int) -> tuple[float, ...]:
        return (0.2, 0.8, 0.1, 0.9) if number >= 6 else (0.9, 0.1, 0.7, 0.3)

    stream = SkeletonStream(bench, FakeGroupLearner(script), event_min_on_s=0.2, event_min_off_s=0.2)
    infos = bench.listen(LabelInfo, "skeleton_activity/label_info", latched_qos())
    events = bench.listen(ActivityEvent, "activity_events")
    bench.matched(stream.node._event_publisher._publisher, "activity_events")
    for tick in range(12):
        stream.send(5 + tick / 10, "anna")
    first, last = (stream.answered(12)[n].activities for n in (0, -1))
    assert [(a.subject_id, a.group, a.label, a.class_id) for a in (*first, *last)] == [
        ("anna", "posture", "standing", 0), ("anna", "arms", "no_gesture", 2),
        ("anna", "posture", "sitting", 1), ("anna", "arms", "waving", 3),
    ]  # fmt: skip
    assert [list(a.scores) for a in last] == [pytest.approx([0.2, 0.8]), pytest.approx([0.1, 0.9])]
    assert [[h.label for h in a.hypotheses] for a in last] == [["sitting", "standing"], ["waving", "no_gesture"]]
    assert [round(a.since.sec + a.since.nanosec / 1e9, 1) for a in last] == [5.6, 5.6]
    bench.until(lambda: infos and len(events) >= 4)
    assert list(infos[-1].labels) == list(FakeGroupLearner.labels)
    assert list(infos[-1].groups) == list(FakeGroupLearner.groups)
    on, off = ActivityEvent.ONSET, ActivityEvent.OFFSET
    assert [(e.kind, e.subject_id, e.group, e.label) for e in events] == [
        (on, "anna", "posture", "standing"), (off, "anna", "posture", "standing"), (on, "anna", "posture", "sitting"),
        (on, "anna", "arms", "waving"),
    ]  # fmt: skip
    assert "1 in sight (sitting · waving: 1)" in stream.node.state()


def test_a_fall_is_an_event_beside_those_of_the_labels_and_ends_with_the_node(bench: Any) -> None:
    """Somebody stands, falls for half a second, and lies; then everything is reset."""

    def script(number: int) -> tuple[float, ...]:
        return ((0.9, 0.1, 0.9, 0.1), (0.6, 0.4, 0.2, 0.8), (0.1, 0.9, 0.9, 0.1))[(number >= 6) + (number >= 11)]

    stream = SkeletonStream(bench, FakeFallLearner(script))
    events = bench.listen(ActivityEvent, "activity_events")
    bench.matched(stream.node._event_publisher._publisher, "activity_events")
    for tick in range(20):
        stream.send(5 + tick / 10, "anna")
    stream.answered(20)
    stream.node._event_publisher.end()
    bench.until(lambda: [e.kind for e in events if e.group == "fall"] == [ActivityEvent.ONSET, ActivityEvent.OFFSET])
    fall, end = (event for event in events if event.group == "fall")
    assert (fall.subject_id, fall.label, fall.score) == ("anna", "fall", pytest.approx(0.9))
    assert [nanoseconds(stamp) for stamp in (fall.at, fall.header.stamp, end.at)] == [
        round(seconds * SEC) for seconds in (6.1, 6.6, 6.9)
    ]
    assert "lying" in {event.label for event in events if event.group == "posture"}


@pytest.mark.parametrize(("kind", "falls", "there"), [
    (FakeFallLearner, True, True), (FakeFallLearner, False, False), (FakeGroupLearner, True, False),
    (FakePeopleLearner, True, False),
])  # fmt: skip
def test_falls_are_looked_for_only_where_asked_for_and_possible(
    bench: Any, kind: type[FakePeopleLearner], falls: bool, there: bool
) -> None:
    stream = SkeletonStream(bench, kind(), falls=falls)
    assert (stream.node._event_publisher._falls is not None) == there


def test_regions_are_passed_on_or_drawn_around_the_joints(stream: SkeletonStream) -> None:
    given = RegionOfInterest(x_offset=1, y_offset=2, width=30, height=40)
    stream.send(1.0, skeleton("a", roi=given), skeleton("b", 20.0), image_width=640, image_height=480)
    first, second = stream.answered(1)[0].activities
    assert first.roi == given
    assert second.roi.x_offset == 20


def test_the_cameras_own_motion_is_none_of_a_persons(stream: SkeletonStream) -> None:
    """The network is shown somebody who stands; the region is where the picture has them."""
    for tick in range(4):
        person = skeleton("a", 40.0 + 30 * tick, camera_motion_x=30.0 * tick)
        stream.send(5 + tick / 10, person, image_width=300, image_height=200)
    regions = [message.activities[0].roi.x_offset for message in stream.answered(4)]
    assert stream.learner.shown["a"] == [40.0] * 4
    assert regions == [40, 70, 100, 130]


def test_frames_faster_than_the_model_are_skipped_and_jitter_is_not_noticed(stream: SkeletonStream) -> None:
    wobble = [0, 0.01, -0.012, 0.004, -0.009, 0.013, 0.0, 0.011]
    for i, off in enumerate(wobble):
        stream.send(1 + i / 20 + off, "a")  # 20 Hz, the network has 10
    stream.answered(4)
    stream.bench.until(lambda: stream.counts("processed") + stream.counts("early") == 8)
    assert 4 <= stream.counts("processed") <= 5
    assert stream.counts("missing") == 0


def test_missed_detections_are_filled_and_told(stream: SkeletonStream) -> None:
    for tick, people in enumerate([("a", "b"), ("b",), ("b",), ("a", "b")]):
        stream.send(1 + tick / 10, *people)
    heard = stream.answered(4)
    assert [activities_of(message) for message in heard[1:3]] == [[("b", WARMING, ""), ("a", STALE, "")]] * 2
    assert [len(stream.learner.shown[id]) for id in "ab"] == [4, 4]
    assert [activity.progress for activity in heard[3].activities] == [0.25, 0.5]  # a was seen twice
    assert heard[3].state_epoch == 0
    assert stream.counts("missing") == 2


def test_lost_frames_are_filled_for_everybody(stream: SkeletonStream) -> None:
    stream.send(1.0, "a", "b")
    stream.send(1.4, "a", "b")
    stream.answered(2)
    assert [len(stream.learner.shown[id]) for id in "ab"] == [5, 5]


def test_nobody_in_sight_is_answered_too_and_those_away_expire(bench: Any, learner: FakePeopleLearner) -> None:
    stream = SkeletonStream(bench, learner, expire_s=0.25)
    stream.send(1.0, "a")
    for tick in (1, 2, 3):
        stream.send(1 + tick / 10)
    assert [len(message.activities) for message in stream.answered(4)] == [1, 1, 1, 0]
    assert learner.shown == {}


def test_a_long_absence_costs_one_person_the_state_and_is_an_epoch(bench: Any, learner: FakePeopleLearner) -> None:
    stream = SkeletonStream(bench, learner, max_gap_s=0.25)
    for tick in range(4):
        stream.send(1 + tick / 10, "b", *(["a"] if tick == 0 else []))
    stream.send(1.4, "a", "b")
    heard = stream.answered(5)
    assert [message.state_epoch for message in heard] == [0, 0, 0, 0, 1]
    assert {a.subject_id: a.progress for a in heard[4].activities} == {"a": 1 / 8, "b": 5 / 8}


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (skeleton("b", layout="octopus8"), "unknown layout"),
        (skeleton("b", joints=3), "wrong joints"),
        (skeleton("a"), "repeated id"),
        (skeleton("b", x=float("nan")), "joints without a place"),
        (skeleton("b", x=float("inf")), "joints without a place"),
        (skeleton("b", x=1e30), "joints without a place"),
        (skeleton("b", keypoints=[Keypoint()] * 17), "no joint found"),
    ],
)
def test_one_bad_person_is_counted_and_the_others_are_answered(
    stream: SkeletonStream, bad: Skeleton, kind: str
) -> None:
    stream.send(1.0, "a", bad)
    stream.send(1.1, "a")
    heard = stream.answered(2)
    assert [activities_of(message) for message in heard] == [[("a", WARMING, "")]] * 2
    assert stream.refused(kind) == 1


def test_a_frame_that_cannot_be_read_at_all_is_a_counted_drop(stream: SkeletonStream, capfd: Any) -> None:
    stream.send(1.0, "a")
    stream.send(1.1, skeleton("a", layout="octopus8"))
    stream.send(1.2, "a")
    heard = stream.answered(2)
    assert [message.dropped_frames for message in heard] == [0, 1]
    assert stream.counts("unreadable") == 1
    assert "octopus8" in capfd.readouterr().err
    assert len(stream.learner.shown["a"]) == 3


def test_five_hundred_people_are_bounded(bench: Any, learner: FakePeopleLearner) -> None:
    stream = SkeletonStream(bench, learner, max_people=20)
    stream.send(1.0, *[f"p{i}" for i in range(500)])
    stream.send(1.1, *[f"q{i}" for i in range(500)])
    assert [len(message.activities) for message in stream.answered(2)] == [20, 20]
    assert len(learner.shown) == 20
    assert stream.refused("too many people") == 960


def test_dropped_zero(stream: SkeletonStream) -> None:
    """What the pose estimator dropped and took was not told any more."""
    took = Duration(sec=2, nanosec=5)
    stream.send(1.0, "a", dropped_frames=3, processing_latency=took)
    stream.answered(1)
    stream.send(1.001, "a", dropped_frames=4)  # comes too early for the network
    stream.send(1.1, "a", dropped_frames=1)
    first, second = stream.answered(2)
    assert (first.dropped_frames, second.dropped_frames) == (3, 5)
    assert first.processing_latency.sec == 2 and second.processing_latency.sec == 0
    assert stream.node.counters.dropped == 0


def test_one_subject_or_all_are_reset(stream: SkeletonStream) -> None:
    def ask(*ids: str) -> Any:
        return stream.bench.call(ResetState, "skeleton_activity/reset", subject_ids=ids)

    def progress() -> list[float]:
        return [activity.progress * 8 for activity in stream.answered(stream.counts("received"))[-1].activities]

    for tick in range(3):
        stream.send(1 + tick / 10, "a", "b")
    assert progress() == [3, 3]
    assert ask("a").success
    stream.send(1.3, "a", "b")
    assert progress() == [1, 4]
    answer = ask("a", "nobody")
    assert (answer.success, answer.message) == (False, "forgotten: 'a'; not known here: 'nobody'")
    assert ask().success
    stream.send(1.4, "a", "b")
    assert progress() == [1, 1]
    assert [message.state_epoch for message in stream.answers] == [0, 0, 0, 1, 3]


@pytest.mark.parametrize(
    ("kind", "fields", "teaches"),
    [
        (Snapshot, {"path": "../x"}, "below"),
        (Snapshot, {"path": "x", "subject_ids": ["nobody"]}, "no stream of"),
        (Restore, {"path": "/etc/passwd"}, "below"),
        (Restore, {"path": "absent"}, "absent"),
        (Restore, {"path": "half"}, "Expecting value"),
    ],
)
def test_a_service_that_cannot_be_done_says_why_and_changes_nothing(
    stream: SkeletonStream, tmp_path: Path, kind: Any, fields: dict[str, Any], teaches: str
) -> None:
    (tmp_path / "half").write_text("")
    stream.send(1.0, "a")
    stream.answered(1)
    answer = stream.bench.call(kind, f"skeleton_activity/{kind.__name__.lower()}", **fields)
    assert not answer.success
    assert teaches in answer.message
    stream.send(1.1, "a")
    (_, last) = stream.answered(2)
    assert (last.activities[0].progress, last.state_epoch) == (2 / 8, 0)


def test_frames_that_waited_while_a_state_was_restored_are_outdated(bench: Any, tmp_path: Path) -> None:
    """What is in the mailbox belongs to the stream before: it must not undo what was restored."""
    learner = FakePeopleLearner()
    stream = SkeletonStream(bench, learner, snapshot_folder=str(tmp_path))
    (tmp_path / "file").write_text('{"a": [40, 40, 40]}')
    gate = learner.before = Gate()
    stream.send(1.0, "b")
    bench.until(gate.entered.is_set)
    stream.send(1.1, "b")
    client = bench.node.create_client(Restore, "skeleton_activity/restore")
    bench.until(client.service_is_ready)
    future = client.call_async(Restore.Request(path="file"))
    _open_once_asked(stream.node, gate)
    bench.until(future.done)
    assert future.result().success
    stream.send(9.0, "a")
    heard = stream.answered(2)
    assert heard[1].activities[0].progress == 4 / 8
    assert stream.counts("outdated") == 1


def _open_once_asked(node: Any, gate: Gate) -> None:
    """Lets the learner go on when the service waits for the worker, from a thread: the executor itself is waiting."""
    from threading import Thread
    from time import sleep

    def watch() -> None:
        while not node._worker.queue._urgent:
            sleep(0.001)
        gate.open()

    Thread(target=watch, daemon=True).start()


def test_diagnostics_tell_whom_it_follows(stream: SkeletonStream) -> None:
    told = stream.bench.listen(DiagnosticArray, "/diagnostics")
    for tick in range(4):
        stream.send(1 + tick / 10, "a", skeleton("b", layout="octopus8"))
    stream.answered(4)
    stream.bench.until(lambda: told and diagnostic_values(told[-1]).get("people refused, unknown layout") == "4")
    values, status = diagnostic_values(told[-1]), told[-1].status[0]
    assert (values["network"], values["people followed"], values["rate of the model (Hz)"]) == (
        "fake/places",
        "1",
        "10.000",
    )
    assert (status.name, status.message) == ("/skeleton_activity: stream", "1 in sight (left: 1)")
    assert values["stage usable poses"] == "4 passed, 4 lost: 4 unknown layout"


@pytest.mark.parametrize(("kind", "package"), [("hri", "hri_msgs"), ("yolo", "yolo_msgs")])
def test_an_input_whose_messages_are_not_installed_fails_configuration_and_says_so(
    bench: Any, learner: FakePeopleLearner, capfd: Any, monkeypatch: pytest.MonkeyPatch, kind: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, f"{package}.msg", None)
    monkeypatch.setitem(sys.modules, package, None)
    node = bench.add(
        SkeletonActivityNode(lambda settings: learner, parameter_overrides=[Parameter("input", value=kind)]), up=False
    )
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert f"input '{kind}' needs {package}" in capfd.readouterr().err


def test_a_saved_model_runs_by_its_folder_alone(bench: Any, tmp_path: Path) -> None:
    """From poses on the wire to labels of the saved classes: network, layout, rate and classes come with the folder."""
    from co_perception.learners.skeleton import ContinualSkeletonLearner

    saved = ContinualSkeletonLearner("costgcn_short", classes=("sit", "stand"), min_progress=0.25, threads=1)
    saved._loaded = True
    saved.save(tmp_path / "model")
    chosen = {**SkeletonStream.defaults, "model_path": str(tmp_path / "model"), "threads": 1, "optimize": False}
    node = SkeletonActivityNode(parameter_overrides=overrides_of({"queue_depth": 100, **chosen}))
    stream = RecognizerStream(bench, node, SkeletonStream.inputs)
    frames = 16
    for tick in range(frames):
        poses = [body(person, tick, f"p{person}") for person in (1, 2)]
        header = Header(stamp=to_time(SEC + tick * SEC // 15), frame_id="eye")
        stream.publish({"skeletons": skeleton_array(header, poses, "test", (640, 480))})
    heard = stream.answered(frames)
    for person, activity in zip((1, 2), heard[-1].activities, strict=True):
        saved.reset()
        for tick in range(frames):
            (expected,) = saved.infer([body(person, tick)])
        assert (activity.label, activity.progress) == (expected.description, 1.0)
        assert activity.score == pytest.approx(expected.confidence, abs=1e-5)
    assert heard[-1].recognizer.startswith("costgcn_short/")


def test_humans_of_ros4hri_are_heard_body_by_body(
    bench: Any, learner: FakePeopleLearner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """hri_msgs is not everywhere: its messages are stood in for, and so is the middleware that would bring them."""
    messages = SimpleNamespace(IdsList="IdsList", Skeleton2D="Skeleton2D")
    monkeypatch.setitem(sys.modules, "hri_msgs", SimpleNamespace(msg=messages))
    monkeypatch.setitem(sys.modules, "hri_msgs.msg", messages)
    size = [Parameter("hri_image_width", value=640), Parameter("hri_image_height", value=480)]
    overrides = [Parameter("input", value="hri"), *size, NO_MODEL]
    node = SkeletonActivityNode(lambda s: learner, parameter_overrides=overrides)
    topics: dict[str, Any] = {}

    def subscribe(kind: str, topic: str, callback: Any, qos: Any) -> Any:
        topics[topic] = callback
        return SimpleNamespace(topic_name=topic, kind=kind)

    monkeypatch.setattr(node, "create_subscription", subscribe)
    monkeypatch.setattr(node, "destroy_subscription", lambda subscription: topics.pop(subscription.topic_name))
    bench.add(node)
    heard = bench.listen(ActivityArray, "activity")
    bench.matched(node._activity, "activity")

    def header(tick: int) -> Header:
        return Header(stamp=to_time(SEC + tick * SEC // 10), frame_id="eye")

    def show(id: str, tick: int, x: float) -> None:
        points = [SimpleNamespace(x=x, y=0.5, c=0.9)] * 18
        topics[f"/humans/bodies/{id}/skeleton2d"](SimpleNamespace(header=header(tick), skeleton=points))

    def track(tick: int, *ids: str) -> None:
        topics["/humans/bodies/tracked"](SimpleNamespace(header=header(tick), ids=list(ids)))

    track(0, "ab1", "cd2")
    for tick in range(4):
        show("cd2", tick, 0.4)
        show("ab1", tick, 0.05)
        bench.until(lambda tick=tick: len(heard) > tick)
    assert {(a.subject_id, a.label) for a in heard[3].activities} == {("ab1", "left"), ("cd2", "right")}
    assert learner.shown["cd2"] == [pytest.approx(256.0)] * 4  # 0.4 of 640 pixels
    track(4, "ab1")
    assert set(topics) == {"/humans/bodies/tracked", "/humans/bodies/ab1/skeleton2d"}
    show("ab1", 4, 0.05)
    bench.until(lambda: len(heard) == 5)
    assert activities_of(heard[4]) == [("ab1", VALID, "left"), ("cd2", STALE, "")]
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert topics == {}
