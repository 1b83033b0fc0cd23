"""Past frames, held by reference.

A history is a tuple of frames (B, C, *space), oldest first, one leaf each. A step hands the frames that stay on to the
next state without touching them: moving state costs as much as computing with it, and this moves none.
"""

from __future__ import annotations

import torch
from torch import Tensor

from co_perception.continual.layer import TIME, Clock, Signal

History = tuple[Tensor, ...]


def init(batch_size: int, frames: int, signal: Signal, like: Tensor) -> History:
    """`frames` zero frames of the signal's shape (none if negative)."""
    return tuple(like.new_zeros(batch_size, *signal.shape) for _ in range(frames))


def join(history: History, x: Tensor) -> Tensor:
    """(B, C, len(history) + T, *space): past frames followed by the chunk x."""
    return torch.cat([*(frame.unsqueeze(TIME) for frame in history), x], dim=TIME) if history else x


def push(history: History, x: Tensor) -> History:
    """The newest len(history) frames after the chunk x (B, C, T, *space) has arrived."""
    frames = len(history)
    if x.shape[TIME] > frames:
        # Views would keep the whole chunk alive for the sake of its last frames.
        return tuple(frame.clone() for frame in x[:, :, x.shape[TIME] - frames :].unbind(TIME)) if frames else ()
    return (*history[x.shape[TIME] :], *x.unbind(TIME))


def mask_outside(x: Tensor, clock: Clock, fill: float) -> Tensor:
    """x (B, C, T, *space) with `fill` in the frames that lie outside the clip."""
    inside = clock.inside(x.shape[TIME])
    return torch.where(inside.view(inside.shape[0], 1, inside.shape[1], *[1] * (x.dim() - 3)), x, fill)


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
    return clock._replace(start=clock.start - len(past))
