"""One person's part of a picture: a square that follows the person without trembling.

The box around a person's joints changes size and place with every breath and every error of the pose estimator. A video
network takes that for motion of the camera. So the square is smoothed, by what was seen so far only: it glides towards
where the person is, and jumps just as far as it must so that the person stays in it.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.data import Image

SMALLEST = 8.0  # side of a square in pixels; a person of whom one joint was found has a box of no size


class Region(NamedTuple):
    """A box in a picture [pixels]: where a person is."""

    left: float
    top: float
    width: float
    height: float

    def within(self, size: tuple[int, int]) -> Region | None:
        """The part of it in a picture of that width and height; None where it lies outside."""
        right, bottom = min(self.left + self.width, size[0]), min(self.top + self.height, size[1])
        left, top = max(self.left, 0.0), max(self.top, 0.0)
        seen = left <= right and top <= bottom and left < size[0] and top < size[1]
        return Region(left, top, right - left, bottom - top) if seen else None


class Square(NamedTuple):
    """Centre and side [pixels] of what is cut out of a picture. It may lie across the picture's edge."""

    x: float
    y: float
    side: float


@dataclass(frozen=True, eq=False)
class Glimpse:
    """One person in one frame, as `people.People` takes them.

    Args:
        image: the whole picture, not copied: it stays in memory while somebody in it is followed and not seen again.
        region: where in it the person is, inside.
        confidence: that this is a person, 0..1.
        id: the person's track.
    """

    image: Image
    region: Region
    confidence: float = 1.0
    id: str = ""

    @property
    def kind(self) -> str:
        """All are of one kind: each is scaled to what the network takes."""
        return ""

    def blank(self) -> Glimpse:
        """The same place in the dark."""
        dark = np.broadcast_to(np.uint8(0), self.image.data.shape)
        return dataclasses.replace(self, image=Image(dark, self.image.stamp_ns))


def crop_of(region: Region, size: tuple[int, int], margin: float) -> Square:
    """The square around a person in a picture of `size` (width, height).

    margin: room on each side, as a share of the longer side of `region`; 0.25 makes the square half again as large.
    It gives way where the square would become larger than the picture: black bars show nothing.
    """
    longest = max(region.width, region.height, SMALLEST)
    side = min(longest * (1 + 2 * margin), max(longest, min(size)))
    return Square(region.left + region.width / 2, region.top + region.height / 2, side)


def follow(before: Square | None, wanted: Square, region: Region, share: float) -> Square:
    """The next square of a person: `share` of the way from the one before to the wanted one, around all of `region`.

    before: None for somebody new, who gets the wanted square. share: see `share_of`; 1: no smoothing.
    """
    if before is None:
        return wanted
    x, y, side = (old + share * (new - old) for old, new in zip(before, wanted, strict=True))
    side = max(side, region.width, region.height)
    half = side / 2
    x = min(max(x, region.left + region.width - half), region.left + half)
    y = min(max(y, region.top + region.height - half), region.top + half)
    return Square(x, y, side)


def share_of(rate_hz: float, time_s: float) -> float:
    """Share of the way that a first-order low-pass of time constant `time_s` goes with each of `rate_hz` frames."""
    return 1.0 - math.exp(-1.0 / (rate_hz * time_s)) if rate_hz > 0 and time_s > 0 else 1.0


def cut(pixels: NDArray[np.uint8], square: Square) -> NDArray[np.uint8]:
    """(side, side, 3) out of (H, W, 3): the square, moved into the picture where it fits there.

    Where it does not, the rest is black, as the bars of films are that video networks were trained with. A copy.
    """
    height, width = pixels.shape[:2]
    side = max(round(square.side), 1)
    left, top = _start(square.x, side, width), _start(square.y, side, height)
    if side <= min(width, height):
        return pixels[top : top + side, left : left + side].copy()
    picture = np.zeros((side, side, 3), np.uint8)
    seen = pixels[max(top, 0) : top + side, max(left, 0) : left + side]
    down, right = max(-top, 0), max(-left, 0)
    picture[down : down + seen.shape[0], right : right + seen.shape[1]] = seen
    return picture


def _start(centre: float, side: int, length: int) -> int:
    """Where a side around `centre` begins; inside of 0..length if it fits, else in the middle of it."""
    if side > length:
        return (length - side) // 2
    return min(max(round(centre - side / 2), 0), length - side)
