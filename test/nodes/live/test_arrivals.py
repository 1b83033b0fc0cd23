"""Rate and age of what comes, as a listener notes them."""

from __future__ import annotations

import pytest

from co_perception.nodes.live.arrivals import MOST, Arrivals

S = 1_000_000_000


def test_rate_and_age_are_those_of_the_last_seconds() -> None:
    arrivals = Arrivals(0.0)
    for n in range(100):
        arrivals.note(n / 20, n * S // 20 - 40_000_000 + 100 * S, n * S // 20 + 100 * S)
    assert arrivals.rate_hz(99 / 20) == pytest.approx(20, rel=0.02)
    assert arrivals.age_ms == 40
    assert arrivals.silent_s(99 / 20 + 7) == pytest.approx(7)
    assert arrivals.rate_hz(99 / 20 + 7) == 0.0


def test_a_stamp_of_another_clock_has_no_age() -> None:
    arrivals = Arrivals(5.0)
    assert arrivals.age_ms is None and arrivals.silent_s(8.0) == 3.0 and arrivals.rate_hz(8.0) == 0.0
    arrivals.note(6.0, 5 * S, 1_700_000_000 * S)
    assert arrivals.age_ms is None
    arrivals.note(6.1, 0, 5 * S)
    assert arrivals.age_ms is None


def test_memory_is_bounded() -> None:
    arrivals = Arrivals(0.0)
    for n in range(10 * MOST):
        arrivals.note(n * 1e-6, 1, 1)
    assert len(arrivals._times) == MOST
