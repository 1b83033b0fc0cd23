"""Stamps as one number, and resampling to a grid, compared with a plain search for the nearest frame."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from co_perception.engine.time import nanoseconds, on_grid


def test_a_stamp_is_one_number() -> None:
    assert nanoseconds(SimpleNamespace(sec=3, nanosec=5)) == 3_000_000_005


def nearest(stamps_ns: list[int], instant_ns: float) -> int:
    return min(range(len(stamps_ns)), key=lambda index: (abs(stamps_ns[index] - instant_ns), index))


@pytest.mark.parametrize("camera_hz", [7.0, 15.0, 29.97, 60.0])
def test_each_instant_has_the_frame_nearest_to_it(camera_hz: float) -> None:
    rng = np.random.default_rng(3)
    stamps = np.sort((np.arange(80) / camera_hz + rng.uniform(0, 0.4 / camera_hz, 80)) * 1e9).astype(np.int64)
    (run,) = on_grid(stamps, 15.0, 0.5)
    plain = [nearest(list(stamps), stamps[0] + k * 1e9 / 15) for k in range(len(run))]
    assert run.tolist() == plain
    length_s = (stamps[-1] - stamps[0]) / 1e9
    assert len(run) == int(length_s * 15 + 0.25) + 1


def test_a_gap_begins_a_grid_of_its_own() -> None:
    stamps = np.array([0, 100, 200, 1000, 1100, 3000], np.int64) * 1_000_000
    runs = on_grid(stamps, 10.0, 0.5)
    assert [run.tolist() for run in runs] == [[0, 1, 2], [3, 4], [5]]
    assert len(on_grid(stamps, 10.0, 0.9)) == 2


def test_nothing_gives_nothing_and_nonsense_is_refused() -> None:
    assert on_grid(np.array([], np.int64), 15.0, 0.5) == []
    with pytest.raises(ValueError, match="stamps fall"):
        on_grid(np.array([2, 1], np.int64), 15.0, 0.5)
    with pytest.raises(ValueError, match="above 0"):
        on_grid(np.array([1, 2], np.int64), 0.0, 0.5)
