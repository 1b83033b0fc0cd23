"""Sizes of tensors while a network is read in `convert`: numbers of channels and space, `Length`s of streams and time.

A stream has no number of frames, and a network is to be the same for any number of streams. What a forward computes
with their sizes (products for a view, differences for a crop) is followed. What turns them into a number is refused,
except for frames where the network is read for clips of one length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import NoReturn

from co_perception.continual.convert.site import UnsupportedError, user_line
from co_perception.continual.timing import Timing

RECYCLING = "RecyclingPositionalEncoding, registered for a module, uses its table again"


@dataclass
class ClipLength:
    """Frames of the clips that a network is read for.

    Attributes:
        frames: their number; None for clips of any length.
        taken: whether the forward took it as a number, so that the network is one for clips of this length.
        refusals: of what a forward wanted to do with lengths, and its lines. It may catch them and go on.
    """

    frames: int | None = None
    taken: bool = False
    refusals: list[tuple[UnsupportedError, str]] = field(default_factory=list)


@dataclass(frozen=True)
class FrameCount:
    """Frames of a clip behind layers: (clip + rest) // stride - shorter; the rest matters for parts of strides."""

    stride: int
    shorter: int
    rest: int = field(default=0, compare=False)

    @classmethod
    def after(cls, timing: Timing) -> FrameCount:
        strides, rest = divmod(timing.before + timing.after - timing.receptive_field, timing.stride)
        return cls(timing.stride, -strides - 1, rest)

    def of(self, clip: int) -> int:
        """The number of frames for a clip of so many."""
        return (clip + self.rest) // self.stride - self.shorter


@dataclass(frozen=True, eq=False)
class Length:
    """A number times the number of streams, of frames, or of both: what `x.size(0)` or `x.shape[2]` give.

    Attributes:
        factor: the number.
        streams: whether the number of streams is in it.
        frames: the number of frames that is in it, if any.
        clip: what is known of the clip.
    """

    factor: int
    streams: bool
    frames: FrameCount | None
    clip: ClipLength

    # Arithmetic that leaves a length a length

    def __mul__(self, other: object) -> Size:
        if isinstance(other, int):
            return replace(self, factor=self.factor * other)
        if not isinstance(other, Length):
            return self._number("multiplies it") * other  # type: ignore[operator]
        if self.frames and other.frames:
            return self * other._frames_taken("squares it")
        if self.streams and other.streams:
            self._refuse("squares it")
        return Length(self.factor * other.factor, self.streams or other.streams, self.frames or other.frames, self.clip)

    __rmul__ = __mul__

    def __floordiv__(self, other: object) -> Size:
        if isinstance(other, int | Length):
            divided = divide(self, other)
            if divided is not None:
                return divided
        return self._number("divides it") // _as_number(other, "divides by it")

    def __truediv__(self, other: object) -> float | Length:
        if isinstance(other, int | Length):
            divided = divide(self, other)
            if divided is not None:
                return divided
        return self._number("divides it") / _as_number(other, "divides by it")

    def __mod__(self, other: object) -> int:
        if isinstance(other, int | Length) and divide(self, other) is not None:
            return 0
        return self._number("divides it") % _as_number(other, "divides by it")

    def __add__(self, other: object) -> Size:
        if isinstance(other, int) and (self._plain_frames is not None or other == 0):
            frames = self.frames and replace(self.frames, shorter=self.frames.shorter - other)
            return replace(self, frames=frames)
        return self._number("adds to it") + _as_number(other, "adds it")

    __radd__ = __add__

    def __sub__(self, other: object) -> Size:
        if isinstance(other, int):
            return self + -other
        mine, others = self._plain_frames, other._plain_frames if isinstance(other, Length) else None
        if mine is not None and others is not None and mine.stride == others.stride:
            return others.shorter - mine.shorter
        if isinstance(other, Length) and _key(self) == _key(other):
            return 0
        return self._number("subtracts from it") - _as_number(other, "subtracts it")

    def __rsub__(self, other: object) -> int:
        return _as_number(other, "subtracts from it") - self._number("subtracts it")

    def __rtruediv__(self, other: object) -> float:
        return other / self._number("divides by it")  # type: ignore[operator]

    def __rfloordiv__(self, other: object) -> int:
        return _as_number(other, "divides it") // self._number("divides by it")

    def __rmod__(self, other: object) -> int:
        return _as_number(other, "divides it") % self._number("divides by it")

    def __pow__(self, other: object) -> float:
        return self._number("takes a power of it") ** other  # type: ignore[operator]

    def __neg__(self) -> Size:
        return replace(self, factor=-self.factor)  # x[:, :, -y.size(2):]

    @property
    def _plain_frames(self) -> FrameCount | None:
        return self.frames if self.factor == 1 and not self.streams else None

    # Comparisons: those that hold for any number of streams and frames

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Length):
            return _key(self) == _key(other)
        return isinstance(other, int | float) and self._number("compares it with a number") == other

    def __hash__(self) -> int:
        return hash(_key(self))

    def __lt__(self, other: object) -> bool:
        return self._difference(other) < 0

    def __le__(self, other: object) -> bool:
        return self._difference(other) <= 0

    def __gt__(self, other: object) -> bool:
        return self._difference(other) > 0

    def __ge__(self, other: object) -> bool:
        return self._difference(other) >= 0

    def _difference(self, other: object) -> float:
        if isinstance(other, Length):
            difference = self - other
            return difference if isinstance(difference, int) else difference._number("compares it")
        return self._number("compares it with a number") - other  # type: ignore[operator]

    # What needs the number

    def __bool__(self) -> bool:
        return True  # there are always frames and streams

    def __index__(self) -> int:
        return self._number("uses it as a number")

    def __int__(self) -> int:
        return self._number("uses it as a number")

    def __float__(self) -> float:
        return float(self._number("uses it as a number"))

    def __round__(self, digits: int | None = None) -> int:
        return self._number("uses it as a number")

    __ceil__ = __floor__ = __trunc__ = __int__

    def __str__(self) -> str:
        parts = [str(self.factor)] * (self.factor != 1) + ["streams"] * self.streams + ["frames"] * bool(self.frames)
        return " * ".join(parts)

    __repr__ = __str__

    @property
    def value(self) -> int | None:
        """The number, where the network is read for clips of one length; that of streams is never known."""
        if self.streams or self.frames is None or self.clip.frames is None:
            return None
        return self.factor * self.frames.of(self.clip.frames)

    def _number(self, what: str) -> int:
        value = self.value
        if value is None:
            self._refuse(what)
        self.clip.taken = True
        return value

    def _frames_taken(self, what: str) -> Size:
        """The length with the number of frames put in."""
        if self.frames is None or self.clip.frames is None:
            self._refuse(what)
        self.clip.taken = True
        factor = self.factor * self.frames.of(self.clip.frames)
        return replace(self, factor=factor, frames=None) if self.streams else factor

    def _refuse(self, what: str) -> NoReturn:
        axes = " and ".join(["the batch"] * self.streams + ["time"] * (self.frames is not None))
        reason = f"it takes the length of an axis, that of {axes}, and {what}; "
        if self.streams:
            reason += "streams come and go, and have to stay apart"
        else:
            reason += (
                "a stream does not have it. With a clip as example it is read for clips of that length. If it cuts a "
                f"table, such as one of positions, to the clip's length: {RECYCLING}"
            )
        error = UnsupportedError(reason)
        self.clip.refusals.append((error, user_line()))
        raise error


Size = int | Length


def divide(whole: Size, part: Size) -> Size | None:
    """whole / part where that is a whole number for any number of streams and frames, or for clips of one length."""
    mine, others = _key(whole), _key(part)
    if others[0] and not mine[0] % others[0] and others[1] <= mine[1] and others[2] in (None, mine[2]):
        clip = whole.clip if isinstance(whole, Length) else ClipLength()
        return made(mine[0] // others[0], mine[1] and not others[1], None if others[2] else mine[2], clip)
    if not any(isinstance(size, Length) and size.frames and size.clip.frames for size in (whole, part)):
        return None
    divided = divide(_with_frames(whole), _with_frames(part))
    if divided is not None:
        for size in (whole, part):
            if isinstance(size, Length):
                size.clip.taken = True
    return divided


def _with_frames(size: Size) -> Size:
    if not isinstance(size, Length) or size.frames is None or size.clip.frames is None:
        return size
    factor = size.factor * size.frames.of(size.clip.frames)
    return replace(size, factor=factor, frames=None) if size.streams else factor


def made(factor: int, streams: bool, frames: FrameCount | None, clip: ClipLength) -> Size:
    return Length(factor, streams, frames, clip) if streams or frames else factor


def product(sizes: Sequence[Size]) -> Size:
    total: Size = 1
    for size in sizes:
        total = total * size
    return total


def whole_number(value: object) -> object:
    """Numbers of NumPy and the like as Python's; anything else as it is."""
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool | int) else value


def _as_number(value: object, what: str) -> int:
    return value._number(what) if isinstance(value, Length) else value  # type: ignore[return-value]


def _key(size: Size) -> tuple[int, bool, FrameCount | None]:
    return (size.factor, size.streams, size.frames) if isinstance(size, Length) else (size, False, None)


class Shape(tuple[Size, ...]):
    """`x.shape`."""

    def numel(self) -> Size:
        return product(self)
