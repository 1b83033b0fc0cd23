"""The contract of a streaming layer: one function from (input, state) to (output, state).

    layer = co.Conv1d(3, 8, 5, padding=2)
    state = layer.init_state(batch_size=1, frame_shape=(3,))
    for frame in stream:                    # frame (1, 3, 1): streams, channels, one frame
        y, state = layer(frame, state)      # y (1, 8, 1)

`layer.clip(x)` is the plain torch network on a whole clip, for training and as the offline answer. Who writes a layer
subclasses `Streaming` and gives `timing`, `clip`, `stream`, `init_history` and `frame_out`.

Letters in shapes: B streams, C channels, T frames of a chunk, *space the remaining axes of a frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from co_perception.continual.state import State, Tree, leaves, unpacked
from co_perception.continual.timing import Clock, Signal, Timing

TIME = 2  # the axis of frames in x
# A tensor (B, C, T, *space), or after `Broadcast` a tuple of one per branch; frame shapes and frames likewise. Nearly
# every layer takes and gives tensors, and a union in the base class would have all of them check for tuples.
Branched: TypeAlias = Any
Frames = tuple[Branched, ...]  # frames (B, C, *space) of a chunk, one by one


class Streaming(nn.Module):
    """Base of every layer with a temporal extent.

    Subclasses give `timing`, `clip`, `stream`, `init_history` and `frame_out`, and where they compose other layers also
    `length`, `lag_after` and `settles`.
    """

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
        """Compute the outputs of one chunk.

        Neither x nor history may be written into: both are shared with the caller's earlier states.

        Args:
            x: (B, C, T, *space), T a multiple of the stride.
            history: past frames, as `init_history` lays them out.
            clock: where the chunk lies in its clip.

        Returns:
            y (B, C', T / stride, *space') and the history for the next chunk.
        """
        raise NotImplementedError

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        """The same function as `stream` without a time axis: frames (B, C, *space) one by one, and answers likewise.

        A layer overrides it where that saves work: a step of one frame is an image then, which libraries know better
        than a volume of one frame, and frames that stay in the history are handed on as they are.
        """
        if isinstance(frames[0], tuple):  # those of several branches side by side, branch by branch
            x: Branched = tuple(torch.stack(branch, TIME) for branch in zip(*frames, strict=True))
        else:
            x = torch.stack(frames, TIME)
        y, past = self.stream(x, past, clock)
        return _split_frames(y), past

    def settles(self, lag: int) -> int:
        """Frames of a stream after which no border of its clip matters, when inputs are `lag` frames late.

        From then on a step may set `Clock.settled`. This is the bound that holds for every layer that pads.
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
        """Number of outputs for clips of `frames` inputs."""
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
        """The state of streams that have received no frame: zeros everywhere.

        Args:
            batch_size: number of streams.
            frame_shape: (C, *space) of an input frame.
            device, dtype: of the frames; those of the parameters unless given.
        """
        own = next(self.parameters(), torch.empty(0))
        like = torch.empty(0, device=device or own.device, dtype=dtype or own.dtype)
        layers = self.init_history(batch_size, Signal(tuple(frame_shape)), like)
        return State(torch.zeros(batch_size, dtype=torch.int64, device=like.device), layers)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Feed a step or a chunk of frames.

        Outputs come from the first step on; `output_index` says which of them are real.

        Args:
            x: (B, C, T, *space), T a positive multiple of the stride.
            state: of `init_state` or of the previous call. It stays as it was.

        Returns:
            y (B, C', T / stride, *space') and the new state.
        """
        if x.dim() < 3:
            raise ValueError(
                f"expected (B, C, T, ...), got {tuple(x.shape)}. A single frame needs a time axis: x.unsqueeze(2)"
            )
        frames, stride = x.shape[TIME], self.timing.stride
        if frames == 0 or frames % stride:
            raise ValueError(
                f"a chunk holds a positive multiple of {stride} frames (the temporal stride), got {frames}"
            )
        if x.shape[0] != state.age.shape[0]:
            raise ValueError(
                f"{x.shape[0]} streams in x, {state.age.shape[0]} in the state: use "
                f"init_state(batch_size={x.shape[0]}, ...)"
            )
        # A copy, because histories keep frames by reference and a caller may fill the same tensor again for the next
        # frame.
        y, layers = self.stream(x.clone(), unpacked(state.layers), Clock(state.age, None, 0))
        return y, State(state.age + frames, layers)

    def output_index(self, state: State, frames: int) -> Tensor:
        """Which outputs of the offline network the next `frames` frames from `state` give.

        Returns:
            (B, T') int64, the index in the offline network's output of each output of `forward`; negative: not an
            answer yet.
        """
        stride = self.timing.stride
        return Clock(state.age // stride, None, self.lag_after(0)).index(frames // stride)

    def flush(self, state: State, frame_shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """End the clips and give the outputs that are still due. The state itself stays usable.

        The zeros fed here count as padding, so that all outputs together are those of `clip`.

        Returns:
            y (B, C', N, *space') and valid (B, N) bool, the outputs that exist.
        """
        # A layer that pads more than it spans has outputs beyond those that are late.
        longer = int(self.length(torch.zeros((), dtype=torch.int64)))
        steps = max(self.lag_after(0) + max(longer, 0), 1)
        frames = steps * self.timing.stride
        own = next(self.parameters(), torch.empty(0, device=state.age.device))
        like = next((leaf for leaf in leaves(state.layers) if leaf.is_floating_point()), own)
        x = like.new_zeros(len(state.age), frame_shape[0], frames, *frame_shape[1:])
        y, _ = self.stream(x, unpacked(state.layers), Clock(state.age, state.age, 0))
        index = self.output_index(state, frames)
        return y, (index >= 0) & (index < self.length(state.age)[:, None])


def check_clip(layer: Streaming, x: Tensor) -> None:
    """Raises ValueError for a clip x (B, C, T, *space) that is too short for an answer."""
    frames, timing = x.shape[TIME], layer.timing
    if timing.length(frames) < 1:
        least = timing.receptive_field - timing.before - timing.after
        raise ValueError(
            f"a clip of {frames} frames is too short: the first answer needs {least}. A window that looks at a whole "
            "clip counts frames at its place, after temporal strides"
        )


def through(layer: Streaming, clock: Clock) -> Clock:
    """The clock of a layer's output."""
    end = None if clock.end is None else layer.length(clock.end)
    stride = layer.timing.stride
    start = clock.start if stride == 1 else clock.start // stride
    return Clock(start, end, layer.lag_after(clock.lag), clock.settled)


def share_registration(layer: nn.Module, owner: nn.Module) -> None:
    """Make the parameters, buffers and children of `owner` those of `layer`, under the names that they have there.

    Registering `owner` as a child would put its name before every parameter, and checkpoints of the plain network would
    no longer load. Copying the entries would part the two: `layer.to(...)` replaces tensors in its dictionaries, and
    the functions of `layer` refer to `owner`, whose tensors must follow. So both use the very same dictionaries.
    """
    for name in ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"):
        layer.__dict__[name] = owner.__dict__[name]


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode and restore the mode of each of its submodules afterwards."""
    modes = [(child, child.training) for child in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for child, mode in modes:
            child.training = mode


def _split_frames(y: Branched) -> Frames:
    return tuple(zip(*map(_split_frames, y), strict=True)) if isinstance(y, tuple) else y.unbind(TIME)
