"""Pixels between pixels: bilinear samples of a picture, two along each axis, placed as OpenCV and torch place them.

NumPy, on the calling thread: threads that a camera wakes for half a millisecond wait for each other longer than that.
Only what is looked at is read, and colours may lie in any order, so that a picture is cut, made small and put in order
in one go, straight out of a message.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

COLOURS = 3
AT_ONCE = 1 << 18  # bytes in work: few enough to stay near the processor, and to need no fresh pages for every frame


class Samples(NamedTuple):
    """Where samples lie along one axis: first, second: (n,) their two neighbours; share: (n,) of the second, 0..1."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    share: NDArray[np.float32]

    def mirrored(self) -> Samples:
        """The same, the last one first."""
        return Samples(self.first[::-1], self.second[::-1], self.share[::-1])

    @property
    def between(self) -> bool:
        """Whether any of them lies between two pixels."""
        return bool(self.share.any())


def samples(length: int, size: int, begin: int = 0, end: int | None = None) -> Samples:
    """Samples `begin` to `end` (None: the last) of the `size` that cover `length` pixels evenly, edge to edge.

    Pixel centres where OpenCV and torch have them: (i + 0.5) * length / size - 0.5.
    """
    # Rounded as torch does, whose factor has 32 bits and whose product is added to before it is rounded.
    factor = float(np.float32(length) / np.float32(size))
    place = (np.arange(begin, size if end is None else end) + 0.5) * factor - 0.5
    place = np.clip(place, 0, length - 1).astype(np.float32)
    first = place.astype(np.intp)
    return Samples(first, np.minimum(first + 1, length - 1), place - first.astype(np.float32))


def sample(picture: NDArray[np.uint8], down: Samples, across: Samples) -> NDArray[np.float32]:
    """(rows, 3, columns) float32, 0..255: the samples `down` x `across` of a picture (H, W, 3) uint8.

    Whole rows come first, because they lie in one piece; colours are put in order by the way columns are picked.
    """
    rows, pixel, colour = _rows(picture)
    begin, end = int(across.first.min()), int(across.second.max())
    rows = rows[:, begin * pixel : end * pixel + 2 * abs(colour) + 1]
    offsets = np.arange(COLOURS)[:, None] * colour - min(2 * colour, 0)
    left, right = ((neighbour - begin) * pixel + offsets for neighbour in (across.first, across.second))
    out = np.empty((len(down.first), *left.shape), np.float32)
    several = max(AT_ONCE // (rows.shape[1] * out.itemsize), 1)
    for start in range(0, len(out), several):
        part = slice(start, start + several)
        near = rows[down.first[part]].astype(np.float32)
        if down.between:
            _towards(near, rows[down.second[part]].astype(np.float32), down.share[part, None])
        near.take(left, axis=1, out=out[part], mode="clip")
        if across.between:
            _towards(out[part], near.take(right, axis=1, mode="clip"), across.share)
    return out


def _rows(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int, int]:
    """(H, n) bytes of each row as they lie, a view; then bytes from pixel to pixel, and from colour to colour.

    A copy only where colours lie in planes, pixels from right to left, or far apart. Grey that was broadcast has 0 from
    colour to colour, BGR seen as RGB has -1.
    """
    pixel, colour = picture.strides[1:]
    if colour not in (-1, 0, 1) or not 2 * abs(colour) < pixel <= 2 * COLOURS:
        picture = np.ascontiguousarray(picture)
        pixel, colour = COLOURS, 1
    height, width = picture.shape[:2]
    first = picture[..., ::-1] if colour < 0 else picture
    shape = (height, (width - 1) * pixel + 2 * abs(colour) + 1)
    return as_strided(first, shape, (picture.strides[0], 1), writeable=False), pixel, colour


def _towards(one: NDArray[np.float32], other: NDArray[np.float32], share: NDArray[np.float32]) -> None:
    """Moves `one` towards `other` by that share of the way. Both are written into."""
    other -= one
    other *= share
    one += other
