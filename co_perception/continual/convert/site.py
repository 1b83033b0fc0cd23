"""Bookkeeping of a conversion: the axes of each tensor, the place in the network, and what could not be converted.

A plain network permutes, flattens and drops axes; a stream does not. While a network is converted, `Axes` follows each
of its tensors, so that a step knows where channels, time and space went.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import sep
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import torch
from torch import nn

from co_perception.continual.layer import TIME

STREAMS, CHANNELS = 0, 1
HOOKED = (
    "has forward hooks, which a stream would not run; remove them. The weight_norm of torch.nn.utils.parametrizations "
    "converts, and reads files of the one of torch.nn.utils, which is a hook"
)


class UnsupportedError(ValueError):
    """An operation has no continual form.

    Attributes:
        axes: of the answer that it would have, with which the conversion goes on after it; None where unknown.
        always: it has none whatever it is given, so that an earlier refusal cannot be the reason of this one.
        sure: the axes are certain, so that what is refused later does not follow from this.
    """

    def __init__(self, reason: str, axes: Axes | None = None, always: bool = False, sure: bool = False) -> None:
        super().__init__(reason)
        self.axes, self.always, self.sure = axes, always, sure


NO_WINDOW = "looks at the whole clip"
WHOLE_CLIP = (
    "it combines single frames with an answer over the whole clip (a mean over time, most often), which a stream knows "
    "when the last frame has come. convert(..., past_gates=True) makes a gate by a mean one by the mean of past "
    "frames, to be trained so"
)
FRAMES_APART = (
    "it combines single frames of a clip with others of another number. What goes on from frame to frame is an nn.RNN, "
    "nn.GRU or nn.LSTM, or a loop over all frames whose states begin as zeros and are replaced in every round; "
    "differences of neighbors are x[:, 1:] - x[:, :-1]"
)
Place = int | tuple[int, ...]  # of one axis; several places are axes merged into one, the first of them outermost


def atoms(place: Place) -> tuple[int, ...]:
    return place if isinstance(place, tuple) else (place,)


@dataclass(frozen=True)
class Axes:
    """Which axis of a plain network's tensor is which axis of a stream's x (B, C, T, *space).

    Attributes:
        order: for each axis of the plain tensor, its place in (B, C, T, *space). Where a plain network has merged the
            batch or time with other axes, a stream has them apart: then the places of all of these.
        space: number of axes after T.
        pooled: the plain tensor has one answer for a whole clip (T dropped or 1), where the stream has one per frame.
        newest: each answer is the plain network's answer to the last frame of a clip that ends there.
        unsure: an operation before it has no continual form, so that these axes and the timing are a guess.
        pads: zero frames (before, after) that the plain network has put around the clip, for a convolution to take.
        frame: number of the frame of a clip that the plain tensor is; the stream has every frame there.
    """

    order: tuple[Place, ...]
    space: int
    pooled: bool = False
    newest: bool = False
    unsure: bool = False
    pads: tuple[int, int] = (0, 0)
    frame: int | None = None

    @classmethod
    def named(cls, letters: str) -> Axes:
        """Axes by letters, such as "BCTHW" or "BTC": B, C and T once each, others for space in their order.

        Without C, as in "BT", a frame has one channel.
        """
        if any(letters.count(letter) != 1 for letter in letters) or not set("BT") <= set(letters):
            raise ValueError(
                f"layout has B, C and T once and a letter per axis of space, such as 'BCTHW', got {letters!r}"
            )
        places = "BCT" + "".join(letter for letter in letters if letter not in "BCT")
        return cls(tuple(places.index(letter) for letter in letters), len(places) - 3)

    def __str__(self) -> str:
        return "(" + ", ".join(self._letter(place) for place in self.order) + ")"

    def _letter(self, place: Place) -> str:
        letters = ["B", "C", "T", *("HW" if self.space == 2 else "VUW"[: self.space] if self.space < 4 else "S" * 9)]
        return "*".join(letters[each] for each in atoms(place))

    @property
    def canonical(self) -> bool:
        """Whether the plain tensor is laid out as the stream is."""
        return self.order == tuple(range(3 + self.space))

    @property
    def every(self) -> tuple[int, ...]:
        """The places of all axes, merged ones one by one."""
        return tuple(each for place in self.order for each in atoms(place))

    def part(self, dim: int) -> Place:
        """Where axis `dim` of the plain tensor (from the end if negative) is in (B, C, T, *space)."""
        if not -len(self.order) <= dim < len(self.order):
            raise UnsupportedError(f"axis {dim} of a tensor {self}; is `layout` right?")
        return self.order[dim]

    def place(self, dim: int) -> int:
        """`part` of an axis that is not merged with others."""
        part = self.part(dim)
        if isinstance(part, tuple):
            raise UnsupportedError(self.merged(dim))
        return part

    def merged(self, dim: int) -> str:
        """Why nothing is computed along an axis that is several merged into one."""
        part = atoms(self.part(dim))
        if TIME in part and STREAMS not in part:
            return (
                f"it merges time with other axes ({self}), so that channels would depend on the length of the clip. "
                "Pool over time first, for instance with AdaptiveAvgPool, or flatten space alone"
            )
        return (
            f"axis {dim} of {self} is several axes merged into one, the batch among them; do it before they are merged"
        )

    def places(self, dims: int | Sequence[int] | None) -> list[int]:
        """The places of several axes, merged ones one by one; all of them if None."""
        each = range(len(self.order)) if dims is None else (dims,) if isinstance(dims, int) else dims
        return [place for dim in each for place in atoms(self.part(dim))]

    def permuted(self, dims: Sequence[int]) -> Axes:
        return replace(self, order=tuple(self.part(dim) for dim in dims))

    def without(self, places: Sequence[int]) -> Axes:
        """Drop axes of the plain tensor. T and C stay in the stream (C with size 1), axes of space do not."""
        gone = sorted(place for place in places if place > TIME)
        left = [place for place in self.order if not set(atoms(place)) <= set(places)]

        def moved(place: int) -> int:
            return place - sum(each < place for each in gone)

        order = tuple(tuple(map(moved, place)) if isinstance(place, tuple) else moved(place) for place in left)
        return replace(self, order=order, space=self.space - len(gone))

    def reduced(self) -> Axes:
        """Mark the tensor as pooled over time."""
        return replace(self, pooled=True)

    def need_frames(self, what: str) -> None:
        """Raise UnsupportedError for `what`, which combines frames, after pooling over time or attention."""
        if self.pooled:
            raise UnsupportedError(
                f"{what} combines frames, but time was pooled or left out before it: one answer is left per clip"
            )
        if self.newest:
            raise UnsupportedError(
                f"{what} combines answers of attention, and a stream has those for its newest frame only: earlier ones "
                "would change as frames arrive. Put attention layers into one nn.TransformerEncoder, and take its "
                "answer to the last frame, as in y[:, -1]"
            )
        if self.frame is not None:
            raise UnsupportedError(f"{what} combines frames, and it is given one of them")


def joint(values: Sequence[Axes]) -> Axes:
    """The axes of values that are combined element by element."""
    first = values[0]
    if any((other.order, other.space) != (first.order, first.space) for other in values):
        raise UnsupportedError(
            f"it combines tensors {' and '.join(map(str, values))}, whose axes do not match one to one"
        )
    if len({other.frame is None for other in values}) > 1:
        raise UnsupportedError(FRAMES_APART)
    if len({other.pooled for other in values}) > 1:
        raise UnsupportedError(WHOLE_CLIP)
    return replace(first, newest=any(other.newest for other in values), unsure=any(other.unsure for other in values))


Converted = nn.Module | tuple[nn.Module, Axes]
Converter = Callable[[Any, "Site"], Converted]  # of a module of the class that it is registered for
Visit = Callable[[nn.Module, "Site"], tuple[nn.Module, Axes]]


class UnsupportedOperation(NamedTuple):
    """One operation that has no continual form.

    Attributes:
        path: of the module, as in `named_modules`.
        operation: the module, or the line of source.
        reason: why a stream cannot do it.
    """

    path: str
    operation: str
    reason: str

    def repeats(self, other: UnsupportedOperation) -> bool:
        """Whether it is the same line of the same module, refused for the same reason."""
        modules = [each.path.rpartition(".")[0] for each in (self, other)]
        return modules[0] == modules[1] and (self.operation, self.reason) == (other.operation, other.reason)

    def __str__(self) -> str:
        return f"{self.path or 'the network itself'}: {self.operation}: {self.reason}"


class ConversionError(ValueError):
    """A network has no continual form.

    Attributes:
        unsupported: every operation that has no continual form, in the order of the computation.
    """

    def __init__(self, unsupported: list[UnsupportedOperation]) -> None:
        super().__init__("the network has no continual form:\n" + "\n".join(f"  {each}" for each in unsupported))
        self.unsupported = unsupported


@dataclass(frozen=True)
class Site:
    """The place of a module in the network that is converted.

    Attributes:
        path: as in `named_modules`.
        axes: of the tensor that the module is given.
        find: gives the function that converts a module, None where none is known.
        visit: converts the module at a site; handed in, because what modules convert to depends on their children.
        windows: frames that operations over the whole clip look at, or by path.
        frame: shape (C, *space) of a frame that the module is given; None where it is not known.
        clip: frames of the clip that the module is given; None for clips of any length.
        arguments: of forward beside the clip.
        output: which of several answers is the network's.
        past_gates: whether a gate by the mean of the whole clip becomes one by the mean of past frames.
        source: the line of a function that is converted as a module.
        unsupported: operations without continual form, shared by all sites of one conversion.
        of_one_length: paths of modules that took the number of frames of a clip, shared likewise.
        gated: lines at which a gate is one by past frames, shared likewise.
        in_place: modules that write into what they are given, shared likewise. Once converted they do not, and the
            forward may call them again.
    """

    path: str
    axes: Axes
    find: Callable[[nn.Module], Converter | None]
    visit: Visit
    windows: int | Mapping[str, int] | None = None
    frame: tuple[int, ...] | None = None
    clip: int | None = None
    arguments: Mapping[str, object] = field(default_factory=dict)
    output: int | str | None = None
    past_gates: bool = False
    source: str = ""
    unsupported: list[UnsupportedOperation] = field(default_factory=list)
    of_one_length: list[str] = field(default_factory=list)
    gated: list[str] = field(default_factory=list)
    in_place: set[nn.Module] = field(default_factory=set)

    def window(self, what: str) -> int:
        """Frames that `what` looks at, as given to `convert`, else those of the example clip."""
        given = self.windows.get(self.path) if isinstance(self.windows, Mapping) else self.windows
        given = self.clip if given is None else given
        if given is None:
            raise UnsupportedError(
                f"{what} {NO_WINDOW}; say how many frames it is to look at, counted here (after temporal "
                f"strides): convert(..., window=n) or convert(..., window={{{self.path!r}: n}}), or give a clip as "
                "example, of which it looks at all frames"
            )
        return given

    def at(self, name: str, axes: Axes) -> Site:
        """The place of the submodule called `name`."""
        path = f"{self.path}.{name}" if self.path else name
        return replace(self, path=path, axes=axes, arguments={}, output=None)

    def refuse(self, operation: str, error: ValueError) -> None:
        """Report an operation that has no continual form, unless that may follow from one reported before."""
        if self.axes.unsure and isinstance(error, UnsupportedError) and not error.always:
            return
        self.report(operation, str(error))

    def report(self, operation: str, reason: str, path: str | None = None) -> None:
        found = UnsupportedOperation(self.path if path is None else path, operation, reason)
        if not any(found.repeats(other) for other in self.unsupported):  # in a loop, for one
            self.unsupported.append(found)


_OWN = (f"{Path(__file__).parent}{sep}", f"{Path(torch.__file__).parent}{sep}", contextlib.__file__, mock.__file__)


def user_line(error: BaseException | None = None) -> str:
    """The line of the network's source that is being run, or that raised `error`; empty where there is none."""
    frames = traceback.extract_tb(error.__traceback__) if error else traceback.extract_stack()
    return next((frame.line or "" for frame in reversed(frames) if not frame.filename.startswith(_OWN)), "")
