"""What stands is what began and did not end, whatever the detectors report; queries are compared with plain loops."""

from __future__ import annotations

import random
from typing import Any

import pytest

from co_perception.data.messages.people import Box
from co_perception.engine.time import NANO
from co_perception.online.events import EventKind, GroupEventDetector, LabelScores, Rules
from co_perception.online.held_activities import ActivityQuery, HeldActivities

STEP = NANO // 10
RULES = Rules(on=0.5, off=0.35, min_on_s=0.2, min_off_s=0.2)
LABELS = {"posture": ("sit", "stand"), "arms": ("wave", "none")}


def frames(count: int, seed: int) -> list[dict[tuple[str, str], LabelScores]]:
    """Scores of up to three people in two groups that change now and then."""
    rng = random.Random(seed)
    found: list[dict[tuple[str, str], LabelScores]] = []
    for number in range(count):
        before = found[-1] if found else {}
        frame = {}
        for who in ("a", "b", "c"):
            for group, labels in LABELS.items():
                fresh = number % 5 == 0 or (who, group) not in before
                share = rng.random()
                scores = LabelScores(dict(zip(labels, (share, 1 - share), strict=True)))
                frame[who, group] = scores if fresh else before[who, group]
        if number % 7 == 6:
            del frame["c", "posture"], frame["c", "arms"]
        found.append(frame)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_onsets_without_offset_are_what_stands(seed: int) -> None:
    detector, held = GroupEventDetector(RULES), HeldActivities("run_e")
    open_: dict[tuple[str, str], Any] = {}
    ids = list[str]()
    for number, scores in enumerate(frames(200, seed)):
        events = detector.update(number * STEP, scores)
        held.update(number * STEP, scores, {})
        for each in held.apply(events):
            ids.append(each.id)
            key = each.event.subject, each.event.group
            if each.event.kind == EventKind.ONSET:
                open_[key] = each
                assert each.onset_id == each.id
            else:
                assert each.onset_id == open_.pop(key).id
        found = {(each.subject, each.group): (each.label, each.began_ns, each.event_id) for each in held.activities}
        assert found == {key: (each.event.label, each.event.at_ns, each.id) for key, each in open_.items()}
        stamps = [each.began_ns for each in held.activities]
        assert stamps == sorted(stamps)
    assert ids == [f"run_e{number + 1}" for number in range(len(ids))] and len(ids) > 20
    held.apply(detector.end())
    assert not held.activities


BOX = Box(10, 10, 20, 40)


def standing(*subjects: str, score: float = 0.8, box: Box = BOX) -> HeldActivities:
    """People who wave since 0 s, at 1 s."""
    detector, held = GroupEventDetector(RULES), HeldActivities()
    for tick in range(11):
        scores = {(who, "arms"): LabelScores({"wave": score, "none": 1 - score}) for who in subjects}
        events = detector.update(tick * STEP, scores)
        held.update(tick * STEP, scores, dict.fromkeys(subjects, box))
        held.apply(events)
    return held


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["a", "b"]),
        ({"labels": ("wave", "clap")}, ["a", "b"]),
        ({"labels": ("clap",)}, []),
        ({"subjects": ("b", "z")}, ["b"]),
        ({"group": "arms"}, ["a", "b"]),
        ({"group": "posture"}, []),
        ({"min_score": 0.79}, ["a", "b"]),
        ({"min_score": 0.81}, []),
        ({"min_duration_s": 1.0}, ["a", "b"]),
        ({"min_duration_s": 1.01}, []),
        ({"region": Box(20, 30, 1, 1)}, ["a", "b"]),  # the center is at 20, 30
        ({"region": Box(21, 30, 5, 5)}, []),
        ({"region": Box(0, 0, 20, 50)}, []),  # its right edge is outside
    ],
)
def test_a_query(asked: dict[str, Any], found: list[str]) -> None:
    assert [each.subject for each in standing("a", "b").matches(ActivityQuery(**asked))] == found


def test_a_subject_without_a_box_is_nowhere() -> None:
    held = standing("a", box=Box())
    assert held.matches(ActivityQuery()) and not held.matches(ActivityQuery(region=Box(0, 0, 999, 999)))


def test_the_score_is_that_of_the_newest_frame_and_of_an_absent_subject_none() -> None:
    held = standing("a")
    held.update(12 * STEP, {("a", "arms"): LabelScores({"wave": 0.4, "none": 0.6})}, {})
    assert [(each.score, each.box.width) for each in held.activities] == [(0.4, 20)]
    held.update(13 * STEP, {("b", "arms"): LabelScores({"wave": 0.9})}, {})
    assert [each.score for each in held.activities] == [0.0]


def test_a_copy_stays() -> None:
    held = standing("a")
    before = held.copy()
    held.update(12 * STEP, {("a", "arms"): LabelScores({"wave": 0.4, "none": 0.6})}, {})
    assert [each.score for each in before.activities] == [0.8] and before.stamp_ns == 10 * STEP


def test_who_is_near_is_the_likeliest_of_what_is_asked_for() -> None:
    held = HeldActivities()
    scores = {(f"p{n}", "arms"): LabelScores({"wave": n / 10, "none": 1 - n / 10}) for n in range(9)}
    held.update(0, scores, {"p3": Box(0, 0, 10, 10)})
    nearest = held.nearest(ActivityQuery(labels=("wave", "clap")))
    assert [(each.subject, each.score) for each in nearest] == [(f"p{n}", n / 10) for n in (8, 7, 6, 5, 4)]
    assert [each.subject for each in held.nearest(ActivityQuery(region=Box(0, 0, 20, 20)))] == ["p3"]
    assert held.nearest(ActivityQuery())[0].label == "none"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"min_score": 80.0}, "80 percent are 0.8"),
        ({"min_score": float("nan")}, "probability"),
        ({"min_duration_s": -1.0}, "0 or more"),
        ({"min_duration_s": float("nan")}, "0 or more"),
        ({"region": Box(0, 0, 10, 0)}, "a box has both"),
    ],
)
def test_questions_that_nothing_can_answer(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ActivityQuery(**wrong)
