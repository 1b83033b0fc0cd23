"""When a layer answers: receptive field, stride, padding and lag as plain integers.

All of it is arithmetic on the temporal axis, known at construction, so that a traced or exported step has no
data-dependent branch. The composition rule is the one of Hedegaard and Iosifidis, "Continual Inference Library"
(2022), section 3, with one addition: `lag` also keeps track of where a strided layer's pairs of frames begin, which
decides what its step may consume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

Count = TypeVar("Count", int, Tensor)


@dataclass(frozen=True)
class Timing:
    """Temporal geometry of a layer. Output `i` is computed from inputs `i * stride - before` to `+ receptive_field -
    1`.

    before, after: frames that the offline layer pads on either side of a clip; negative values crop instead.
    """

    receptive_field: int = 1
    stride: int = 1
    before: int = 0
    after: int = 0

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

    def length(self, frames: Count) -> Count:
        """Outputs that a clip of `frames` inputs gives, as in torch: floor((T + padding - receptive_field) / stride)
        + 1."""
        return (frames + self.before + self.after - self.receptive_field) // self.stride + 1

    def lag_after(self, lag: int) -> int:
        """Steps by which outputs arrive late when inputs arrive `lag` frames late: the smallest that needs no future
        frame."""
        return -((self.stride + self.before - self.receptive_field - lag) // self.stride)

    def context(self, lag: int) -> int:
        """Past frames that a step needs besides its own (negative: that many leading frames of the chunk are not
        needed)."""
        return self.stride * self.lag_after(lag) + self.before - lag

    def then(self, following: Timing) -> Timing:
        """The timing of `following` fed by this."""
        return Timing(
            receptive_field=self.receptive_field + (following.receptive_field - 1) * self.stride,
            stride=self.stride * following.stride,
            before=self.before + following.before * self.stride,
            after=self.after + following.after * self.stride,
        )
