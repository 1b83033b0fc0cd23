"""Layers that only move frames in time: wait for them, or leave the borders of a clip out."""

from __future__ import annotations

from torch import Tensor

from co_perception.continual import history
from co_perception.continual.history import History
from co_perception.continual.layer import TIME, Clock, Frames, Signal, Streaming
from co_perception.continual.timing import Timing


class Delay(Streaming):
    """Give each frame `frames` frames later.

    On a clip it is the identity: a delay changes when an answer comes, not which.
    """

    def __init__(self, frames: int) -> None:
        super().__init__()
        if frames < 0:
            raise ValueError(f"a delay of {frames} frames would need the future; give 0 or more")
        self.frames = frames
        self.timing = Timing()

    def extra_repr(self) -> str:
        return f"frames={self.frames}"

    @property
    def delay(self) -> int:
        return self.frames

    def lag_after(self, lag: int) -> int:
        return lag + self.frames

    def clip(self, x: Tensor) -> Tensor:
        return x

    def stream(self, x: Tensor, past: History, clock: Clock) -> tuple[Tensor, History]:
        return hold(x, past)

    def unrolled(self, frames: Frames, past: History, clock: Clock) -> tuple[Frames, History]:
        return hold_frames(frames, past)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> History:
        return history.init(batch_size, self.frames, signal, like)


class Crop(Streaming):
    """Leave out the first `before` and the last `after` frames of a clip: the skip around an unpadded convolution."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        if before < 0 or after < 0:
            raise ValueError(f"cannot leave out a negative number of frames, got {before} and {after}")
        self.timing = Timing(before=-before, after=-after)

    def extra_repr(self) -> str:
        return f"before={-self.timing.before}, after={-self.timing.after}"

    def clip(self, x: Tensor) -> Tensor:
        return x[:, :, -self.timing.before : x.shape[TIME] + self.timing.after]

    def stream(self, x: Tensor, past: History, clock: Clock) -> tuple[Tensor, History]:
        return x, past

    def unrolled(self, frames: Frames, past: History, clock: Clock) -> tuple[Frames, History]:
        return frames, past


def hold(x: Tensor, past: History) -> tuple[Tensor, History]:
    """x (B, C, T, *space) delayed by as many frames as `past` has, and the history that follows."""
    if not history.length(past):
        return x, past
    if x.shape[TIME] == 1:
        return history.oldest(past, 1)[0].unsqueeze(TIME), history.push(past, x)
    return history.join(past, x)[:, :, : x.shape[TIME]], history.push(past, x)


def hold_frames(frames: Frames, past: History) -> tuple[Frames, History]:
    """`hold` of frames one by one."""
    if not history.length(past):
        return frames, past
    if isinstance(past, Tensor) and past.dim() > 3 and len(frames) == 1:
        joined, size = history.beside(past, frames[0]), frames[0].flatten(2).shape[2]
        return (joined[:, :, :size].view_as(frames[0]),), joined[:, :, size:].view_as(past)
    kept = min(history.length(past), len(frames))
    return (*history.oldest(past, kept), *frames)[: len(frames)], history.push_frames(past, frames)
