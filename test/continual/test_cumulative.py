"""Sums from a stream's start, numbers of frames, and frames put around a clip."""

from __future__ import annotations

import pytest
import torch
from helpers.refusals import assert_refused
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.check import check_streaming, stream_clip
from co_perception.continual.history import PadFrames


class CumulativeMean(nn.Module):
    """What causal networks pool with."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x.cumsum(2) / torch.arange(1, x.shape[2] + 1)


def streaming_mean(plain: CumulativeMean) -> co.Sequential:
    conv = co.Conv1d(3, 3, 3, padding=1)
    conv.load_state_dict(plain.conv.state_dict())
    mean = co.BroadcastReduce(co.CumulativeSum(), co.FrameNumber(1), reduce=lambda parts: parts[0] / parts[1])
    return co.Sequential(conv.double(), mean)


def test_a_mean_of_all_frames_so_far() -> None:
    plain = CumulativeMean().double()
    check_streaming(streaming_mean(plain), (3,), reference=plain, tolerance=1e-12, dtype=torch.float64, gradients=False)


class FadingMean(nn.Module):
    """A mean of all frames so far that forgets, frame by frame."""

    def __init__(self, memory: int) -> None:
        super().__init__()
        self.conv, self.memory = nn.Conv2d(3, 3, (3, 1), padding=(1, 0)), memory

    def forward(self, x: Tensor) -> Tensor:
        means = [(frames := self.conv(x))[:, :, 0]]
        for number in range(1, frames.shape[2]):
            counted = min(number + 1, self.memory)
            means.append(means[-1] + (frames[:, :, number] - means[-1]) / counted)
        return torch.stack(means, 2)


@pytest.mark.parametrize("memory", [None, 1, 4, 100])
def test_a_mean_that_forgets(memory: int | None) -> None:
    """Behind a layer that is late, so that frames from before the clip arrive."""
    plain = FadingMean(memory or 10**6).double()
    conv = co.Conv2d(3, 3, (3, 1), padding=(1, 0))
    conv.load_state_dict(plain.conv.state_dict())
    layer = co.Sequential(conv.double(), co.CumulativeMean(memory))
    check_streaming(layer, (3, 2), reference=plain, tolerance=1e-12, dtype=torch.float64, gradients=False)


def test_the_share_of_old_frames() -> None:
    answers = co.CumulativeMean(4).clip(torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0, 0.0]).view(1, 1, 6))
    assert answers.flatten().tolist() == pytest.approx([1, 1, 1, 1, 3 / 4, 9 / 16])
    assert_refused("at least one frame", co.CumulativeMean, 0)


def test_frames_before_the_clip_are_not_summed() -> None:
    layer = co.Sequential(co.Conv1d(2, 2, 5, padding=2, bias=True), co.CumulativeSum()).double()
    x = torch.randn(2, 2, 9, dtype=torch.float64)
    torch.testing.assert_close(stream_clip(layer, x, 1), layer.clip(x), rtol=0, atol=1e-12)


PADDED = [(2, 0), (0, 3), (1, 2), (0, 0)]


@pytest.mark.parametrize(("before", "after"), PADDED)
@pytest.mark.parametrize("value", [0.0, -1.5])
@pytest.mark.parametrize("size", [(), (4, 5)])
def test_frames_around_a_clip(before: int, after: int, value: float, size: tuple[int, ...]) -> None:
    layer = PadFrames(before, after, value)
    x = torch.randn(1, 3, 6, *size)
    wanted = nn.functional.pad(x, (*[0, 0] * len(size), before, after), value=value)
    assert torch.equal(layer.clip(x), wanted)
    check_streaming(layer, (3, *size), gradients=False)


def test_frames_around_a_clip_between_layers() -> None:
    shift = co.Sequential(co.Crop(0, 1), PadFrames(1, 0))  # each frame gets what the one before has
    ahead = co.Sequential(co.Crop(1, 0), PadFrames(0, 1))
    layer = co.Sequential(
        co.Conv1d(2, 2, 3, padding=1), co.BroadcastReduce(shift, ahead), PadFrames(1, 1, 0.5), co.MaxPool1d(3, stride=1)
    )
    check_streaming(layer, (2,), gradients=False)
    assert shift.delay == 0 and ahead.delay == 1
    assert_refused("negative", PadFrames, -1, 0)
