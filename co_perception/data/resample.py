"""Frames of a camera's rate, as frames of a network's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def on_grid(stamps_ns: NDArray[np.int64], rate_hz: float, max_gap_s: float) -> list[NDArray[np.intp]]:
    """Which frame stands for each instant of a regular grid: the one nearest in time, never one made up between two.

    Args:
        stamps_ns: (n,) when each frame was taken, rising.
        rate_hz: of the grid, which begins anew with the first frame and after each gap.
        max_gap_s: frames further apart than this belong to different runs.

    Returns: for each run without a gap the indices into `stamps_ns`, one per instant; a frame is repeated where the
        camera is slower than the grid.
    Raises: ValueError for stamps that fall, or a rate or gap that is not above 0.
    """
    if not (rate_hz > 0 and max_gap_s > 0):
        raise ValueError(f"rate_hz and max_gap_s are above 0, got {rate_hz} and {max_gap_s}.")
    steps = np.diff(stamps_ns)
    if (steps < 0).any():
        raise ValueError("stamps fall: sort the frames by their stamps first.")
    cuts = np.flatnonzero(steps > max_gap_s * 1e9) + 1
    return [_run(stamps_ns, run, rate_hz) for run in np.split(np.arange(len(stamps_ns)), cuts) if len(run)]


def _run(stamps_ns: NDArray[np.int64], run: NDArray[np.intp], rate_hz: float) -> NDArray[np.intp]:
    times = stamps_ns[run] - stamps_ns[run[0]]
    period = 1e9 / rate_hz
    # The last instant may come a little after the last frame: the clocks of cameras shake.
    grid = np.arange(int(times[-1] / period + 0.25) + 1) * period
    after = np.clip(np.searchsorted(times, grid), 1, len(times) - 1) if len(times) > 1 else np.zeros(1, np.intp)
    before = np.maximum(after - 1, 0)
    return run[np.where(grid - times[before] <= times[after] - grid, before, after)]
