"""Temporal geometry: receptive field, stride, padding and lag of layers, and the place of a chunk in its clip.

All of it is arithmetic on the temporal axis, known at construction, so that a traced or exported step has no
data-dependent branch. The composition rule is that of section 3 of the Continual Inference library (Hedegaard and
Iosifidis, arXiv:2204.03418), with one addition: `lag` also tracks where the frame pairs of a strided layer begin, which
decides what its step may consume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

Count = TypeVar("Count", int, Tensor)


@dataclass(frozen=True)
class Timing:
    """Temporal geometry of a layer: output i is computed from `receptive_field` inputs, the first i * stride - before.

    A kernel of 3 that pads one frame on each side, `Timing(3, 1, before=1, after=1)`. Every step takes one frame and
    gives one output. Output 2 is computed from frames 1, 2, 3 and therefore comes with frame 3, one step late:

        frame in       0   1   2   3   4   5   .        `.`: a zero of the padding, fed by `flush`
        output         -   0   1   2   3   4   5        `-`: not an answer yet
        output 2 of        1   2   3                    receptive_field = 3
        delay = receptive_field - 1 - before = 1        lag_after(0) = 1        context(0) = 2 past frames

    The same with stride 2, `Timing(3, 2, before=1, after=1)`. A step takes two frames. Output 1 is computed from frames
    1, 2, 3, of which the last comes in step 1, so that nothing is late:

        frame in       0 1 | 2 3 | 4 5 | 6 7
        output           0 |   1 |   2 |   3
        output 1 of      1   2 3                        lag_after(0) = 0        context(0) = 1 past frame

    Behind a layer that answers one frame late, frame -1 (padding) arrives first and pairs begin one frame earlier.
    Output 1 needs frame 3, which comes in step 2; frame 4 of that step waits for the next one:

        frame in      -1 0 | 1 2 | 3 4 | 5 6
        output           - |   0 |   1 |   2            lag_after(1) = 1        context(1) = 2 past frames

    Attributes:
        receptive_field: frames that an output is computed from.
        stride: frames between outputs; also the number of frames that a step takes.
        before: frames that the offline layer pads before a clip; a negative value crops instead.
        after: frames that the offline layer pads after a clip; a negative value crops instead.
        unused: newest frames of the receptive field that no output depends on.
    """

    receptive_field: int = 1
    stride: int = 1
    before: int = 0
    after: int = 0
    unused: int = 0

    def __post_init__(self) -> None:
        if self.receptive_field < 1 or self.stride < 1:
            raise ValueError(f"receptive field and stride must be at least 1, got {self}")
        if self.before >= self.receptive_field:
            raise ValueError(
                f"{self.before} padded frames before a clip need a receptive field of more than that, got {self}: "
                "the first output would see padding only. Use a smaller temporal padding"
            )

    @property
    def delay(self) -> int:
        """Frames that must follow the first frame of a step before the step's output can be computed."""
        return self.receptive_field - 1 - self.before

    @property
    def shortening(self) -> int:
        """Frames by which a clip's output is shorter than its input, before striding."""
        return self.receptive_field - self.stride - self.before - self.after

    def length(self, frames: Count) -> Count:
        """Number of outputs for a clip of `frames` inputs, as in torch: floor((T + padding - field) / stride) + 1."""
        return (frames + self.before + self.after - self.receptive_field) // self.stride + 1

    def lag_after(self, lag: int) -> int:
        """Steps by which outputs are late when inputs are `lag` frames late: the least that needs no future frame."""
        # Output i needs frame i s - before + field - 1. After step k the newest frame is (k + 1) s - 1 - lag. The least
        # k - i for which the second is not less than the first is ceil((lag + field - before - s) / s).
        return -((self.stride + self.before - self.receptive_field - lag) // self.stride)

    def context(self, lag: int) -> int:
        """Past frames that a step needs besides its own; negative: leading frames of its own that it does not need."""
        # Step k begins with frame k s - lag; its output k - lag_after begins with frame (k - lag_after) s - before.
        return self.stride * self.lag_after(lag) + self.before - lag

    def has_borders(self, clock: Clock) -> bool:
        """Whether frames outside the clip may lie in the window of an output."""
        return self.before > 0 or (self.after > 0 and clock.end is not None)

    def then(self, following: Timing) -> Timing:
        """The timing of this layer followed by `following`.

        Raises:
            ValueError: where `following` pads after frames that this layer leaves out at a clip's end. A stream has
                answered with them before it knows that they are the last.
        """
        if self.after < 0 < following.after - following.unused:
            raise ValueError(
                f"{-self.after} frames are left out at a clip's end, and padding of {following.after} stands in their "
                "place later, which a stream learns too late; leave them out after the layer that pads"
            )
        # One frame of `following` is `stride` frames here (arXiv:2204.03418, section 3).
        return Timing(
            receptive_field=self.receptive_field + (following.receptive_field - 1) * self.stride,
            stride=self.stride * following.stride,
            before=self.before + following.before * self.stride,
            after=self.after + following.after * self.stride,
        )


def envelope(timings: Sequence[Timing]) -> Timing:
    """The timing of parallel branches of one stride: from the first input that any of them needs to the last.

    Raises:
        ValueError: if the strides differ.
    """
    strides = {timing.stride for timing in timings}
    if len(strides) > 1:
        raise ValueError(f"parallel branches have temporal strides {sorted(strides)}; their outputs meet only if equal")
    before = max(timing.before for timing in timings)
    reach = max(timing.receptive_field - timing.before for timing in timings)
    return Timing(before + reach, strides.pop(), before, max(timing.after for timing in timings))


@dataclass(frozen=True)
class Signal:
    """The input of a layer, as far as it is known before the first frame.

    Attributes:
        shape: (C, *space) of one frame. Behind a `Broadcast`, one such shape per branch.
        lag: frames by which the signal is late.
    """

    shape: tuple[int, ...]
    lag: int = 0


class Clock(NamedTuple):
    """The place of a chunk of frames in its clip.

    An offline network pads every layer's input with zeros outside the clip, in that layer's own frame index. A stream
    of layers that each answer late must therefore know which of the arriving frames lie inside the clip. Arriving
    frame n has index n - lag; it counts as padding while the index is negative and, once a clip has ended, from `end`:

        arriving frame n      0   1   2   3   4   5   6   7
        index n - lag        -2  -1   0   1   2   3   4   5      lag = 2
        inside(8)             -   -   x   x   x   x   -   -      end = 4

    Attributes:
        start: (B,) int64, frames that arrived before the chunk.
        end: (B,) int64, length of the clip; None while it goes on.
        lag: frames by which the signal is late.
        settled: known beforehand that no border of a clip matters; see `Streaming.settles`.
    """

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
