"""What all recognizer nodes have in common, on real middleware: of scenes, of persons in images, of skeletons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from helpers.node_stream import (  # noqa: E402
    SEC,
    FakeLearnerStream,
    Gate,
    PersonStream,
    SceneStream,
    SkeletonStream,
    overrides_of,
    person,
    scored,
    stamps_of,
)
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402

from co_perception.engine.time import nanoseconds  # noqa: E402
from co_perception.msg import Activity, ActivityEvent, LabelInfo  # noqa: E402
from co_perception.nodes.core.qos import latched_qos  # noqa: E402
from co_perception.nodes.core.run_node import bring_up  # noqa: E402
from co_perception.srv import ResetState, Restore, Snapshot  # noqa: E402

STREAMS: dict[str, Any] = {"scene": SceneStream, "person": PersonStream, "skeleton": SkeletonStream}
SUCCESS = TransitionCallbackReturn.SUCCESS
Make = Callable[..., FakeLearnerStream]


@pytest.fixture(params=STREAMS)
def make(request: pytest.FixtureRequest, bench: Any) -> Make:
    kind = STREAMS[request.param]
    return lambda **settings: kind(bench, kind.learners(), **settings)


@pytest.fixture
def stream(make: Make) -> FakeLearnerStream:
    return make()


def test_each_frame_is_answered_once_under_its_own_header(stream: FakeLearnerStream) -> None:
    stamps = [5 + tick * stream.tick_s for tick in range(12)]
    stream.show(*stamps)
    heard, learner = stream.answered(12), stream.learner
    assert stamps_of(heard) == [round(stamp * SEC) for stamp in stamps]
    assert {(m.header.frame_id, m.recognizer, m.label_set) for m in heard} == {("eye", learner.name, learner.label_set)}
    assert {(message.state_epoch, message.dropped_frames) for message in heard} == {(0, 0)}
    assert all(nanoseconds(message.processing_latency) > 0 for message in heard)


@pytest.mark.parametrize("jump_s", [-10.0, 10.0])
def test_a_jump_of_the_stamps_begins_a_new_epoch(stream: FakeLearnerStream, jump_s: float) -> None:
    tick_s = stream.tick_s
    stream.show(20.0, 20.0 + tick_s, 20.0 + tick_s + jump_s, 20.0 + 2 * tick_s + jump_s)
    heard = stream.answered(4)
    assert [message.state_epoch for message in heard] == [0, 0, 1, 1]
    assert [message.activities[0].progress for message in heard] == [1 / 8, 2 / 8, 1 / 8, 2 / 8]


def test_a_failing_learner_loses_one_frame(stream: FakeLearnerStream) -> None:
    def fail_once(shown: Any) -> None:
        stream.learner.before = lambda shown: None
        raise RuntimeError("out of luck")

    stream.learner.before = fail_once
    stream.show(1.0, 1.0 + stream.tick_s)
    assert stream.answered(1)[0].dropped_frames == 1
    assert stream.counts("failed") == 1


def test_a_burst_into_a_slow_learner_leaves_the_newest_at_its_own_tick(make: Make) -> None:
    """What was lost between callback and worker is counted, and held too: it does not shorten the network's time."""
    stream = make(queue_depth=1, max_hold_frames=5)
    gate = stream.learner.before = Gate()
    stamps = [1.0 + tick * stream.tick_s for tick in range(4)]
    stream.show(stamps[0])
    stream.bench.until(gate.entered.is_set)
    stream.show(*stamps[1:])
    gate.open()
    heard = stream.answered(2)
    assert nanoseconds(heard[1].header.stamp) == round(stamps[3] * 1e9)
    assert heard[0].dropped_frames + heard[1].dropped_frames == stream.counts("displaced") == 2
    assert (heard[1].activities[0].progress, stream.counts("missing")) == (2 / 8, 2)


def test_input_that_is_too_slow_for_a_label_is_told(stream: FakeLearnerStream) -> None:
    """The fault low_rate: most of what the network got were copies, and labels were VALID."""
    learner = stream.learner
    needed = learner.min_progress * learner.rate_hz
    period = 2.5 / needed
    for number in range(10):
        stream.show(1 + number * period)
        heard = stream.answered(number + 1)
    assert heard[-1].activities[0].status == Activity.STATUS_WARMING_UP
    level, text = stream.node.health()
    assert level == DiagnosticStatus.WARN
    assert f"Frames come at {1 / period:.3g} Hz" in text and f"at least {needed:.3g} Hz" in text
    assert stream.node.values()["rate of the input (Hz)"] == pytest.approx(1 / period)


@pytest.mark.parametrize("make", ["scene", "person"], indirect=True)
def test_max_hold_frames_may_be_changed_while_it_runs(stream: FakeLearnerStream) -> None:
    stream.node.set_parameters([Parameter("max_hold_frames", value=0)])
    stream.show(0.04, 0.08, 0.16)
    assert stream.answered(3)[2].activities[0].progress == pytest.approx(3 / 8)


def test_labels_are_latched_for_late_listeners(stream: FakeLearnerStream) -> None:
    late = stream.bench.listen(LabelInfo, f"{stream.node.get_name()}/label_info", latched_qos())
    stream.bench.until(lambda: late)
    learner, info = stream.learner, late[0]
    assert (info.recognizer, info.label_set, tuple(info.labels)) == (learner.name, learner.label_set, learner.labels)
    assert (info.receptive_field, info.rate_hz, info.min_progress) == (8, learner.rate_hz, learner.min_progress)


def test_only_an_active_node_listens_and_activation_begins_an_epoch(stream: FakeLearnerStream) -> None:
    stream.show(1.0)
    stream.answered(1)
    for transition, subscribers in ((stream.node.trigger_deactivate, 0), (stream.node.trigger_activate, 1)):
        assert transition() == SUCCESS
        for publisher in stream.publishers.values():
            stream.bench.until(lambda it=publisher, count=subscribers: it.get_subscription_count() == count)
    stream.show(1.0 + stream.tick_s)
    assert [message.state_epoch for message in stream.answered(2)] == [0, 1]


def test_a_whole_life_twice_and_shutdown_repeated(stream: FakeLearnerStream) -> None:
    stream.show(1.0)
    stream.answered(1)
    node = stream.node
    for _ in range(2):
        assert node.trigger_deactivate() == SUCCESS
        assert node.trigger_cleanup() == SUCCESS
        assert bring_up(node)
    stream.match()
    stream.show(2.0)
    assert stream.answered(2)[1].activities[0].progress == 1 / 8
    assert (stream.learner.optimized, stream.learner.loaded_from) == (3, None)
    assert node.trigger_shutdown() == SUCCESS
    node.on_shutdown(None)


@pytest.mark.parametrize("kind", [SceneStream, SkeletonStream])
def test_settings_reach_the_learner_factory_and_name_the_weights(bench: Any, kind: Any) -> None:
    learner, asked = kind.learners(), list[Any]()

    def factory(values: Any) -> Any:
        asked.append(values)
        return learner

    given = {"device": "cuda:1", "model_path": "/models/mine", "max_people": 7}
    node = bench.add(kind.kind(factory, parameter_overrides=overrides_of(given)))
    assert (asked[0].device, asked[0].max_people, learner.loaded_from) == ("cuda:1", 7, "/models/mine")
    assert node.trigger_deactivate() == SUCCESS
    assert node.trigger_cleanup() == SUCCESS
    node.set_parameters(overrides_of({"model_path": ""} | ({"model": ""} if kind is SkeletonStream else {})))
    assert bring_up(node)
    assert learner.loaded_from is None


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (SceneStream, ("/image_raw", "0 publisher(s)")),
        (SkeletonStream, ("No skeleton on /skeletons", "pose estimator", "0 publisher(s)")),
    ],
)
def test_silence_is_explained(bench: Any, kind: Any, words: tuple[str, ...]) -> None:
    overrides = overrides_of({**kind.defaults, "silence_s": 0.5})
    bench.add(kind.kind(lambda values: kind.learners(), parameter_overrides=overrides))
    told = bench.listen(DiagnosticArray, "/diagnostics")
    bench.until(lambda: any(array.status[0].level == DiagnosticStatus.WARN for array in told))
    message = next(array.status[0].message for array in told if array.status[0].level == DiagnosticStatus.WARN)
    assert all(word in message for word in words), message


@pytest.mark.parametrize("kind", [PersonStream, SkeletonStream])
def test_streams_go_on_after_snapshot_and_restore(bench: Any, tmp_path: Path, kind: Any) -> None:
    stream = kind(bench, kind.learners(), snapshot_folder=str(tmp_path))
    name, both = stream.node.get_name(), [person("a", 10), person("b", 70)]
    for tick in range(5):
        stream.send(1 + tick * stream.tick_s, *both)
    stream.answered(5)
    answer = bench.call(Snapshot, f"{name}/snapshot", path="sub/people", subject_ids=["a"])
    assert (answer.success, answer.message, list(answer.subject_ids)) == (True, f"{tmp_path}/sub/people", ["a"])
    assert bench.call(ResetState, f"{name}/reset").success
    answer = bench.call(Restore, f"{name}/restore", path="sub/people")
    assert (answer.success, list(answer.subject_ids)) == (True, ["a"])
    stream.send(77.0, *both)
    (last,) = stream.answered(6)[5:]
    assert {a.subject_id: a.progress * 8 for a in last.activities} == {"a": 6, "b": 1}
    assert last.state_epoch > 0
    assert not bench.call(Snapshot, f"{name}/snapshot", path="../people").success


@pytest.mark.parametrize("top_k", [1, 5])
def test_topk_events_come_from_the_scores_not_from_what_top_k_left_in_the_message(bench: Any, top_k: int) -> None:
    stream = SceneStream(bench, SceneStream.learners(), top_k=top_k, max_gap_s=30.0)
    events = scored(stream, [(0.9, 0.05, 0.05)] * 12 + [(0.42, 0.1, 0.48)] * 12)
    assert {len(message.activities[0].hypotheses) for message in stream.answers} == {min(top_k, 3)}
    assert list(stream.answers[-1].activities[0].scores) == pytest.approx([0.42, 0.1, 0.48])
    bench.spin(0.2)
    assert [(event.kind, event.label) for event in events] == [(ActivityEvent.ONSET, "red")]


@pytest.mark.parametrize("end", ["silence", "silence without /clock", "reset", "deactivate", "shutdown", "destroy"])
def test_end_never_told_where_the_camera_goes_or_the_node_stops(bench: Any, end: str) -> None:
    more = {"use_sim_time": True} if end == "silence without /clock" else {}
    stream = SceneStream(bench, SceneStream.learners(), max_gap_s=0.6, **more)
    events = scored(stream, [(0.9, 0.05, 0.05)] * 12)
    if end == "reset":
        bench.call(ResetState, f"{stream.node.get_name()}/reset")
    elif end == "destroy":
        stream.node.destroy_node()
        bench.nodes.remove(stream.node)
    elif not end.startswith("silence"):
        getattr(stream.node, f"trigger_{end}")()
    bench.until(lambda: len(events) >= 2, "the end")
    bench.spin(0.2)
    last_s = 5 + 11 * stream.tick_s
    assert [(e.kind, e.label, round(nanoseconds(e.at) / SEC, 3)) for e in events] == [
        (ActivityEvent.ONSET, "red", 5.0),
        (ActivityEvent.OFFSET, "red", round(last_s, 3)),
    ]
    assert nanoseconds(events[1].header.stamp) == round(last_s * SEC)


def test_skipped_frames_of_a_fast_camera_are_counted_as_early_and_not_as_dropped(make: Make) -> None:
    """As msg/ActivityArray says of dropped_frames, and README where they are counted."""
    stream = make()
    stream.show(*[5 + half * stream.tick_s / 2 for half in range(1, 13)])
    heard = stream.answered(6)
    stream.bench.until(lambda: stream.counts("early") + len(heard) >= 12, "what became of each frame")
    assert stream.counts("early") + len(heard) == 12 and 6 <= len(heard) <= 7
    assert sum(message.dropped_frames for message in heard) == 0
