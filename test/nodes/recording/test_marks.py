"""Annotations by the stamps of messages, whatever their clock does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from co_perception.data.annotations.intervals import Interval
from co_perception.nodes.recording.marks import ClockStep, KeyAnnotations, MessageClock, Moment, PlannedAnnotations

S = 1_000_000_000
FIRST, OTHER = (False, 0), (False, 1)


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


def at(steady_s: float, machine_s: float = -1000.0) -> Moment:
    return Moment(round(steady_s * S), round(machine_s * S))


def test_before_the_first_message_the_time_is_this_machines_and_then_that_of_its_stamp() -> None:
    clock = MessageClock(at(5, 1000))
    assert clock.now_ns(at(9, 1004)) == 1004 * S
    assert clock.note("a", FIRST, 7 * S, at(10, 1005)) == ClockStep(1005 * S, 7 * S, first=True)
    assert [clock.now_ns(at(s, 995 + s)) for s in (10.0, 10.5, 11.0, 60.0)] == [7 * S, 7.5 * S, 8 * S, 8 * S]


def test_the_way_of_messages_is_no_step_of_the_clock() -> None:
    """A pose estimator needs a part of a second: what is marked is now, and not what it has come to."""
    clock = MessageClock(at(0, 100))
    assert clock.note("a", FIRST, round(99.6 * S), at(1, 101)) == ClockStep(101 * S, 99_600_000_000, first=True)
    clock = MessageClock(at(0, 100))
    assert clock.note("a", FIRST, round(100.6 * S), at(1, 101)) == ClockStep(101 * S, 101 * S, first=True)
    assert clock.note("a", FIRST, round(100.7 * S), at(1.8, 101.8)) is None
    assert clock.now_ns(at(7, 107)) == 107 * S
    assert clock.note("a", FIRST, 103 * S, at(8, 108)) == ClockStep(108 * S, 103 * S)  # drifted away
    simulated = MessageClock(at(0, 1_700_000_000))
    assert simulated.note("a", FIRST, 5 * S, at(1, 5.1)) == ClockStep(1_700_000_001 * S, 5_100_000_000, first=True)


@pytest.mark.parametrize(
    ("stamps", "steps"),
    [
        ([(0.1, 0.1), (0.3, 0.2), (0.2, 0.3), (0.2, 0.4)], []),  # overtaken and repeated
        ([(0.1, 60.1), (0.2, 60.2)], []),  # the sender was halted
        ([(2.0, 0.1), (4.0, 0.2)], []),  # a simulation, twenty times as fast
        ([(4295.0, 0.1), (4295.1, 0.2), (0.3, 0.3)], [(0.1, 4295.0), (4295.2, 0.3)]),
        ([(-50.0, 0.1), (-49.9, 0.2)], [(0.1, -50.0)]),
    ],
)
def test_a_clock_that_is_set_makes_a_step(
    stamps: Sequence[tuple[float, float]], steps: Sequence[tuple[float, float]]
) -> None:
    clock = MessageClock(at(0))
    clock.note("a", FIRST, 100 * S, at(0))
    found = [clock.note("a", FIRST, round((100 + stamp) * S), at(when)) for stamp, when in stamps]
    known = [(step.before_ns / S - 100, step.after_ns / S - 100) for step in found if step is not None]
    assert known == [pytest.approx(step) for step in steps]


def test_the_topic_that_was_named_first_counts() -> None:
    clock = MessageClock(at(0))
    clock.note("b", OTHER, 100 * S, at(0))
    assert clock.note("a", FIRST, 500 * S, at(1)) == ClockStep(101 * S, 500 * S)
    assert clock.note("b", OTHER, 101 * S, at(1)) is None
    assert clock.now_ns(at(1)) == 500 * S
    assert clock.foreign_topics() == ["b is stamped -399.0 s beside a, whose stamps the annotations have"]
    close = MessageClock(at(0))
    close.note("b", OTHER, 100 * S, at(0))
    assert close.note("a", FIRST, 100 * S + 5, at(0)) is None
    assert close.foreign_topics() == []


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


@pytest.mark.parametrize("own", [True, False], ids=["this machine's clock", "another clock"])
def test_a_clock_that_is_set_back_a_little_moves_marks_by_no_more(own: bool) -> None:
    """As NTP does; late and doubled messages besides."""
    clock, begin_s = MessageClock(at(0, 5000)), 5000 if own else 70
    order = [n + (n % 15 == 3) - (n % 15 == 4) for n in range(90)]
    steps = []
    for n, tick in enumerate(order):
        now = at(n / 30, 5000 + n / 30)
        stamp_s = begin_s + tick / 30 - 0.3 * (n >= 45)
        steps.append(clock.note("a", FIRST, round(stamp_s * S), now))
        assert abs(clock.now_ns(now) / S - begin_s - n / 30) <= 0.3 + 0.05
    assert steps[0] is not None and not any(steps[1:])


@pytest.mark.parametrize("own", [True, False], ids=["this machine's clock", "another clock"])
def test_marks_follow_a_clock_that_runs_a_hundredth_too_fast(own: bool) -> None:
    clock, begin_s = MessageClock(at(0, 5000)), 5000 if own else 70
    for second in range(1000):
        stamp_s, now = begin_s + 1.01 * second, at(second, 5000 + second)
        clock.note("a", FIRST, round(stamp_s * S), now)
        assert abs(clock.now_ns(now) / S - stamp_s) <= 2.05
