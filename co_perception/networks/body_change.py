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
KNOWN = 3  # of a state: the longest torso, the highest and the lowest place of the hips; then 1 if there is any


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
        return self._through(*_measured(x), x.new_zeros(x.shape[0], KNOWN + 1))[0]

    def stream(self, x: Tensor, past: Tensor, clock: Clock) -> tuple[Tensor, Tensor]:
        now, extent, there = _measured(x)
        if not clock.settled:
            there = there * clock.inside(x.shape[TIME])[:, None]
        return self._through(now, extent, there, past)

    def unrolled(self, frames: Frames, past: Tensor, clock: Clock) -> tuple[Frames, Tensor]:
        answers, past = self.stream(torch.stack(frames, TIME), past, clock)
        return answers.unbind(TIME), past

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tensor:
        check_placed(signal, self.joints)
        return like.new_zeros(batch_size, KNOWN + 1)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (CHANGES,)

    def settles(self, lag: int) -> int:
        return lag

    def _through(self, now: Tensor, extent: Tensor, there: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, 5, T) of what `_measured` gives of frames, and the state (B, 4) after the last."""
        states = []
        for own, real in zip(now.unbind(TIME), there.unbind(TIME), strict=True):
            state = self._advanced(state, own, real)
            states.append(state)
        after, size = torch.stack(states, TIME), now[:, :1]
        largest = after[:, :1] + (1 - after[:, KNOWN:])  # never zero
        lengths = torch.cat([after[:, 1:KNOWN] - now[:, 1:], extent * size], 1) / largest
        return torch.cat([size / largest, torch.relu(MOST - lengths) * -1 + MOST], 1) * there, state

    def _advanced(self, state: Tensor, now: Tensor, there: Tensor) -> Tensor:
        """The state (B, 4) after a frame whose own extremes are `now` (B, 3), 1 in `there` (B, 1) with a person."""
        before, known = state[:, :KNOWN], state[:, KNOWN:]
        above = torch.relu((before - now) * known * (1 - 1 / self.memory))
        after = torch.cat([now + above, there], 1)
        return state + (after - state) * there


def check_placed(signal: Signal, joints: int) -> None:
    """Raises: ValueError for frames other than one person's joints as of `normalize.placed`, (6, joints, 1)."""
    if tuple(signal.shape) != (PLACED, joints, 1):
        raise ValueError(
            f"expected skeletons (C, V, M) = {(PLACED, joints, 1)}: joints of one person as normalize.placed gives "
            f"them, got {tuple(signal.shape)}"
        )


def _measured(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of x (B, 6, T, V, 1): torso, height of the hips upwards and downwards (B, 3, T) in its unit; breadth and height
    of the joints in torsos (B, 2, T); 1 where somebody is visible (B, 1, T).
    """
    joints, rest = x[:, 0:2, ..., 0], x[:, 2:6, ..., 0].sum(-1)
    count = rest[:, :1]
    there = torch.relu(count * -1 + 1) * -1 + 1
    middle = rest[:, 2:] / (count + 1 - there)
    now = torch.cat([middle[:, 1:], middle[:, :1] * -1, middle[:, :1]], 1)  # the top is where y is least
    return now, joints.amax(-1) - joints.amin(-1), there
