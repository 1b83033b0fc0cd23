"""Rates that are too low for a label, as a recording runs and at its end."""

from __future__ import annotations

import pytest

pytest.importorskip("rosbags")

from co_perception.doctor.stamp_checks import NEEDS, slow_rate
from co_perception.nodes.recording.rate_watch import RateWatch

S = 1_000_000_000
SKELETONS = "co_perception/msg/SkeletonArray"


def watched(stamp_hz: float, seconds: float, speed: float = 1.0, kind: str = SKELETONS) -> RateWatch:
    """A topic on which messages come evenly; `speed` at which a recording of them is played."""
    watch = RateWatch()
    watch.add("/skeletons", kind, 0)
    for n in range(int(seconds * speed * stamp_hz) + 1):
        watch.note("/skeletons", 7 * S + round(n * S / stamp_hz), round(n * S / stamp_hz / speed))
    return watch


@pytest.mark.parametrize("hz", [0.4, 1.0, 3.0])
def test_a_slow_topic_is_told_with_the_rate_that_it_has_and_the_one_it_needs(hz: float) -> None:
    watch = watched(hz, 20.0)
    found = slow_rate("/skeletons", hz)
    assert found is not None and found.fault == "rate/slow"
    [told] = watch.warnings(20 * S)
    assert told == f"/skeletons: {found.words} {found.remedy}"
    assert f"at {hz:g} Hz" in told and f"at least {NEEDS.rate_hz * NEEDS.min_progress:g} Hz" in told
    assert watch.summary() == [told]


@pytest.mark.parametrize("speed", [0.25, 1.0, 2.0])
@pytest.mark.parametrize("hz", [5.0, 15.0, 100.0])
def test_of_one_that_is_fast_enough_by_its_stamps_nothing_is_said(hz: float, speed: float) -> None:
    watch = watched(hz, 20.0, speed)
    assert watch.warnings(20 * S) == watch.summary() == []


def test_one_that_stops_is_told_and_one_that_has_not_begun() -> None:
    watch = watched(15.0, 10.0)
    assert watch.warnings(12 * S) == []
    [told] = watch.warnings(16 * S)
    assert told.startswith("/skeletons: no message came in the last 5 s") and watch.summary() == []
    fresh = RateWatch()
    fresh.add("/eye", "sensor_msgs/msg/Image", 0)
    assert fresh.warnings(4 * S) == [] and "no message came" in fresh.warnings(6 * S)[0]


def test_what_no_recognizer_takes_may_come_seldom() -> None:
    watch = watched(0.4, 20.0, kind="tf2_msgs/msg/TFMessage")
    assert watch.warnings(30 * S) == watch.summary() == []


def test_a_clock_that_was_set_back_tells_no_rate() -> None:
    watch = watched(15.0, 2.0)
    watch.note("/skeletons", 1 * S, 3 * S)
    assert watch.warnings(6 * S) == watch.summary() == []
