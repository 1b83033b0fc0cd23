"""Crops of an image around people: a square that follows each person without trembling.

The box around a person's joints changes size and place with every breath and every error of the pose estimator. A video
network takes that for motion of the camera. So the square is smoothed, by past frames only: it glides towards the
person, and jumps just as far as it must so that the person stays in it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from co_perception.data.messages.people import DetectedPeople, Refusal
from co_perception.engine.data import Image
from co_perception.engine.picture_turn import Rectangle

SMALLEST = 8.0  # side of a square in pixels; a person of whom one joint was found has a box of no size


class Region(NamedTuple):
    """Box of a person in an image [pixels]."""

    left: float
    top: float
    width: float
    height: float

    def within(self, size: tuple[int, int]) -> Region | None:
        """The part of it inside an image of that width and height; None where it lies outside."""
        right, bottom = min(self.left + self.width, size[0]), min(self.top + self.height, size[1])
        left, top = max(self.left, 0.0), max(self.top, 0.0)
        visible = left <= right and top <= bottom and left < size[0] and top < size[1]
        return Region(left, top, right - left, bottom - top) if visible else None


class Square(NamedTuple):
    """Center and side [pixels] of what is cut out of an image. It may lie across the image's edge."""

    x: float
    y: float
    side: float


@dataclass(frozen=True, eq=False)
class PersonCrop:
    """One person in one image, as `people.People` takes them; the pixels are cut out only when a network wants them.

    Args:
        image: the whole image, not copied: it stays in memory while a person in it is followed and out of sight.
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
        return ""  # all are of one kind: each is scaled to what the network takes

    def blank(self) -> PersonCrop:
        """The same place in a black image."""
        dark = np.broadcast_to(np.uint8(0), self.image.data.shape)
        return dataclasses.replace(self, image=Image(dark, self.image.stamp_ns))


def person_crops(people: DetectedPeople, image: Image) -> tuple[list[PersonCrop], Sequence[Refusal]]:
    """Everyone who has a place in the image, and all who cannot be used, by their message or for want of a place.

    Crops are of the upright picture, where the source picture, which is given, is turned.

    Raises:
        ValueError: where the people were found in an image of another size.
    """
    turn, size = people.turn, (image.data.shape[1], image.data.shape[0])
    if all(people.size) and people.size != size:
        raise ValueError(
            f"the skeletons are of a picture of {people.size[0]} x {people.size[1]} pixels, this one has {size[0]} x "
            f"{size[1]}: the pose estimator looks at another topic, or at smaller copies."
        )
    upright, crops, refused = Image(turn.upright(image.data), image.stamp_ns), [], list(people.refused)
    for pose in people.poses:
        box = people.regions.get(pose.id)
        region = None if box is None else Region(*turn.region_upright(Rectangle(*box), size))
        region = None if region is None else region.within(turn.upright_size(size))
        if region is not None and (region.width or region.height):
            crops.append(PersonCrop(upright, region, pose.confidence, pose.id))
        else:
            refused.append(Refusal("no place", f"{pose.id!r} has no region of interest in the picture"))
    return crops, refused


def square_around(region: Region, size: tuple[int, int], margin: float) -> Square:
    """The square around a person, before smoothing.

    >>> square_around(Region(left=300, top=100, width=60, height=200), size=(640, 480), margin=0.25)
    Square(x=330.0, y=200.0, side=300.0)

    Args:
        region: where the person is.
        size: width and height of the image.
        margin: room on each side, as a share of the longer side of `region`. It gives way where the square would become
            larger than the image: black bars show nothing.
    """
    longest = max(region.width, region.height, SMALLEST)
    side = min(longest * (1 + 2 * margin), max(longest, min(size)))
    return Square(region.left + region.width / 2, region.top + region.height / 2, side)


def follow(before: Square | None, wanted: Square, region: Region, share: float) -> Square:
    """The next square of a person, around all of `region`.

    >>> follow(Square(100, 100, 80), Square(110, 100, 80), Region(90, 80, 40, 40), share=0.2)
    Square(x=102.0, y=100.0, side=80.0)

    Args:
        before: square of the frame before; None for a new person, who gets the wanted square.
        wanted: square without smoothing.
        region: where the person is; it stays inside.
        share: of the way from `before` to `wanted`, see `smoothing_share`; 1: no smoothing.
    """
    if before is None:
        return wanted
    x, y, side = (old + share * (new - old) for old, new in zip(before, wanted, strict=True))
    side = max(side, region.width, region.height)
    half = side / 2
    x = min(max(x, region.left + region.width - half), region.left + half)
    y = min(max(y, region.top + region.height - half), region.top + half)
    return Square(x, y, side)


def smoothing_share(rate_hz: float, time_s: float) -> float:
    """Share of the way that a first-order low-pass of time constant `time_s` goes with each of `rate_hz` frames."""
    return 1.0 - math.exp(-1.0 / (rate_hz * time_s)) if rate_hz > 0 and time_s > 0 else 1.0


def cut_square(pixels: NDArray[np.uint8], square: Square) -> NDArray[np.uint8]:
    """A copy of the pixels in a square, which is moved into the image where it fits there.

    Where it does not fit, the rest is black, like the bars of the films that video networks were trained with. Of
    (H, W, 3) it gives (side, side, 3) with the rounded side of the square.
    """
    height, width = pixels.shape[:2]
    side = max(round(square.side), 1)
    left, top = _start(square.x, side, width), _start(square.y, side, height)
    if side <= min(width, height):
        return pixels[top : top + side, left : left + side].copy()
    padded = np.zeros((side, side, 3), np.uint8)
    inside = pixels[max(top, 0) : top + side, max(left, 0) : left + side]
    down, right = max(-top, 0), max(-left, 0)
    padded[down : down + inside.shape[0], right : right + inside.shape[1]] = inside
    return padded


def _start(center: float, side: int, length: int) -> int:
    """Where a side around `center` begins; inside of 0..length if it fits, else in the middle of it."""
    if side > length:
        return (length - side) // 2
    return min(max(round(center - side / 2), 0), length - side)
