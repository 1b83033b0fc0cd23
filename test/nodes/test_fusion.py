"""The node between two recognizers that are played by the test."""

from __future__ import annotations

import itertools
from time import perf_counter_ns
from typing import Any

import pytest

pytest.importorskip("rclpy")

from builtin_interfaces.msg import Time
from helpers.activity_messages import STALE, UNCERTAIN, VALID, WARMING_UP, activity, part
from helpers.node_stream import overrides_of
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from co_perception.engine.time import nanoseconds
from co_perception.msg import Activity, ActivityArray, ActivityEvent, LabelInfo
from co_perception.nodes.activity_fusion import ActivityFusion, EpochCounter, TimedActivityArray
from co_perception.nodes.core.messages import to_time
from co_perception.nodes.core.qos import latched_qos
from co_perception.nodes.fusion import FusionNode
from co_perception.online.pacing import Pacer, Verdict
from co_perception.online.synchronizer import Synchronizer
from co_perception.srv import GetActivities


@pytest.fixture
def stage(bench: Any) -> Any:
    """The node, its answers, and a function that speaks for each recognizer."""
    node = bench.add(FusionNode(parameter_overrides=overrides_of({"max_wait_s": 0.5, "event_min_on_s": 0.0})))
    speakers = {}
    for name, labels in (("video", ["run", "walk"]), ("skeleton", ["walk", "squat"])):
        info = bench.node.create_publisher(LabelInfo, f"label_info_{name}", latched_qos())
        info.publish(LabelInfo(recognizer=name, label_set=name, labels=labels))
        speakers[name] = bench.node.create_publisher(ActivityArray, f"activity_{name}", 100)
        bench.matched(speakers[name], f"activity_{name}")
    bench.until(lambda: node._fusion.label_info(0.0), "labels")
    heard = bench.listen(ActivityArray, "activity")
    bench.matched(node._activity, "activity")

    def say(name: str, sec: int, *activities: Activity, **fields: int) -> None:
        speakers[name].publish(part(name, *activities, sec=sec, **fields).message)

    return node, heard, say


def test_every_frame_is_told_once_with_both_voices(bench: Any, stage: Any) -> None:
    _, heard, say = stage
    infos = bench.listen(LabelInfo, "fusion/label_info", latched_qos())
    for sec in range(1, 6):
        say("skeleton", sec, activity("1", walk=0.8))
    for sec in range(1, 6):
        say("video", sec, activity("1", walk=0.4, run=0.5), activity("", run=0.5))
    bench.until(lambda: len(heard) >= 5)
    bench.spin(0.4)
    assert [message.header.stamp.sec for message in heard] == [1, 2, 3, 4, 5]
    told = [{a.subject_id: (a.label, round(a.score, 3)) for a in message.activities} for message in heard]
    assert told == [{"1": ("walk", 0.6), "": ("run", 0.5)}] * 5
    bench.until(lambda: infos)
    assert list(infos[-1].labels) == ["run", "walk", "squat"]


def test_its_threshold_can_be_changed_while_it_runs(bench: Any, stage: Any) -> None:
    node, heard, say = stage
    infos = bench.listen(LabelInfo, "fusion/label_info", latched_qos())
    for sec, threshold, status in ((1, 0.0, VALID), (2, 0.7, UNCERTAIN), (3, 0.5, VALID)):
        [result] = node.set_parameters([Parameter("threshold", value=threshold)])
        assert result.successful
        bench.until(lambda threshold=threshold: infos and infos[-1].threshold == pytest.approx(threshold))
        say("skeleton", sec, activity("1", walk=0.8))
        say("video", sec, activity("1", walk=0.4, run=0.5))
        bench.until(lambda sec=sec: len(heard) == sec)
        assert heard[-1].activities[0].status == status


def test_one_that_is_silent_holds_nobody_up_for_long(bench: Any, stage: Any) -> None:
    node, heard, say = stage
    say("skeleton", 1, activity("1", squat=0.8))
    bench.until(lambda: heard)
    assert heard[0].activities[0].label == "squat"
    assert node.counters.counts()["alone"] == 1
    say("video", 1, activity("1", run=0.9))
    bench.until(lambda: node.counters.counts().get("late"))
    node._reported_late = 0  # the node itself asks every second
    assert "1 answer(s) to frames that were over" in node.health()[1]
    bench.spin(0.3)
    assert len(heard) == 1


def test_late_answers_hand_on_the_frames_that_they_report(bench: Any, stage: Any) -> None:
    """They were in no message. A late answer to a frame that no message is about is a dropped frame itself."""
    node, heard, say = stage
    say("skeleton", 5, activity("1", walk=0.8), dropped_frames=1)
    bench.until(lambda: heard)
    say("video", 5, activity("1", walk=0.8), dropped_frames=20)  # the skeleton's answer did not wait for it any more
    say("video", 4, dropped_frames=300)
    bench.until(lambda: node.counters.counts().get("late") == 2)
    for name in ("video", "skeleton"):
        say(name, 6, activity("1", walk=0.8), dropped_frames=4000)
    bench.until(lambda: len(heard) == 2)
    assert [message.dropped_frames for message in heard] == [1, 20 + 300 + 1 + 8000]


def test_frames_from_before_a_deactivation_do_not_come_first_after_it(bench: Any, stage: Any) -> None:
    node, heard, say = stage
    say("video", 1, activity("1", walk=0.8))
    bench.until(lambda: node.counters.counts().get("received from video") == 1)
    assert node.trigger_deactivate() == node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    assert node.counters.counts()["left at stop"] == 1
    bench.until(lambda: bench.node.count_subscribers("activity_skeleton"))
    bench.spin(0.3)
    for name in ("video", "skeleton"):
        say(name, 2, activity("1", walk=0.8))
    bench.until(lambda: heard)
    bench.spin(0.7)
    assert [message.header.stamp.sec for message in heard] == [2]


def test_a_reset_forgets_what_waits_and_ends_what_stands(bench: Any, stage: Any) -> None:
    node, heard, say = stage
    events = bench.listen(ActivityEvent, "activity_events")
    bench.until(lambda: bench.node.count_publishers("activity_events"))
    for name in ("video", "skeleton"):
        say(name, 1, activity("1", walk=0.9))
    bench.until(lambda: heard and events)
    say("video", 2, activity("1", walk=0.9))
    bench.until(lambda: node.counters.counts().get("received from video") == 2)
    answer = bench.call(Trigger, "fusion/reset")
    assert answer.success and "all is forgotten" in answer.message
    counts = node.counters.counts()
    assert counts["joined"] + counts.get("alone", 0) + counts.get("left at reset", 0) == 2, "one of each frame"
    assert not bench.call(GetActivities, "get_activities").activities
    bench.until(lambda: len(events) == 2)
    assert [(event.kind, event.label) for event in events] == [(0, "walk"), (1, "walk")]
    for name in ("video", "skeleton"):
        say(name, 3, activity("1", walk=0.9))
    bench.until(lambda: heard[-1].header.stamp.sec == 3)
    assert heard[-1].state_epoch == heard[0].state_epoch + 1
    assert heard[-1].activities[0].since.sec == 3


def test_what_begins_and_ends_is_announced(bench: Any, stage: Any) -> None:
    _, _, say = stage
    events = bench.listen(ActivityEvent, "activity_events")
    bench.until(lambda: bench.node.count_publishers("activity_events"))
    for sec, label in enumerate(["walk", "walk", "squat", "squat"], start=1):
        say("skeleton", sec, activity("1", **{label: 0.9}))  # type: ignore[arg-type]
        say("video", sec)
    bench.until(lambda: len(events) >= 3)
    told = [(e.kind, e.label, e.at.sec, e.subject_id, e.header.stamp.sec) for e in events]
    assert told == [(0, "walk", 1, "1", 1), (1, "walk", 3, "1", 3), (0, "squat", 3, "1", 3)]


def test_nobody_to_be_heard_is_refused(bench: Any) -> None:
    silent = overrides_of({"weight_video": 0.0, "weight_skeleton": 0.0})
    node = bench.add(FusionNode(parameter_overrides=silent), up=False)
    node.trigger_configure()
    assert not node.settings.configured


@pytest.fixture
def fusion() -> ActivityFusion:
    made = ActivityFusion(("video", "skeleton"), {"video": 0.5, "skeleton": 0.5})
    made.learn("skeleton", LabelInfo(recognizer="net/b", label_set="b", labels=["walk", "squat"], rate_hz=15.0))
    made.learn("video", LabelInfo(recognizer="net/a", label_set="a", labels=["run", "walk"], rate_hz=25.0))
    return made


def fused(fusion: ActivityFusion, video: Activity, skeleton: Activity, threshold: float = 0.0) -> list[Activity]:
    parts = {"video": part("a", video), "skeleton": part("b", skeleton)}
    return list(fusion.message(parts, threshold=threshold, top_k=5).activities)


def test_topk_of_a_part_that_leaves_out_what_it_could_list(fusion: ActivityFusion) -> None:
    """Each knows two classes: one hypothesis is too few, two are all, and none stand while it warms up."""
    given = [activity("1", walk=0.8), activity("1", walk=0.8, squat=0.2), Activity(subject_id="1")]
    told = [fusion.lists_too_few("skeleton", part("b", each).message) for each in given]
    assert told == [True, False, False]
    assert not fusion.lists_too_few("unknown", part("b", given[0]).message)


def test_what_fusion_says_does_not_depend_on_topk_of_its_parts() -> None:
    """Eleven classes with all scores, and one to five hypotheses: the same scores, labels and scores of events."""
    labels, found = [f"act {n}" for n in range(11)], []
    for top_k in (1, 5):
        fusion = ActivityFusion(("video", "skeleton"), {"video": 0.5, "skeleton": 0.5})
        fusion.learn("video", LabelInfo(label_set="a", labels=labels))
        fusion.learn("skeleton", LabelInfo(label_set="b", labels=labels[::-1]))
        for step in range(12):
            video, skeleton = ([(step * k + n) % 11 / 64 for n in range(11)] for k in (3, 5))
            parts = {
                "video": part("a", scored("1", labels, video, top_k), sec=7 + step),
                "skeleton": part("b", scored("1", labels[::-1], skeleton, top_k), sec=7 + step),
            }
            (one,) = fusion.message(parts, threshold=0.0, top_k=3).activities
            assert not fusion.lists_too_few("video", parts["video"].message)
            found.append((top_k, list(one.scores), one.label, [h.label for h in one.hypotheses], dict(fusion.scores)))
            means = [(a + b) / 2 for a, b in zip(video, skeleton[::-1], strict=True)]
            assert list(one.scores) == pytest.approx(means) and one.label == labels[means.index(max(means))]
    assert [each[1:] for each in found[:12]] == [each[1:] for each in found[12:]]


def test_scores_of_another_label_set_are_not_taken_for_those_of_the_known_one(fusion: ActivityFusion) -> None:
    """A part whose task has changed, before its labels come: what its hypotheses name counts, and no list has all."""
    message = fusion.message({"video": part("other", scored("1", ["sit", "run"], [0.9, 0.1], 2))}, threshold=0, top_k=5)
    (one,) = message.activities
    assert (one.label, one.class_id, list(one.scores)) == ("sit", -1, [])


def scored(subject: str, labels: list[str], scores: list[float], top_k: int) -> Activity:
    """An activity with all scores and the best hypotheses."""
    best = sorted(zip(labels, scores, strict=True), key=lambda pair: -pair[1])[:top_k]
    made = activity(subject, **dict(best))  # type: ignore[arg-type]
    made.scores = scores
    return made


def test_one_subject_of_both_gets_one_activity_with_the_mean(fusion: ActivityFusion) -> None:
    both = {
        "video": part("a", activity("1", run=0.5, walk=0.4, roi=3), dropped_frames=2, state_epoch=1),
        "skeleton": part("b", activity("1", walk=0.8, progress=0.9), dropped_frames=1, observation_delay=5),
    }
    message = fusion.message(both, threshold=0.0, top_k=5)
    (one,) = message.activities
    assert (one.subject_id, one.label, one.class_id, one.status) == ("1", "walk", 1, VALID)
    assert [(h.label, h.class_id) for h in one.hypotheses] == [("walk", 1), ("run", 0)]
    assert [h.score for h in one.hypotheses] == pytest.approx([0.6, 0.5])
    assert (one.progress, one.roi.width) == (pytest.approx(0.9), 3)
    assert message.header == both["video"].message.header
    assert (message.dropped_frames, message.state_epoch, message.observation_delay.nanosec) == (3, 1, 5)
    assert (message.recognizer, message.label_set) == ("net/a + net/b", "a + b")


def test_the_scene_and_the_people_in_it_stay_apart(fusion: ActivityFusion) -> None:
    activities = fused(fusion, activity("", run=0.9), activity("4", squat=0.7))
    assert {activity.subject_id: activity.label for activity in activities} == {"": "run", "4": "squat"}


def test_who_is_warming_up_is_not_heard_while_another_is_sure(fusion: ActivityFusion) -> None:
    (one,) = fused(fusion, activity("1", WARMING_UP, run=0.99), activity("1", squat=0.6))
    assert (one.label, one.status) == ("squat", VALID)


@pytest.mark.parametrize(
    ("first", "second", "threshold", "status"),
    [
        (VALID, STALE, 0.0, VALID),
        (VALID, VALID, 0.7, UNCERTAIN),
        (UNCERTAIN, STALE, 0.0, UNCERTAIN),
        (WARMING_UP, STALE, 0.0, WARMING_UP),
        (STALE, STALE, 0.0, STALE),
    ],
)
def test_the_status_is_no_better_than_what_was_said(
    fusion: ActivityFusion, first: int, second: int, threshold: float, status: int
) -> None:
    (one,) = fused(fusion, activity("1", first, walk=0.6), activity("1", second, walk=0.6), threshold)
    assert one.status == status
    assert one.label == ("walk" if status == VALID else "")


@pytest.mark.parametrize("rejected", [UNCERTAIN, WARMING_UP, STALE])
def test_fused_uncertain_stays_rejected(fusion: ActivityFusion, rejected: int) -> None:
    """Whatever another recognizer is sure of, the label that one rejected is not made VALID."""
    (one,) = fused(fusion, activity("1", VALID, run=0.3), activity("1", rejected, squat=0.9))
    assert (one.status, one.label) == ((UNCERTAIN, "") if rejected == UNCERTAIN else (VALID, "run"))
    (agreed,) = fused(fusion, activity("1", VALID, walk=0.8), activity("1", rejected, walk=0.6))
    assert (agreed.status, agreed.label) == (VALID, "walk")


def test_fused_uncertain_is_not_made_valid_by_a_recognizer_without_weight() -> None:
    fusion = ActivityFusion(("video", "skeleton"), {"video": 0.0, "skeleton": 1.0})
    (one,) = fused(fusion, activity("1", VALID, squat=0.9), activity("1", UNCERTAIN, squat=0.9))
    assert (one.status, one.label) == (UNCERTAIN, "")


def test_fused_flicker_ends_where_a_part_that_is_not_due_holds_its_last_answer(fusion: ActivityFusion) -> None:
    """Video answers every frame and skeleton every second one; after that none of the skeleton for 1 s and more."""
    steps = []
    for i in range(60):
        stamp = {"sec": 1 + i // 20, "nanosec": i % 20 * 50_000_000}
        parts = {"video": part("a", activity("1", run=0.55), observation_delay=5)}
        if i % 2 == 0 and i < 30:
            parts["skeleton"] = part("b", activity("1", squat=0.9), observation_delay=7, dropped_frames=1)
        for timed in parts.values():
            timed.message.header.stamp = Time(**stamp)
        steps.append(fusion.message(parts, threshold=0.0, top_k=5))
    assert [m.activities[0].label for m in steps] == ["squat"] * 49 + ["run"] * 11
    assert [m.dropped_frames for m in steps[:3]] == [1, 0, 1]
    delays = [m.observation_delay.nanosec for m in (steps[0], steps[1], steps[59])]
    assert delays == [7, 50_000_007, 5]
    assert {m.activities[0].since.sec for m in steps[:49]} == {1}


def test_a_label_keeps_the_stamp_it_began_with(fusion: ActivityFusion) -> None:
    def since(sec: int, **scores: float) -> int:
        said = activity("1", **scores)  # type: ignore[arg-type]
        message = fusion.message({"video": part("a", said, sec=sec)}, threshold=0.0, top_k=5)
        return int(message.activities[0].since.sec)

    assert [since(3, run=0.9), since(4, run=0.8), since(5, walk=0.7), since(6, run=0.9)] == [3, 3, 5, 6]


def test_one_alone_is_numbered_as_both_are(fusion: ActivityFusion) -> None:
    message = fusion.message({"skeleton": part("b", activity("1", squat=0.6))}, threshold=0.0, top_k=5)
    assert (message.label_set, message.activities[0].class_id) == ("a + b", 2)
    info = fusion.label_info(0.0)
    assert info is not None and info.labels[2] == "squat"


def test_before_the_labels_are_known_classes_have_no_number() -> None:
    fusion = ActivityFusion(("video", "skeleton"), {"video": 1.0, "skeleton": 1.0})
    message = fusion.message({"video": part("a", activity("1", run=0.6))}, threshold=0.0, top_k=5)
    assert (message.activities[0].label, message.activities[0].class_id) == ("run", -1)
    assert fusion.label_info(0.0) is None


def test_one_step_of_the_clock_is_one_interruption_of_both(fusion: ActivityFusion) -> None:
    """The count went up with every message that came of the old and the new stamps in turn."""
    sync: Synchronizer[TimedActivityArray] = Synchronizer(("video", "skeleton"), max_wait_s=0.5)
    pacer, sent = Pacer(0.0, max_gap_s=1.0), list[tuple[int, str, int, int]]()
    for n in range(90):
        ns = (1000 + n * 33 - 300 * (n >= 45)) * 1_000_000
        admission = pacer.admit(ns)
        if admission.verdict == Verdict.TAKE:
            sent += [
                (n + 2 * (name == "video"), name, ns, admission.epoch) for name in ("skeleton", "video")[: 1 + n % 2]
            ]
    found: list[tuple[int, int]] = []
    for at, name, ns, epoch in sorted(sent, key=lambda entry: entry[0]):
        message = part(name, activity("1", run=0.5), state_epoch=epoch + 5)
        message.message.header.stamp = to_time(ns)
        for group in sync.put(name, ns, message, at / 30, message.message.state_epoch):
            fused = fusion.message(group.parts, threshold=0.0, top_k=5)
            found.append((fused.state_epoch, nanoseconds(fused.header.stamp)))
    assert [epoch for epoch, _ in itertools.groupby(found, key=lambda entry: entry[0])] == [5, 6]
    assert found == sorted(set(found))


def test_one_count_of_interruptions_goes_up_whoever_is_silent_or_starts_again() -> None:
    epochs = EpochCounter()
    told = [
        {"video": 1, "skeleton": 0},
        {"video": 1},
        {"skeleton": 0},
        {"video": 1, "skeleton": 2},
        {"skeleton": 0},  # a recognizer that was started again
        {"video": 1, "skeleton": 0},
        {"video": 2, "skeleton": 1},
    ]
    assert [epochs.update(one) for one in told] == [1, 1, 1, 3, 4, 4, 5]


def test_groups_of_one_subject_are_fused_each_by_itself() -> None:
    """Video asks one question, the skeletons two: a label of the same name in two groups has two numbers."""
    fusion = ActivityFusion(("video", "skeleton"), {"video": 0.5, "skeleton": 0.5})
    fusion.learn("video", LabelInfo(label_set="a", labels=["walking", "waving"]))
    labels, groups = ["standing", "sitting", "no_gesture", "waving"], ["posture", "posture", "arms", "arms"]
    fusion.learn("skeleton", LabelInfo(label_set="b", labels=labels, groups=groups))
    said = [("posture", VALID, [0.2, 0.8]), ("arms", UNCERTAIN, [0.5, 0.5])]
    own = [Activity(subject_id="1", group=group, status=status, scores=scores) for group, status, scores in said]
    parts = {
        "video": part("a", Activity(subject_id="1", status=VALID, scores=[0.1, 0.9])),
        "skeleton": part("b", *own),
    }
    message = fusion.message(parts, threshold=0.0, top_k=5)
    assert [(a.subject_id, a.group, a.label, a.class_id) for a in message.activities] == [
        ("1", "", "waving", 1), ("1", "posture", "sitting", 3), ("1", "arms", "", -1)
    ]  # fmt: skip
    assert [list(a.scores) for a in message.activities] == [
        pytest.approx(s) for s in ([0.1, 0.9], [0.2, 0.8], [0.5, 0.5])
    ]
    assert set(fusion.scores) == {("1", ""), ("1", "posture"), ("1", "arms")}
    info = fusion.label_info(0.0)
    assert info is not None
    assert list(info.labels) == ["walking", "waving", *labels] and list(info.groups) == ["", "", *groups]
    later = fusion.message({"skeleton": part("b", *own, sec=8)}, threshold=0.0, top_k=5)
    assert [(a.group, a.since.sec) for a in later.activities if a.label] == [("", 7), ("posture", 7)]


def test_a_fall_is_told_where_both_recognizers_answer(bench: Any, stage: Any) -> None:
    """The skeleton recognizer tells no events then; fusion has its scores."""
    node, heard, _ = stage
    events = bench.listen(ActivityEvent, "activity_events")
    bench.matched(node._event_publisher._publisher, "activity_events")
    labels, groups = ["standing", "lying", "no_motion", "falling"], ["posture", "posture", "motion", "motion"]
    node._on_labels("skeleton", LabelInfo(recognizer="skeleton", label_set="skeleton", labels=labels, groups=groups))
    assert node._event_publisher._falls is not None
    for tick in range(25):
        posture, motion = ([0.9, 0.1], [0.9, 0.1]) if tick < 6 else ([0.5, 0.5], [0.1, 0.9])
        posture, motion = ([0.1, 0.9], [0.9, 0.1]) if tick > 10 else (posture, motion)
        said = [("posture", posture), ("motion", motion)]
        own = [Activity(subject_id="1", group=group, status=VALID, scores=scores) for group, scores in said]
        message = part("skeleton", *own).message
        message.header.stamp = Time(sec=5 + tick // 10, nanosec=tick % 10 * 100_000_000)
        node._on_activity("skeleton", message)
    bench.until(lambda: [event.kind for event in events if event.group == "fall"] == [ActivityEvent.ONSET], "a fall")
    node._on_labels("skeleton", LabelInfo(recognizer="skeleton", label_set="skeleton", labels=["walk"]))
    assert node._event_publisher._falls is None
    bench.until(lambda: sum(event.group == "fall" for event in events) == 2, "its end")


def test_the_time_of_an_answer_is_that_of_the_slowest_way() -> None:
    """The answer that came first has waited for the other, whose time the wait is not added to."""
    now_ns = perf_counter_ns()
    early, late = (
        part(name, activity("1", walk=0.5), processing_latency=ms * 1_000_000) for name, ms in (("a", 10), ("b", 50))
    )
    parts = {
        "video": TimedActivityArray(early.message, now_ns - 40_000_000),
        "skeleton": TimedActivityArray(late.message, now_ns),
    }
    fusion = ActivityFusion(("video", "skeleton"), {"video": 0.5, "skeleton": 0.5})
    latency = fusion.message(parts, threshold=0.0, top_k=5).processing_latency
    assert 50_000_000 <= latency.nanosec < 50_000_000 + (perf_counter_ns() - now_ns)
