"""A clip of one rate as a clip of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAME = 0.02  # relative difference that no network notices


def places(frames: int, given_hz: float | None, wanted_hz: float) -> NDArray[np.int64]:
    """For each instant of a clip at `wanted_hz` the nearest of `frames` frames at `given_hz`; at least one. A rate that
    is not known (None), or nearly the wanted one, is taken to be it."""
    if given_hz is None or abs(given_hz / wanted_hz - 1) < SAME:
        return np.arange(frames)
    count = max(round(frames * wanted_hz / given_hz), 1)
    nearest = (np.arange(count) * given_hz / wanted_hz + 0.5).astype(np.int64)
    return np.minimum(nearest, frames - 1)
