"""Time: nanoseconds since the epoch, stamps of ROS messages as such numbers, and resampling to the rate of a network.

Resampling takes the nearest frames, never one interpolated between two.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

NANO = 1_000_000_000  # nanoseconds per second
SAME = 0.02  # relative difference of rates that no network notices
LATE_NS = NANO  # usual time between a stamp and the arrival of its message is below it
FAR_S = 10.0  # between a stamp and the arrival of its message: the two are by different clocks


class Stamp(Protocol):
    """A `builtin_interfaces/Time` or `Duration`, decoded by rclpy or by rosbags."""

    sec: int
    nanosec: int


def nanoseconds(stamp: Stamp) -> int:
    """A stamp or duration as one number [ns]."""
    return int(stamp.sec) * NANO + int(stamp.nanosec)


def frames_at_rate(frames: int, given_hz: float | None, wanted_hz: float, tolerance: float = SAME) -> NDArray[np.int64]:
    """For each instant of a clip at `wanted_hz` the index of the nearest of `frames` frames at `given_hz`.

    At least one. A rate within the relative `tolerance` of the wanted one counts as it.

    Raises:
        ValueError: for frames of an unknown rate (None), unless it is a single one: at another rate people move too
            slowly or too fast.
    """
    if given_hz is None and frames > 1:
        raise ValueError(
            f"{frames} frames do not tell their rate, and at another one everything in them is too slow or too fast: "
            "give rate_hz, the frames per second at which they were taken, to the sequence, or to the reader "
            f"(pyskl_samples(path, rate_hz=30.0)); frames that are at the network's rate have rate_hz={wanted_hz:g}."
        )
    if given_hz is None or abs(given_hz / wanted_hz - 1) < tolerance:
        return np.arange(frames)
    count = max(round(frames * wanted_hz / given_hz), 1)
    nearest = (np.arange(count) * given_hz / wanted_hz + 0.5).astype(np.int64)
    return np.minimum(nearest, frames - 1)


def on_grid(stamps_ns: NDArray[np.int64], rate_hz: float, max_gap_s: float) -> list[NDArray[np.intp]]:
    """For each instant of a regular grid the index of the frame nearest in time.

    Args:
        stamps_ns: (n,) when each frame was taken [ns], rising; ValueError where they fall.
        rate_hz: of the grid, which begins anew with the first frame and after each gap; ValueError unless above 0.
        max_gap_s: frames further apart than this belong to different runs; ValueError unless above 0.

    Returns:
        For each run without a gap the indices into `stamps_ns`, one per instant; a frame is repeated where the camera
        is slower than the grid.
    """
    if not (rate_hz > 0 and max_gap_s > 0):
        raise ValueError(f"rate_hz and max_gap_s are above 0, got {rate_hz} and {max_gap_s}.")
    steps = np.diff(stamps_ns)
    if (steps < 0).any():
        raise ValueError("stamps fall: sort the frames by their stamps first.")
    cuts = np.flatnonzero(steps > max_gap_s * 1e9) + 1
    period, runs = 1e9 / rate_hz, []
    for run in np.split(np.arange(len(stamps_ns)), cuts) if len(stamps_ns) else ():
        times = stamps_ns[run] - stamps_ns[run[0]]
        # The last instant may come a little after the last frame: the clocks of cameras shake.
        grid = np.arange(int(times[-1] / period + 0.25) + 1) * period
        after = np.clip(np.searchsorted(times, grid), 1, len(times) - 1) if len(times) > 1 else np.zeros(1, np.intp)
        before = np.maximum(after - 1, 0)
        runs.append(run[np.where(grid - times[before] <= times[after] - grid, before, after)])
    return runs
