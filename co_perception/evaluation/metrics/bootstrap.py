"""Confidence intervals of figures: percentile intervals of the cluster bootstrap over recordings.

Frames of one recording resemble each other, so whole recordings (or whole people) are drawn with replacement, never
frames: the cluster bootstrap of Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8. The
interval runs between percentiles of the figures of all draws (Efron and Tibshirani, An Introduction to the Bootstrap,
1993, chapter 13). With few units it is too narrow; with one there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Figures = Callable[[NDArray[np.float64]], Mapping[str, float]]
"""From (units,) how often each unit is drawn to the figures; NaN for one that has no value."""


def percentile_intervals(
    units: int, figures: Figures, draws: int = 1000, level: float = 0.95, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """The interval of each figure, lower and upper end; none with fewer than 2 units, or no draw.

    Args:
        units: recordings, or people.
        figures: see `Figures`; draws in which a figure is NaN count for the others only.
        draws: how often all units are drawn.
        level: share of the figures inside the interval.
        seed: the same seed, the same intervals.

    Raises:
        ValueError: for a level that is no share.

    >>> values = np.array([0.2, 0.4, 0.9])
    >>> found = percentile_intervals(3, lambda copies: {"mean": float(copies @ values / copies.sum())}, draws=200)
    >>> low, high = found["mean"]
    >>> 0.2 <= low < values.mean() < high <= 0.9
    True
    """
    if not 0 < level < 1:
        raise ValueError(f"level is a share between 0 and 1, such as 0.95, got {level}.")
    if units < 2 or draws < 1:
        return {}
    rng = np.random.default_rng(seed)
    copies = (np.bincount(rng.integers(units, size=units), minlength=units).astype(np.float64) for _ in range(draws))
    drawn = [figures(each) for each in copies]
    ends = 50 * (1 - level), 50 * (1 + level)
    found: dict[str, tuple[float, float]] = {}
    for name in drawn[0]:
        values = np.array([each[name] for each in drawn])
        if not np.isnan(values).all():
            low, high = np.nanpercentile(values, ends)
            found[name] = float(low), float(high)
    return found
