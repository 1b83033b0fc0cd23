"""The contract of a streaming layer: one function from (input, state) to (output, state).

    y, state = layer(x, state)      # x (B, C, T, *space), T any positive multiple of the stride; a step is T == stride
    y = layer.clip(x)               # the published network on a finite clip, for training and as the offline answer
    ys, past = layer.unrolled(frames, past, clock)   # a chunk as frames one by one: what fast programs are made from

Letters: B streams, C channels, T frames of a chunk, *space the remaining axes of a frame.

Start and end. An offline network pads every layer's input with zeros outside the clip, in that layer's own frame
index. A stream of layers that each answer late must therefore know which of the frames that arrive lie inside the
clip: `Clock` says so. Arriving frame n has index n - lag; it counts as padding while the index is negative and, once
a clip has ended, from `end` on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from co_perception.continual.state import State, Tree, leaves, opened
from co_perception.continual.timing import Timing

TIME = 2  # the axis of frames in x
Frames = tuple[Any, ...]  # frames (B, C, *space) of a chunk, one by one


@dataclass(frozen=True)
class Signal:
    """What a layer will be fed, known before the first frame. shape: (C, *space) of one frame; lag: frames it arrives
    late."""

    shape: tuple[int, ...]
    lag: int = 0


class Clock(NamedTuple):
    """Where a chunk lies in its clip. start: (B,) frames that arrived before it; end: (B,) length of the clip, None
    while it goes on; settled: known beforehand that no border of a clip matters, see `Streaming.settles`."""

    start: Tensor
    end: Tensor | None
    lag: int
    settled: bool = False

    def index(self, frames: int) -> Tensor:  # type: ignore[override]  # tuple.index has no use here
        """(B, T) clip index of each frame of a chunk; negative before the clip."""
        return self.start[:, None] + torch.arange(frames, device=self.start.device) - self.lag

    def inside(self, frames: int) -> Tensor:
        """(B, T) whether each frame of a chunk lies inside the clip."""
        index = self.index(frames)
        return index >= 0 if self.end is None else (index >= 0) & (index < self.end[:, None])


class Streaming(nn.Module):
    """Base of every layer with a temporal extent. Subclasses give `timing`, `clip`, `stream`, `init_history` and
    `frame_out`."""

    timing: Timing

    @property
    def receptive_field(self) -> int:
        """Frames that an output is computed from."""
        return self.timing.receptive_field

    @property
    def delay(self) -> int:
        """Frames between the one that an output describes and the last that it needs: receptive_field - 1 - padding."""
        return self.timing.delay

    # What a layer author writes

    def clip(self, x: Tensor) -> Tensor:
        """The plain torch layer on a whole clip x (B, C, T, *space), padding included."""
        raise NotImplementedError

    def stream(self, x: Tensor, history: Tree, clock: Clock) -> tuple[Tensor, Tree]:
        """One chunk. Neither x nor history may be written into: both are shared with the caller's earlier states."""
        raise NotImplementedError

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        """`stream` without a time axis: frames (B, C, *space) one by one, and answers likewise.

        The same function. A layer gives it where that saves work: a step of one frame is an image then, which libraries
        know better than a volume of one frame, and frames that stay in the history are handed on as they are.
        """
        y, past = self.stream(_chunk(frames), past, clock)
        return _frames(y), past

    def settles(self, lag: int) -> int:
        """Frames of a stream after which no border of its clip matters any more, when inputs are `lag` frames late.

        From then on a step may be told `Clock.settled`. Here the bound that holds for every layer that pads.
        """
        return lag + self.receptive_field if self.timing.before > 0 else 0

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tree:
        """Zeros of the device and dtype of `like`, for streams that will be fed `signal`."""
        del batch_size, signal, like
        return ()

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape (C, *space) of an output frame for input frames of shape `shape`."""
        return shape

    def length(self, frames: Tensor) -> Tensor:
        """Outputs that clips of `frames` inputs give."""
        return self.timing.length(frames)

    def lag_after(self, lag: int) -> int:
        """Steps by which outputs are late when inputs are `lag` frames late."""
        return self.timing.lag_after(lag)

    # What a user calls

    def init_state(
        self,
        batch_size: int,
        frame_shape: tuple[int, ...],
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> State:
        """The state of streams that have seen nothing: zeros everywhere.

        frame_shape: (C, *space) of an input frame. Device and dtype are those of the parameters unless given.
        """
        own = next(self.parameters(), torch.empty(0))
        like = torch.empty(0, device=device or own.device, dtype=dtype or own.dtype)
        layers = self.init_history(batch_size, Signal(tuple(frame_shape)), like)
        return State(torch.zeros(batch_size, dtype=torch.int64, device=like.device), layers)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Step or chunk. x: (B, C, T, *space) with T a multiple of the stride; returns y (B, C', T / stride, *space')
        and the new state.

        Outputs come from the first step on; `output_index` says which of them are real.
        """
        self._check(x, state)
        frames = x.shape[TIME]
        # A copy, because histories keep frames by reference and a caller may fill the same tensor again for the next
        # frame.
        y, layers = self.stream(x.clone(), opened(state.layers), Clock(state.age, None, 0))
        return y, State(state.age + frames, layers)

    def output_index(self, state: State, frames: int) -> Tensor:
        """(B, T') index, in the offline network's output, of each output that `forward` gives for the next `frames`
        from `state`.

        Negative: not an answer yet.
        """
        stride = self.timing.stride
        return Clock(state.age // stride, None, self.lag_after(0)).index(frames // stride)

    def flush(self, state: State, frame_shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """End the clips and give what is still owed: y (B, C', N, *space') and valid (B, N), the outputs that exist.

        The zeros fed here count as padding, so that all outputs together are those of `clip`. The state itself stays
        usable."""
        # A layer that pads more than it spans owes outputs beyond those that are late.
        longer = int(self.length(torch.zeros((), dtype=torch.int64)))
        steps = max(self.lag_after(0) + max(longer, 0), 1)
        frames = steps * self.timing.stride
        own = next(self.parameters(), torch.empty(0, device=state.age.device))
        like = next((leaf for leaf in leaves(state.layers) if leaf.is_floating_point()), own)
        x = like.new_zeros(len(state.age), frame_shape[0], frames, *frame_shape[1:])
        y, _ = self.stream(x, opened(state.layers), Clock(state.age, state.age, 0))
        index = self.output_index(state, frames)
        return y, (index >= 0) & (index < self.length(state.age)[:, None])

    def _check(self, x: Tensor, state: State) -> None:
        if x.dim() < 3:
            raise ValueError(
                f"expected (B, C, T, ...), got {tuple(x.shape)}. A single frame needs a time axis: x.unsqueeze(2)"
            )
        if x.shape[TIME] == 0 or x.shape[TIME] % self.timing.stride:
            raise ValueError(
                f"a chunk holds a positive multiple of {self.timing.stride} frames (the temporal stride), got "
                f"{x.shape[TIME]}"
            )
        if x.shape[0] != state.age.shape[0]:
            raise ValueError(
                f"{x.shape[0]} streams in x, {state.age.shape[0]} in the state: use "
                f"init_state(batch_size={x.shape[0]}, ...)"
            )


def through(layer: Streaming, clock: Clock) -> Clock:
    """The clock of a layer's output."""
    end = None if clock.end is None else layer.length(clock.end)
    stride = layer.timing.stride
    start = clock.start if stride == 1 else clock.start // stride
    return Clock(start, end, layer.lag_after(clock.lag), clock.settled)


def _chunk(frames: Frames) -> Any:
    """Frames as a chunk (B, C, T, *space); those of several branches side by side, branch by branch."""
    if isinstance(frames[0], tuple):
        return tuple(torch.stack(branch, TIME) for branch in zip(*frames, strict=True))
    return torch.stack(frames, TIME)


def _frames(y: Any) -> Frames:
    return tuple(zip(*map(_frames, y), strict=True)) if isinstance(y, tuple) else y.unbind(TIME)
