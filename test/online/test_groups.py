"""A person sits and waves: an answer, a label's beginning and events for each group of the label set."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.fake_learners import FakeGroupLearner

from co_perception.data.messages.people import from_poses
from co_perception.engine.label_groups import SubjectGroup
from co_perception.engine.stage_counts import Stage
from co_perception.engine.target import Pose, Status
from co_perception.engine.time import NANO
from co_perception.online.events import EventKind, GroupEventDetector, LabelScores, Rules
from co_perception.online.people import Policy
from co_perception.online.people_recognizers import SkeletonRecognizer
from co_perception.online.recognizer import Answer, caption

TICK_NS = NANO // 10
RULES = Rules(on=0.6, off=0.4, min_on_s=0.1, min_off_s=0.1)


def waves_from(number: int) -> tuple[float, ...]:
    """Sitting from frame 2 on, waving in frames 4 to 7."""
    return (*((0.1, 0.9) if number >= 2 else (0.9, 0.1)), *((0.2, 0.8) if 4 <= number < 8 else (0.7, 0.3)))


def body(id: str) -> Pose:
    return Pose(np.tile(np.array([40, 50, 1], np.float32), (17, 1)), "coco17", id=id)


def answered(recognizer: SkeletonRecognizer, tick: int, *ids: str) -> list[Answer]:
    stamp_ns = NANO + tick * TICK_NS
    found = recognizer.answer(from_poses([body(id) for id in ids], (640, 480)), stamp_ns, recognizer.admit(stamp_ns))
    assert found is not None
    return list(found.answers)


@pytest.fixture
def recognizer() -> SkeletonRecognizer:
    return SkeletonRecognizer(FakeGroupLearner(waves_from), Policy(), 10.0)


def test_each_subject_has_an_answer_for_each_group(recognizer: SkeletonRecognizer) -> None:
    frames = [answered(recognizer, tick, "a", "b") for tick in range(9)]
    assert [(each.subject, each.category.group) for each in frames[0]] == [
        ("a", "posture"), ("a", "arms"), ("b", "posture"), ("b", "arms")
    ]  # fmt: skip
    since = [[((each.since_ns or 0) - NANO) // TICK_NS for each in frame[:2]] for frame in frames]
    assert since == [[0, 0], [0, 0], *[[2, 0]] * 2, *[[2, 4]] * 4, [2, 8]]
    assert [each.label for each in frames[4][:2]] == ["sitting", "waving"]
    assert recognizer.counts.stages[Stage.WINDOWS].passed == 18  # one of each person and frame


def test_who_is_out_of_sight_is_stale_in_every_group(recognizer: SkeletonRecognizer) -> None:
    answered(recognizer, 0, "a")
    gone = answered(recognizer, 1)
    assert [(each.category.group, each.category.status, each.label) for each in gone] == [
        ("posture", Status.STALE, ""), ("arms", Status.STALE, "")
    ]  # fmt: skip


def test_a_caption_has_all_labels_but_those_of_none(recognizer: SkeletonRecognizer) -> None:
    frames = [answered(recognizer, tick, "a") for tick in range(5)]
    assert [caption(frame) for frame in frames] == ["standing", "standing", "sitting", "sitting", "sitting · waving"]
    assert caption(frames[0][1:]) == "no_gesture"  # nothing else is to be told
    assert recognizer.describe(frames[4]) == "1 in sight (sitting · waving: 1)"
    assert caption(answered(recognizer, 5)) == "stale"


def scores(number: int) -> dict[SubjectGroup, LabelScores]:
    standing, sitting, nothing, waving = waves_from(number)
    posture, arms = {"standing": standing, "sitting": sitting}, {"no_gesture": nothing, "waving": waving}
    return {("a", "posture"): LabelScores(posture), ("a", "arms"): LabelScores(arms)}


def test_events_are_of_each_group_and_none_has_no_onset() -> None:
    """It is sure that there is no gesture before and after the waving; that ends the waving, and begins nothing."""
    detector = GroupEventDetector(RULES)
    found = [event for n in range(14) for event in detector.update(n * TICK_NS, scores(n))] + detector.end()
    told = [(e.kind, e.group, e.label, e.at_ns // TICK_NS) for e in found]
    on, off = EventKind.ONSET, EventKind.OFFSET
    assert told == [
        (on, "posture", "standing", 0), (off, "posture", "standing", 2), (on, "posture", "sitting", 2),
        (on, "arms", "waving", 4), (off, "arms", "waving", 8), (off, "posture", "sitting", 13),
    ]  # fmt: skip


def test_none_ends_what_its_score_alone_would_hold() -> None:
    """Waving stays at 0.4, which is not below `off`; that nothing is done leads with 0.6, as another label would."""
    detector = GroupEventDetector(RULES)
    frames = [{"no_gesture": 0.1, "waving": 0.9}] * 3 + [{"no_gesture": 0.6, "waving": 0.4}] * 4
    events = [
        event
        for n, frame in enumerate(frames)
        for event in detector.update(n * TICK_NS, {("a", "arms"): LabelScores(frame)})
    ]
    assert [(e.kind.name, e.label, e.at_ns) for e in events] == [
        ("ONSET", "waving", 0), ("OFFSET", "waving", 3 * TICK_NS)
    ]  # fmt: skip


@pytest.mark.parametrize("label", ["none", "no_gesture", "background"])
def test_without_groups_every_label_is_an_activity(label: str) -> None:
    detector = GroupEventDetector(RULES)
    found = [e for n in range(4) for e in detector.update(n * TICK_NS, {("a", ""): LabelScores({label: 0.9})})]
    assert [(e.kind, e.group, e.label) for e in found] == [(EventKind.ONSET, "", label)]


def test_memory_of_groups_goes_with_their_subjects() -> None:
    detector = GroupEventDetector(RULES)
    for number in range(50):
        detector.update(number * TICK_NS, {("a", f"group {number}"): LabelScores({"x": 0.1})})
    assert len(detector._detectors) == 1
    assert detector.end(["b"]) == [] and detector.update(60 * TICK_NS, {}) == [] and not detector._detectors
