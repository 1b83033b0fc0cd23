"""Intervals of rates by counted events."""

from __future__ import annotations

import pytest

from co_perception.evaluation.metrics.poisson_rate import most_alarms, poisson_interval


def test_the_interval_is_the_exact_one() -> None:
    """Against the quantiles of the chi-squared distribution, by which Garwood's interval is usually written."""
    stats = pytest.importorskip("scipy.stats")
    for count in (0, 1, 2, 7, 40, 300):
        for level in (0.8, 0.95, 0.99):
            tail = (1 - level) / 2
            low = stats.chi2.ppf(tail, 2 * count) / 2 if count else 0.0
            expected = low, stats.chi2.ppf(1 - tail, 2 * count + 2) / 2
            assert poisson_interval(count, level) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("hours", [0.1, 1.0, 3.0, 12.0, 40.0, 400.0])
def test_the_most_alarms_are_those_whose_interval_ends_within_the_rate(hours: float) -> None:
    for level in (0.8, 0.95, 0.99):
        most = most_alarms(1.0, hours, level)
        assert most == -1 or poisson_interval(most, level)[1] <= hours
        assert poisson_interval(most + 1, level)[1] > hours
