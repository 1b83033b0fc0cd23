"""The time by the clock that stamps messages: this machine's or another, set, fast, halted, and with messages late."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from co_perception.nodes.recording.message_clock import ClockStep, MessageClock, Moment

S = 1_000_000_000
FIRST, OTHER = (False, 0), (False, 1)


def at(steady_s: float, machine_s: float = -1000.0) -> Moment:
    return Moment(round(steady_s * S), round(machine_s * S))


def test_before_the_first_message_the_time_is_this_machines_and_then_that_of_its_stamp() -> None:
    clock = MessageClock(at(5, 1000))
    assert clock.now_ns(at(9, 1004)) == 1004 * S
    assert clock.note("a", FIRST, 7 * S, at(10, 1005)) == ClockStep(1005 * S, 7 * S, first=True)
    assert [clock.now_ns(at(s, 995 + s)) for s in (10.0, 10.5, 11.0, 60.0)] == [7 * S, 7.5 * S, 8 * S, 8 * S]


def test_the_way_of_messages_is_no_step_of_the_clock() -> None:
    """A pose estimator needs a part of a second, or several: what is marked is now, and not what it has come to."""
    clock = MessageClock(at(0, 100))
    assert clock.note("a", FIRST, 90 * S, at(1, 101)) == ClockStep(101 * S, 90 * S, first=True)  # of another clock
    clock = MessageClock(at(0, 100))
    assert clock.note("a", FIRST, 92 * S, at(1, 101)) == ClockStep(101 * S, 101 * S, first=True)
    assert clock.note("a", FIRST, round(100.7 * S), at(1.8, 101.8)) is None
    assert clock.note("a", FIRST, 103 * S, at(8, 108)) is None
    assert clock.now_ns(at(9, 109)) == 109 * S
    assert clock.note("a", FIRST, 98 * S, at(10, 110)) == ClockStep(110 * S, 98 * S)  # it was set back
    simulated = MessageClock(at(0, 1_700_000_000))
    assert simulated.note("a", FIRST, 5 * S, at(1, 5.1)) == ClockStep(1_700_000_001 * S, 5_100_000_000, first=True)


def test_a_clock_that_is_ahead_a_little_is_followed() -> None:
    clock = MessageClock(at(0, 100))
    clock.note("a", FIRST, round(101.8 * S), at(1, 101))
    assert [clock.now_ns(at(s, 100 + s)) for s in (1.0, 1.5)] == [round(101.8 * S), round(102.3 * S)]


def arrivals(lags_s: Sequence[float], speed: float = 1.0, rate_hz: float = 15.0) -> list[tuple[float, float]]:
    """Stamp, and when it comes, of a stream whose messages do not overtake each other; stamps begin at 0."""
    found, come_s = [], 0.0
    for n, lag_s in enumerate(lags_s):
        come_s = max(come_s + 1e-3, n / rate_hz + lag_s)
        found.append((speed * n / rate_hz, come_s))
    return found


LATE = [0.9 if 60 <= n % 150 < 85 else 0.05 for n in range(450)]  # for a second and a half of each ten


CLOCKS_S = [0.0, 0.9, -4000.0, 4000.0]
# Messages that come more and more late by another clock are those of a clock that runs slower.
KINDS = [("more and more", 0.0), *((kind, ahead_s) for kind in ("in bursts", "at random") for ahead_s in CLOCKS_S)]


@pytest.mark.parametrize(("kind", "machine_s"), KINDS)
def test_messages_that_come_late_move_no_mark(kind: str, machine_s: float) -> None:
    """`machine_s`: by how much stamps are ahead of this machine's clock. Marks are asked for all the time."""
    draw = random.Random(0)
    lags = {
        "in bursts": LATE,
        "more and more": [0.05 + 0.004 * n for n in range(240)],
        "at random": [abs(draw.gauss(0, 0.3)) for _ in LATE],
    }[kind]
    clock = MessageClock(at(0, 9000 - machine_s))
    waiting, errors, steps = arrivals(lags), [], 0
    for tick in range(1, round(20 * waiting[-1][1])):
        now_s = tick / 20
        while waiting and waiting[0][1] <= now_s:
            stamp_s, come_s = waiting.pop(0)
            step = clock.note("a", FIRST, round((9000 + stamp_s) * S), at(come_s, 9000 + come_s - machine_s))
            steps += step is not None
        errors.append(clock.now_ns(at(now_s, 9000 + now_s - machine_s)) / S - 9000 - now_s)
    assert steps == 1
    assert max(map(abs, errors[40:])) < 0.3, (min(errors[40:]), max(errors[40:]))


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.0, 3.0])
def test_a_recording_that_is_played_slower_faster_and_paused_is_followed(speed: float) -> None:
    clock = MessageClock(at(0, 1_700_000_000))
    playing = arrivals([0.0] * 300, speed)
    played = [*playing[:200], *((stamp_s, come_s + 7) for stamp_s, come_s in playing[200:])]
    for (stamp_s, come_s), (_, next_s) in zip(played, played[1:], strict=False):
        clock.note("a", FIRST, round((500 + stamp_s) * S), at(come_s, 1_700_000_000 + come_s))
        for when_s in (come_s, (come_s + next_s) / 2, next_s - 1e-3):
            ahead_s = clock.now_ns(at(when_s, 1_700_000_000 + when_s)) / S - 500 - stamp_s
            unknown_s = 1.0 if come_s < 1.1 or 20.2 < come_s < 21.4 else 2e-3  # it takes a second to know the speed
            assert -1e-3 <= ahead_s <= min(speed * (when_s - come_s), 1.0) + unknown_s


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
    assert clock.doubts() == ["b is stamped -399.0 s beside a, whose stamps the annotations have"]
    close = MessageClock(at(0))
    close.note("b", OTHER, 100 * S, at(0))
    assert close.note("a", FIRST, 100 * S + 5, at(0)) is None
    assert close.doubts() == []


def test_topics_that_come_late_are_told_as_such() -> None:
    """Poses of a slow computer beside the camera's pictures, both by the camera's stamps."""
    clock = MessageClock(at(0, 100))
    for n in range(50):
        now = at(n / 10, 100 + n / 10)
        clock.note("b", OTHER, now.machine_ns - S // 20, now)
        clock.note("a", FIRST, now.machine_ns - round((0.8 + 0.1 * (n % 7)) * S), now)
    assert clock.doubts() == []  # one came in time
    for n in range(50, 80):
        now = at(n / 10, 100 + n / 10)
        clock.note("c", (False, 2), now.machine_ns - 2 * S, now)
    (told,) = clock.doubts()
    assert told.startswith("c is stamped -2.0 s beside a") and told.endswith("comes late, or is of another clock")
    late = MessageClock(at(0, 100))
    late.note("a", FIRST, 97 * S, at(0, 100))
    (told,) = late.doubts()
    assert told.startswith("a came 3.0 s or more after its stamps: if it was not late, but its clock is set wrong")


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
