"""Timing against torch's own counting and against the published tables."""

from __future__ import annotations

import pytest
import torch
from helpers.refusals import assert_refused

from co_perception.continual.timing import Clock, Timing


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (5, 2, 0), (7, 2, 3), (1, 2, 0), (4, 4, 0)])
@pytest.mark.parametrize("frames", [8, 16, 33])
def test_length_is_what_torch_gives(kernel: int, stride: int, padding: int, frames: int) -> None:
    conv = torch.nn.Conv1d(1, 1, kernel, stride, padding)
    assert Timing(kernel, stride, padding, padding).length(frames) == conv(torch.zeros(1, 1, frames)).shape[2]


def test_composition_gives_the_published_receptive_field_of_i3d_resnet() -> None:
    """CoI3D (R50, pool 8): receptive field 42, padding 17, stride 2, delay 24 (Hedegaard and Iosifidis 2022, table
    2)."""
    timing = Timing(5, before=2, after=2)  # stem
    for _ in range(3):
        timing = timing.then(Timing(3, before=1, after=1))  # res2
    timing = timing.then(Timing(2, 2))  # temporal pool
    for _ in range(2 + 3 + 1):  # the blocks of res3, res4 and res5 whose first kernel is 3
        timing = timing.then(Timing(3, before=1, after=1))
    timing = timing.then(Timing(8 // 2))
    assert (timing.receptive_field, timing.before, timing.stride, timing.delay) == (42, 17, 2, 24)


@pytest.mark.parametrize("lag", range(7))
@pytest.mark.parametrize(
    "timing", [Timing(7, 2, 2, 3), Timing(3, 2, 0, 1), Timing(2, 2), Timing(1, 3), Timing(9, 4, 4, 4)]
)
def test_lag_is_the_smallest_that_needs_no_future_frame(timing: Timing, lag: int) -> None:
    def newest_needed(step: int, late: int) -> int:
        return (step - late) * timing.stride - timing.before + timing.receptive_field - 1

    def newest_there(step: int) -> int:
        return (step + 1) * timing.stride - 1 - lag

    late = timing.lag_after(lag)
    assert newest_needed(50, late) <= newest_there(50) and newest_needed(50, late - 1) > newest_there(50)


def test_padding_as_wide_as_the_field_is_refused() -> None:
    assert_refused("padding only", Timing, 3, before=3)


def test_the_timelines_in_the_documentation_are_right() -> None:
    alone, pairs = Timing(3, 1, before=1, after=1), Timing(3, 2, before=1, after=1)
    assert (alone.delay, alone.lag_after(0), alone.context(0)) == (1, 1, 2)
    assert (pairs.lag_after(0), pairs.context(0)) == (0, 1)
    assert (pairs.lag_after(1), pairs.context(1)) == (1, 2)
    clock = Clock(torch.tensor([0]), torch.tensor([4]), lag=2)
    assert clock.index(8).tolist() == [[-2, -1, 0, 1, 2, 3, 4, 5]]
    assert clock.inside(8).int().tolist() == [[0, 0, 1, 1, 1, 1, 0, 0]]


def test_padding_in_place_of_frames_left_out_at_the_end_is_refused() -> None:
    """A stream has used them before it knows that they were the last: it would not equal the clip."""
    with pytest.raises(ValueError, match="leave them out after the layer that pads"):
        Timing(after=-1).then(Timing(3, 1, 1, 1))
    assert Timing(3, 1, 2, 2).then(Timing(after=-2)).then(Timing(3, 1, 1, 1)) == Timing(5, 1, 3, 1)
