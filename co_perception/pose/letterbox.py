"""Pictures in the size a pose network takes, and the way back: no OpenCV, no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from co_perception.pose.bilinear import sample, samples

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Letterbox:
    """A picture scaled by one factor, so that nobody grows thin, with dark bars where the network's input is larger.

    height, width: of the network's input; scale: its pixels per pixel of the picture; top, left: of the picture in it.
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

    Means over more pixels were tried for large pictures: they cost 3 ms more and lowered the joints' scores."""
    if picture.shape[:2] == (height, width):
        return np.ascontiguousarray(picture)
    planes = sample(picture, samples(picture.shape[0], height), samples(picture.shape[1], width))
    return np.rint(planes, out=planes).transpose(0, 2, 1).astype(np.uint8, order="C")
