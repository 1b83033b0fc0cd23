"""BodyChange: how far a body is from the size and the heights that it had in the last seconds.

In a frame by itself a person who lies with the feet to the camera looks much like one who sits: each frame is measured
in its own torsos. What tells them apart is that the body was four times as tall a moment ago.
"""

from __future__ import annotations

import torch
from torch import Tensor

from co_perception.continual.layer import TIME, Frames, Streaming
from co_perception.continual.timing import Clock, Signal, Timing

PLACED = 6  # channels of `normalize.placed`
CHANGES = 5  # features
MOST = 3.0  # torsos, of heights and breadths
SIZE, TOP, BOTTOM, KNOWN = range(4)  # of a state


class BodyChange(Streaming):
    """Size and height of a body beside those of before: x (B, 6, T, V, 1) as of `normalize.placed` to (B, 5, T).

    The features are, in lengths of the longest torso of before: the torso; how far the hips are below the highest
    place where they were, and above the lowest; how tall and how broad the visible joints are together. Each extreme
    fades: in a frame it loses a share of 1 / memory of what it is from the value now. All are zeros without a person.

    Its `timing` has a receptive field of one frame, because an answer waits for no other. It depends on all frames
    since the start of the stream.

    Args:
        joints: V.
        memory: frames.

    Raises:
        ValueError: for a memory of less than a frame.
    """

    def __init__(self, joints: int, memory: int) -> None:
        super().__init__()
        if memory < 1:
            raise ValueError(f"the memory of a body's size is at least one frame, got {memory}")
        self.joints, self.memory = joints, memory
        self.timing = Timing()

    def extra_repr(self) -> str:
        return f"memory={self.memory}"

    def clip(self, x: Tensor) -> Tensor:
        middle, extent, there = _measured(x)
        return self._through(middle, extent, there, x.new_zeros(x.shape[0], KNOWN + 1))[0]

    def stream(self, x: Tensor, past: Tensor, clock: Clock) -> tuple[Tensor, Tensor]:
        middle, extent, there = _measured(x)
        if not clock.settled:
            there = there * clock.inside(x.shape[TIME])[:, None]
        return self._through(middle, extent, there, past)

    def unrolled(self, frames: Frames, past: Tensor, clock: Clock) -> tuple[Frames, Tensor]:
        answers, past = self.stream(torch.stack(frames, TIME), past, clock)
        return answers.unbind(TIME), past

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tensor:
        if tuple(signal.shape) != (PLACED, self.joints, 1):
            raise ValueError(
                f"expected skeletons (C, V, M) = {(PLACED, self.joints, 1)}: joints of one person as "
                f"normalize.placed gives them, got {tuple(signal.shape)}"
            )
        return like.new_zeros(batch_size, KNOWN + 1)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (CHANGES,)

    def settles(self, lag: int) -> int:
        return lag

    def _through(self, middle: Tensor, extent: Tensor, there: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, 5, T) of what `_measured` gives of frames, and the state (B, 4) after the last."""
        height, size = middle[:, 1:2], middle[:, 2:3]
        now = torch.cat([size, -height, height], 1)  # the top is where y is least
        states = []
        for own, real in zip(now.unbind(TIME), there.unbind(TIME), strict=True):
            state = self._advanced(state, own, real)
            states.append(state)
        after = torch.stack(states, TIME)
        largest = after[:, SIZE : SIZE + 1] + (1 - after[:, KNOWN:])  # never zero
        heights = (after[:, TOP:KNOWN] - now[:, TOP:]) / largest
        lengths = torch.cat([heights, extent * size / largest], 1)
        return torch.cat([size / largest, torch.clamp(lengths, max=MOST)], 1) * there, state

    def _advanced(self, state: Tensor, now: Tensor, there: Tensor) -> Tensor:
        """The state (B, 4) after a frame whose own extremes are `now` (B, 3), 1 in `there` (B, 1) with a person."""
        before, known = state[:, :KNOWN], state[:, KNOWN:]
        before = now + (before - now) * known
        extremes = now + torch.relu((before - now) * (1 - 1 / self.memory))
        return torch.cat([state[:, :KNOWN] + (extremes - state[:, :KNOWN]) * there, known + (1 - known) * there], 1)


def _measured(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of x (B, 6, T, V, 1): middle of the hips and torso (B, 3, T), breadth and height in torsos (B, 2, T), and 1 where
    somebody is visible (B, 1, T)."""
    joints, visible, place = x[:, 0:2, ..., 0], x[:, 2:3, ..., 0], x[:, 3:6, ..., 0]
    count = torch.clamp(visible.sum(-1), min=1)
    return place.sum(-1) / count, joints.amax(-1) - joints.amin(-1), torch.clamp(visible.sum(-1), max=1)
