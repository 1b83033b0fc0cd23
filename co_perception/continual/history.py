"""Past frames: large ones by reference, small ones side by side.

A history of large frames is a tuple of frames (B, C, *space), oldest first, one leaf each. A step hands the frames that
stay on to the next state without touching them: moving a large frame costs as much as computing with it, and this moves
none. Where frames are small, handling many leaves costs more than copying them: those are kept in one tensor
(B, C, n, *space). Which it is depends on the frame's shape alone.
"""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from co_perception.continual.layer import TIME, Clock, Frames, Signal

History = tuple[Tensor, ...] | Tensor
SMALL = 8192  # numbers in a frame; up to so many, frames are kept side by side


def init(batch_size: int, frames: int, signal: Signal, like: Tensor) -> History:
    """`frames` zero frames of the signal's shape (none if negative)."""
    if frames > 1 and prod(signal.shape) <= SMALL:
        return like.new_zeros(batch_size, signal.shape[0], frames, *signal.shape[1:])
    return tuple(like.new_zeros(batch_size, *signal.shape) for _ in range(frames))


def length(history: History) -> int:
    """Frames that are kept."""
    return history.shape[TIME] if isinstance(history, Tensor) else len(history)


def frames_of(history: History) -> Frames:
    """The frames (B, C, *space) one by one, oldest first."""
    return history.unbind(TIME) if isinstance(history, Tensor) else history


def oldest(history: History, count: int) -> Frames:
    """The first `count` frames one by one, of which there are at least so many."""
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
    kept = length(history)
    if not isinstance(history, Tensor):
        return push(history, window[:, :, kept:])
    left = window[:, :, new:]
    return left if new <= kept else left.clone()  # a view would keep all of a long chunk alive


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


def mask_frames(frames: Frames, clock: Clock) -> Frames:
    """`mask_outside` with zeros, of frames one by one."""
    if clock.settled:
        return frames
    inside = clock.inside(len(frames)).unbind(1)
    return tuple(
        torch.where(real.view(-1, *[1] * (frame.dim() - 1)), frame, 0.0)
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
