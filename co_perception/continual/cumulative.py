"""Layers that know a stream from its start: sums and means over all frames so far, and the number of a frame.

The causal networks of MoViNet (Kondratyuk et al., CVPR 2021, arXiv:2103.11511) are made of such means. What these
layers answer depends on every frame since the start of its stream; a field of one frame is stated, because an answer
waits for no other. In single precision a sum of numbers around one stops growing after some ten million frames.
"""

from __future__ import annotations

from collections.abc import Sequence

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


class CumulativeMean(Streaming):
    """The mean of the frames so far of x (B, C, T, *space), from the start of the stream on.

    Args:
        memory: frames from which on older ones fade: the newest frame has a share of 1 / memory, and one that is n
            frames old (1 - 1 / memory) ** n of that. None: all frames count alike, so that after ten thousand one more
            changes next to nothing.
    """

    def __init__(self, memory: int | None = None) -> None:
        super().__init__()
        if memory is not None and memory < 1:
            raise ValueError(f"a mean has a memory of at least one frame, got {memory}; None: of all frames so far")
        self.memory = memory
        self.timing = Timing()

    def extra_repr(self) -> str:
        return f"memory={self.memory}"

    def clip(self, x: Tensor) -> Tensor:
        alike = min(x.shape[TIME], self.memory or x.shape[TIME])
        count = torch.arange(1, alike + 1, device=x.device).to(x.dtype)
        means = x[:, :, :alike].cumsum(TIME) / count.view(-1, *[1] * (x.dim() - 3))
        later = x[:, :, alike:].unbind(TIME)
        share = x.new_full((1, len(later)), 1 / alike)
        answers = _means(later, means[:, :, -1], share)
        return torch.cat([means, torch.stack(answers, TIME)], TIME) if answers else means

    def stream(self, x: Tensor, past: Tensor, clock: Clock) -> tuple[Tensor, Tensor]:
        answers, past = self.unrolled(x.unbind(TIME), past, clock)
        return torch.stack(answers, TIME), past

    def unrolled(self, frames: Frames, past: Tensor, clock: Clock) -> tuple[Frames, Tensor]:
        # No frame from before the clip leaves a trace: the first one has a share of 1.
        count = (clock.index(len(frames)) + 1).clamp(min=1)
        count = count if self.memory is None else count.clamp(max=self.memory)
        answers = _means(frames, past, 1 / count.to(past.dtype))
        return answers, answers[-1]

    def settles(self, lag: int) -> int:
        return 0

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tensor:
        return like.new_zeros(batch_size, *signal.shape)


def _means(frames: Sequence[Tensor], past: Tensor, share: Tensor) -> Frames:
    """Means (B, C, *space) after each frame; share (B or 1, T): of the frame in its mean."""
    answers = []
    for frame, own in zip(frames, share.unbind(1), strict=True):
        own = own.view(-1, *[1] * (frame.dim() - 1))
        past = past * (1 - own) + frame * own
        answers.append(past)
    return tuple(answers)


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
