"""Annotations from key to key and from a plan, which follow a clock that is set."""

from __future__ import annotations

from co_perception.data.annotations.intervals import Interval
from co_perception.nodes.recording.marks import KeyAnnotations, PlannedAnnotations
from co_perception.nodes.recording.message_clock import ClockStep


def test_a_key_begins_and_the_next_one_the_same_or_space_ends() -> None:
    marks = KeyAnnotations({"1": "wave", "2": "walk"})
    for key, at in [("1", 10), ("2", 20), ("x", 25), ("2", 30), ("1", 40), (" ", 50), (" ", 60), ("2", 70)]:
        marks.press(key, at)
    assert (marks.label, marks.since_ns) == ("walk", 70)
    ended = [Interval(10, 20, "wave"), Interval(20, 30, "walk"), Interval(40, 50, "wave")]
    assert marks.until(75) == [*ended, Interval(70, 75, "walk")]
    assert marks.until(70) == ended
    marks.stop(80)
    marks.stop(90)
    for _ in range(2):
        marks.press("1", 95)
    assert (marks.label, marks.until(100)) == ("", [*ended, Interval(70, 80, "walk")])


def test_keys_follow_the_clock() -> None:
    marks = KeyAnnotations({"1": "wave", "2": "walk"})
    marks.press("1", 10)
    marks.press("2", 20)
    marks.follow(ClockStep(25, 1025, first=True))
    assert marks.until(1030) == [Interval(1010, 1020, "wave"), Interval(1020, 1030, "walk")]
    marks.follow(ClockStep(1040, 540))
    marks.press(" ", 550)
    marks.follow(ClockStep(600, 700))
    ended = [Interval(1010, 1020, "wave"), Interval(1020, 1040, "walk"), Interval(540, 550, "walk")]
    assert marks.until(800) == ended


def test_a_plan_follows_the_clock() -> None:
    planned = [Interval(0, 10, "wave", "", True), Interval(10, 30, "walk", "", True), Interval(40, 50, "sit", "", True)]
    plan = PlannedAnnotations([*planned, Interval(7, 8, "stand")], 100)
    plan.follow(ClockStep(105, 1005, first=True))
    stand = Interval(7, 8, "stand")
    moved = [each.shifted(1000) for each in planned]
    assert plan.intervals == [stand, *moved]
    plan.follow(ClockStep(1020, 520))
    parts = [moved[0], Interval(1010, 1020, "walk"), Interval(520, 530, "walk"), Interval(540, 550, "sit")]
    assert plan.intervals == [stand, *parts]
