"""Histories of past frames, and the layers that delay, crop or pad frames.

A history of large frames is a tuple of frames (B, C, *space), oldest first, one leaf each. A step hands the frames that
stay on to the next state without touching them: moving a large frame costs as much as computing with it, and this moves
none. Where frames are small, handling many leaves costs more than copying them: those lie side by side in one tensor
(B, C, n, *space). The layout depends on the frame's shape alone.
"""

from __future__ import annotations

from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from co_perception.continual.layer import TIME, Frames, Streaming
from co_perception.continual.timing import Clock, Signal, Timing

History = tuple[Tensor, ...] | Tensor
SMALL = 8192  # numbers in a frame; frames of at most this size lie side by side in one tensor


def init(batch_size: int, frames: int, signal: Signal, like: Tensor) -> History:
    """`frames` zero frames of the signal's shape (none if negative)."""
    if frames > 1 and prod(signal.shape) <= SMALL:
        return like.new_zeros(batch_size, signal.shape[0], frames, *signal.shape[1:])
    return tuple(like.new_zeros(batch_size, *signal.shape) for _ in range(frames))


def length(history: History) -> int:
    """Number of frames."""
    return history.shape[TIME] if isinstance(history, Tensor) else len(history)


def frames_of(history: History) -> Frames:
    """The frames (B, C, *space) one by one, oldest first."""
    return history.unbind(TIME) if isinstance(history, Tensor) else history


def oldest(history: History, count: int) -> Frames:
    """The first `count` frames one by one; the history has at least as many."""
    if isinstance(history, Tensor):
        return tuple(history[:, :, place] for place in range(count))
    return history[:count]


def join(history: History, x: Tensor) -> Tensor:
    """(B, C, length(history) + T, *space): past frames followed by the chunk x."""
    if isinstance(history, Tensor):
        return torch.cat([history, x], dim=TIME)
    return torch.cat([*(frame.unsqueeze(TIME) for frame in history), x], dim=TIME) if history else x


def push(history: History, x: Tensor) -> History:
    """The newest length(history) frames after the chunk x (B, C, T, *space) has arrived."""
    frames, new = length(history), x.shape[TIME]
    if isinstance(history, Tensor):
        # Copies: a view would keep what it was cut out of alive for the sake of its last frames.
        return torch.cat([history[:, :, new:], x], dim=TIME) if new < frames else x[:, :, new - frames :].clone()
    if new > frames:
        return tuple(frame.clone() for frame in x[:, :, new - frames :].unbind(TIME)) if frames else ()
    return (*history[new:], *x.unbind(TIME))


def newest(window: Tensor, history: History, new: int) -> History:
    """`push` of a chunk of `new` frames, given past frames and chunk joined: one copy less where frames are small."""
    past = length(history)
    if not isinstance(history, Tensor):
        return push(history, window[:, :, past:])
    left = window[:, :, new:]
    return left if new <= past else left.clone()  # a view would keep all of a long chunk alive


def beside(history: Tensor, frame: Tensor) -> Tensor:
    """(B, C, (n + 1) * V): small past frames (B, C, n, V) and one more, without an axis of time."""
    return torch.cat([history.flatten(2), frame.flatten(2)], dim=2)


def push_frames(history: History, frames: Frames) -> History:
    """`push` of frames one by one."""
    if isinstance(history, Tensor):
        return push(history, torch.stack(frames, TIME))
    return (*history, *frames)[len(frames) :] if history else ()


def mask_outside(x: Tensor, clock: Clock, fill: float) -> Tensor:
    """x (B, C, T, *space) with `fill` in the frames that lie outside the clip."""
    if clock.settled:
        return x
    inside = clock.inside(x.shape[TIME])
    return torch.where(inside.view(inside.shape[0], 1, inside.shape[1], *[1] * (x.dim() - 3)), x, fill)


def mask_frames(frames: Frames, clock: Clock, fill: float = 0.0) -> Frames:
    """`mask_outside` of frames one by one."""
    if clock.settled:
        return frames
    inside = clock.inside(len(frames)).unbind(1)
    return tuple(
        torch.where(real.view(-1, *[1] * (frame.dim() - 1)), frame, fill)
        for frame, real in zip(frames, inside, strict=True)
    )


def repeat_edges(window: Tensor, clock: Clock) -> Tensor:
    """window (B, C, W, *space) with the frames outside the clip replaced by the clip's first or last.

    clock: that of the window. The frame that a real output repeats is in its window, so none is carried in the state.
    """
    index = clock.index(window.shape[TIME])
    wanted = index.clamp(min=0) if clock.end is None else torch.minimum(index.clamp(min=0), clock.end[:, None] - 1)
    place = (wanted - index[:, :1]).clamp(0, window.shape[TIME] - 1)
    place = place.view(place.shape[0], 1, place.shape[1], *[1] * (window.dim() - 3))
    # Not take_along_dim, which fixes the number of streams in an exported program.
    return window.gather(TIME, place.expand(-1, window.shape[1], -1, *window.shape[TIME + 1 :]))


def clock_of_window(clock: Clock, past: History) -> Clock:
    """The clock of past frames and chunk joined, given that of the chunk."""
    return clock._replace(start=clock.start - length(past))


def hold(x: Tensor, past: History) -> tuple[Tensor, History]:
    """x (B, C, T, *space) delayed by as many frames as `past` has, and the history that follows."""
    if not length(past):
        return x, past
    if x.shape[TIME] == 1:
        return oldest(past, 1)[0].unsqueeze(TIME), push(past, x)
    return join(past, x)[:, :, : x.shape[TIME]], push(past, x)


def hold_frames(frames: Frames, past: History) -> tuple[Frames, History]:
    """`hold` of frames one by one."""
    if not length(past):
        return frames, past
    if isinstance(past, Tensor) and past.dim() > 3 and len(frames) == 1:
        joined, size = beside(past, frames[0]), frames[0].flatten(2).shape[2]
        return (joined[:, :, :size].view_as(frames[0]),), joined[:, :, size:].view_as(past)
    due = min(length(past), len(frames))
    return (*oldest(past, due), *frames)[: len(frames)], push_frames(past, frames)


class Delay(Streaming):
    """Gives each frame `frames` frames later.

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
        return init(batch_size, self.frames, signal, like)


class Crop(Streaming):
    """Leaves out the first `before` and the last `after` frames of a clip, as a skip around an unpadded convolution."""

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


class PadFrames(Streaming):
    """Puts frames of one value before and after a clip, in answers of their own.

    The padding of a convolution or pool is cheaper where one follows: those before the clip make every answer late by
    as many frames.
    """

    def __init__(self, before: int, after: int, value: float = 0.0) -> None:
        super().__init__()
        if before < 0 or after < 0:
            raise ValueError(
                f"cannot add a negative number of frames, got {before} and {after}; Crop leaves frames out"
            )
        # An answer is the oldest frame of a window of which the others are not looked at.
        self.timing = Timing(before + 1, before=before, after=before + after, unused=before)
        self.value = value

    def extra_repr(self) -> str:
        return f"before={self.timing.before}, after={self.timing.after - self.timing.before}, value={self.value}"

    def clip(self, x: Tensor) -> Tensor:
        after = self.timing.after - self.timing.before
        return F.pad(x, (*[0, 0] * (x.dim() - 3), self.timing.before, after), value=self.value)

    def stream(self, x: Tensor, past: History, clock: Clock) -> tuple[Tensor, History]:
        y, past_after = hold(x, past)
        masks = self.timing.has_borders(clock)
        return mask_outside(y, clock_of_window(clock, past), self.value) if masks else y, past_after

    def unrolled(self, frames: Frames, past: History, clock: Clock) -> tuple[Frames, History]:
        if self.timing.has_borders(clock) and not clock.settled:
            return super().unrolled(frames, past, clock)
        return hold_frames(frames, past)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> History:
        return init(batch_size, self.timing.before, signal, like)
