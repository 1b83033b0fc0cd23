"""Which axis of a plain network's tensor is which axis of a stream's x (B, C, T, *space).

A plain network permutes, flattens and drops axes; a stream does not. While a network is converted, `Axes` follows each
of its tensors, so that a step knows where channels, time and space went.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from co_perception.continual.layer import TIME

STREAMS, CHANNELS = 0, 1


class Refused(ValueError):
    """Why an operation has no continual form. axes: what its answer would look like, to read on after it."""

    def __init__(self, reason: str, axes: Axes | None = None) -> None:
        super().__init__(reason)
        self.axes = axes


@dataclass(frozen=True)
class Axes:
    """order: for each axis of the plain tensor, its place in (B, C, T, *space). space: axes after T.

    pooled: the plain tensor has one answer for a whole clip (T dropped or 1), where the stream has one per frame.
    newest: each answer is what the plain network says of the last frame of a clip that ends there.
    """

    order: tuple[int, ...]
    space: int
    pooled: bool = False
    newest: bool = False

    @classmethod
    def named(cls, letters: str) -> Axes:
        """From letters, one per axis: B, C and T once each, others for space in their order, as "BCTHW" or "BTC"."""
        if any(letters.count(letter) != 1 for letter in letters) or not set("BCT") <= set(letters):
            raise ValueError(
                f"layout has B, C and T once and a letter per axis of space, such as 'BCTHW', got {letters!r}"
            )
        places = "BCT" + "".join(letter for letter in letters if letter not in "BCT")
        return cls(tuple(places.index(letter) for letter in letters), len(places) - 3)

    def __str__(self) -> str:
        letters = ["B", "C", "T", *("HW" if self.space == 2 else "VUW"[: self.space] if self.space < 4 else "S" * 9)]
        return "(" + ", ".join(letters[place] for place in self.order) + ")"

    @property
    def canonical(self) -> bool:
        """Whether the plain tensor is laid out as the stream is."""
        return self.order == tuple(range(3 + self.space))

    def place(self, dim: int) -> int:
        """The place in (B, C, T, *space) of axis `dim` of the plain tensor (from the end if negative)."""
        if not -len(self.order) <= dim < len(self.order):
            raise Refused(f"axis {dim} of a tensor {self}; is `layout` right?")
        return self.order[dim]

    def places(self, dims: int | Sequence[int] | None) -> list[int]:
        """`place` of several; all of them if None."""
        each = range(len(self.order)) if dims is None else (dims,) if isinstance(dims, int) else dims
        return [self.place(dim) for dim in each]

    def permuted(self, dims: Sequence[int]) -> Axes:
        return replace(self, order=tuple(self.place(dim) for dim in dims))

    def without(self, places: Sequence[int]) -> Axes:
        """Drop axes of the plain tensor. T and C stay in the stream (C with size 1), axes of space do not."""
        gone = sorted(place for place in places if place > TIME)
        kept = [place for place in self.order if place not in places]
        return replace(self, order=tuple(p - sum(g < p for g in gone) for p in kept), space=self.space - len(gone))

    def reduced(self) -> Axes:
        """One answer per window from here on."""
        return replace(self, pooled=True)

    def need_frames(self, what: str) -> None:
        """Refuse `what`, which combines frames, where there are none any more or where they do not mean frames."""
        if self.pooled:
            raise Refused(
                f"{what} combines frames, but time was pooled or left out before it: one answer is left per clip"
            )
        if self.newest:
            raise Refused(
                f"{what} combines answers of attention, and a stream has those for its newest frame only: earlier ones "
                "would change as frames arrive. Put attention layers into one nn.TransformerEncoder, and take its "
                "answer to the last frame, as in y[:, -1]"
            )


def joint(values: Sequence[Axes]) -> Axes:
    """The axes of values that are combined element by element."""
    first = values[0]
    if any((other.order, other.space) != (first.order, first.space) for other in values):
        raise Refused(f"it combines tensors {' and '.join(map(str, values))}, whose axes do not match one to one")
    if len({other.pooled for other in values}) > 1:
        raise Refused(
            "it combines single frames with an answer over the whole clip, which a stream gets to know when its last "
            "frame has come. SqueezeExcite(window=...) gates by the mean of past frames"
        )
    return replace(first, newest=any(other.newest for other in values))
