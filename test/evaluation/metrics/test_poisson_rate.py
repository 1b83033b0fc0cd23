"""Intervals of rates by counted events."""

from __future__ import annotations

import pytest

from co_perception.evaluation.metrics.poisson_rate import poisson_interval


def test_the_interval_is_the_exact_one() -> None:
    """Against the quantiles of the chi-squared distribution, by which Garwood's interval is usually written."""
    stats = pytest.importorskip("scipy.stats")
    for count in (0, 1, 2, 7, 40, 300):
        for level in (0.8, 0.95, 0.99):
            tail = (1 - level) / 2
            low = stats.chi2.ppf(tail, 2 * count) / 2 if count else 0.0
            expected = low, stats.chi2.ppf(1 - tail, 2 * count + 2) / 2
            assert poisson_interval(count, level) == pytest.approx(expected, rel=1e-6)
