"""Layers that know a stream from its start: sums over all frames so far, and the number of a frame.

A mean over all frames so far is the quotient of the two, as in the causal networks of MoViNet (Kondratyuk et al., CVPR
2021, arXiv:2103.11511). What such a layer answers depends on every frame since the start of its stream. In single
precision a sum of numbers around one stops growing after some ten million frames.
"""

from __future__ import annotations

import torch
from torch import Tensor

from co_perception.continual import history
from co_perception.continual.layer import TIME, Frames, Streaming
from co_perception.continual.timing import Clock, Signal, Timing


class CumulativeSum(Streaming):
    """`torch.cumsum` over the frames of x (B, C, T, *space), from the start of the stream on."""

    def __init__(self) -> None:
        super().__init__()
        self.timing = Timing()

    def clip(self, x: Tensor) -> Tensor:
        return x.cumsum(TIME)

    def stream(self, x: Tensor, past: Tensor, clock: Clock) -> tuple[Tensor, Tensor]:
        y = past.unsqueeze(TIME) + history.mask_outside(x, clock, 0.0).cumsum(TIME)
        return y, y[:, :, -1].clone()

    def unrolled(self, frames: Frames, past: Tensor, clock: Clock) -> tuple[Frames, Tensor]:
        answers = []
        for frame in history.mask_frames(frames, clock):
            past = past + frame
            answers.append(past)
        return tuple(answers), past

    def settles(self, lag: int) -> int:
        return lag

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tensor:
        return like.new_zeros(batch_size, *signal.shape)


class FrameNumber(Streaming):
    """The number of each frame in its clip, (B, 1, T, 1, ...) for x (B, C, T, *space), whatever x holds.

    Args:
        first: number of the first frame.
    """

    def __init__(self, first: int = 0) -> None:
        super().__init__()
        self.first = first
        self.timing = Timing()

    def extra_repr(self) -> str:
        return f"first={self.first}"

    def clip(self, x: Tensor) -> Tensor:
        index = torch.arange(x.shape[TIME], device=x.device).expand(x.shape[0], -1)
        return self._numbers(index, x)

    def stream(self, x: Tensor, past: tuple[()], clock: Clock) -> tuple[Tensor, tuple[()]]:
        return self._numbers(clock.index(x.shape[TIME]).clamp(min=0), x), past

    def settles(self, lag: int) -> int:
        return 0

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(1 for _ in shape)

    def _numbers(self, index: Tensor, x: Tensor) -> Tensor:
        return (index + self.first).to(x.dtype).reshape(x.shape[0], 1, -1, *[1] * (x.dim() - 3))
