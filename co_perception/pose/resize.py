"""Bilinear image resizing, cropping and letterboxing in NumPy, without OpenCV and torch.

Two samples along each axis, placed as OpenCV and torch place them. It runs on the calling thread: threads that are
woken for half a millisecond a frame wait for each other longer than that. Only the pixels needed are read, and colors
may be in any order in memory: an image is cropped, resized and reordered in one pass, straight out of a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from co_perception.engine.data import Pixels

COLORS = 3
BLOCK_BYTES = 1 << 18  # rows at a time: few enough for the processor's cache, and no new pages for every frame


class AxisSamples(NamedTuple):
    """Positions of n samples along one axis.

    first, second: (n,) indices of the two pixels beside each; share: (n,) weight 0..1 of the second.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    share: NDArray[np.float32]

    def mirrored(self) -> AxisSamples:
        """The samples in reversed order."""
        return AxisSamples(self.first[::-1], self.second[::-1], self.share[::-1])

    @property
    def between(self) -> bool:
        """Whether any of them is between two pixels."""
        return bool(self.share.any())


def axis_samples(length: int, size: int, begin: int = 0, end: int | None = None) -> AxisSamples:
    """AxisSamples `begin` to `end` (None: the last) of the `size` that cover `length` pixels evenly, edge to edge.

    Pixel centers where OpenCV and torch have them: (i + 0.5) * length / size - 0.5.
    """
    # Rounded as torch does, whose factor has 32 bits and whose product is added to before it is rounded.
    factor = float(np.float32(length) / np.float32(size))
    place = (np.arange(begin, size if end is None else end) + 0.5) * factor - 0.5
    place = np.clip(place, 0, length - 1).astype(np.float32)
    first = place.astype(np.intp)
    return AxisSamples(first, np.minimum(first + 1, length - 1), place - first.astype(np.float32))


def bilinear(picture: NDArray[np.uint8], down: AxisSamples, across: AxisSamples) -> NDArray[np.float32]:
    """(rows, 3, columns) float32, 0..255: the samples `down` x `across` of a picture (H, W, 3) uint8.

    Whole rows come first, because they lie in one piece; colors are put in order by the way columns are picked.
    """
    rows, pixel, color = _rows(picture)
    begin, end = int(across.first.min()), int(across.second.max())
    rows = rows[:, begin * pixel : end * pixel + 2 * abs(color) + 1]
    offsets = np.arange(COLORS)[:, None] * color - min(2 * color, 0)
    left, right = ((neighbor - begin) * pixel + offsets for neighbor in (across.first, across.second))
    out = np.empty((len(down.first), *left.shape), np.float32)
    several = max(BLOCK_BYTES // (rows.shape[1] * out.itemsize), 1)
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
    """(H, n) bytes of each row in memory, a view; then the strides from pixel to pixel, and from color to color.

    A copy only where colors are in planes, pixels from right to left, or far apart. Gray that was broadcast has 0 from
    color to color, a BGR image viewed as RGB has -1.
    """
    pixel, color = picture.strides[1:]
    if color not in (-1, 0, 1) or not 2 * abs(color) < pixel <= 2 * COLORS:
        picture = np.ascontiguousarray(picture)
        pixel, color = COLORS, 1
    height, width = picture.shape[:2]
    first = picture[..., ::-1] if color < 0 else picture
    shape = (height, (width - 1) * pixel + 2 * abs(color) + 1)
    return as_strided(first, shape, (picture.strides[0], 1), writeable=False), pixel, color


def _towards(one: NDArray[np.float32], other: NDArray[np.float32], share: NDArray[np.float32]) -> None:
    """one + share * (other - one), in `one`. Both are written into."""
    other -= one
    other *= share
    one += other


@dataclass(frozen=True)
class Letterbox:
    """Scaling of an image by one factor, with black bars where the network's input is larger.

    height, width: of the network's input; scale: its pixels per pixel of the image; top, left: of the image in it.
    """

    height: int
    width: int
    scale: float
    top: int
    left: int

    @classmethod
    def around(cls, height: int, width: int, long_side: int, multiple: int = 32) -> Letterbox:
        """For pictures of (height, width): the longer side becomes `long_side`, both a multiple of `multiple`.

        The shorter side is padded to the next multiple only, not to a square: fewer pixels to compute.
        """
        if long_side < multiple or long_side % multiple:
            raise ValueError(f"the input's longer side is a multiple of {multiple}, got {long_side}.")
        scale = long_side / max(height, width)
        fitted = max(round(height * scale), 1), max(round(width * scale), 1)
        outer = -(-fitted[0] // multiple) * multiple, -(-fitted[1] // multiple) * multiple
        return cls(*outer, scale, top=(outer[0] - fitted[0]) // 2, left=(outer[1] - fitted[1]) // 2)

    def apply(self, picture: Pixels) -> Pixels:
        """(height, width, 3) uint8 from the (H, W, 3) uint8 picture it was made for."""
        height, width = (max(round(side * self.scale), 1) for side in picture.shape[:2])
        small = resize(picture, height, width)
        if small.shape == (self.height, self.width, 3):
            return small
        out = np.zeros((self.height, self.width, 3), np.uint8)
        out[self.top : self.top + height, self.left : self.left + width] = small
        return out

    def restore(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 2) x, y in pixels of the picture from (..., 2) x, y in pixels of the network's input."""
        return (points - (self.left, self.top)) / self.scale


def resize(picture: Pixels, height: int, width: int) -> Pixels:
    """(height, width, 3) uint8, bilinear: two samples per axis, as the pose networks were trained with.

    Means over more pixels were tried for large images: they took 3 ms more and lowered the joints' scores.
    """
    if picture.shape[:2] == (height, width):
        return np.ascontiguousarray(picture)
    planes = bilinear(picture, axis_samples(picture.shape[0], height), axis_samples(picture.shape[1], width))
    return np.rint(planes, out=planes).transpose(0, 2, 1).astype(np.uint8, order="C")
