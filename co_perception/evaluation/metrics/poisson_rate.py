"""The interval of a rate by the events that were counted, which are taken for a Poisson process.

The exact one: Garwood, Fiducial limits for the Poisson distribution, Biometrika, 1936.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np


def poisson_interval(count: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of the mean of a Poisson distribution of which one draw is `count` (Garwood, 1936).

    >>> [round(end, 2) for end in poisson_interval(0)], [round(end, 2) for end in poisson_interval(10)]
    ([0.0, 3.69], [4.8, 18.39])
    """
    tail = (1 - level) / 2
    low = 0.0 if count == 0 else _mean_where(lambda mean: 1 - _at_most(count - 1, mean) - tail)
    return low, _mean_where(lambda mean: tail - _at_most(count, mean))


def _at_most(count: int, mean: float) -> float:
    """The probability of at most `count` by a Poisson distribution."""
    terms = np.arange(count + 1)
    logs = terms * math.log(mean) - mean - np.array([math.lgamma(term + 1) for term in terms])
    return float(np.exp(logs).sum())


def _mean_where(rising: Callable[[float], float]) -> float:
    """Where a function of the mean that rises crosses zero, by bisection."""
    low, high = 1e-12, 1.0
    while rising(high) < 0:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return high


def most_alarms(per_hour: float, hours: float, level: float) -> int:
    """The most false alarms in `hours` that still show, at this level, a rate of at most `per_hour`; -1: not even none.

    >>> most_alarms(1.0, 2.0, 0.95), most_alarms(1.0, 24.0, 0.95)
    (-1, 14)
    """
    # The upper end for a count is the mean of which so few are as rare as `tail`: it is lower where ours has fewer.
    mean, tail = per_hour * hours, (1 - level) / 2
    count, so_far = 0, math.exp(-mean)
    while so_far <= tail:
        count += 1
        so_far += math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))
    return count - 1


def least_hours(per_hour: float, level: float) -> float:
    """The hours without any false alarm that show a rate of at most `per_hour`."""
    return poisson_interval(0, level)[1] / per_hour
