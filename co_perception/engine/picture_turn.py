"""PictureTurn: a picture of a camera that is mounted sideways or upside down, or whose picture is a mirror image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.coordinates import PIXELS
from co_perception.engine.data import Pixels
from co_perception.engine.settings import setting
from co_perception.engine.target import Pose

Floats = NDArray[np.float64]
TURNS = (0, 90, 180, 270)


class Rectangle(NamedTuple):
    """A part of a picture [pixels]."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class PictureTurn:
    """How a source picture becomes one in which people stand upright and are no mirror images.

    Args:
        rotate: degrees clockwise by which it is turned: 0, 90, 180 or 270.
        mirrored: whether left and right are exchanged, after that.

    Raises:
        ValueError: for another angle.
    """

    rotate: int = 0
    mirrored: bool = False

    def __post_init__(self) -> None:
        if self.rotate not in TURNS:
            raise ValueError(f"rotate is one of {', '.join(map(str, TURNS))} degrees clockwise, got {self.rotate}.")

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.rotate) or self.mirrored

    def upright(self, pixels: Pixels) -> Pixels:
        """The source picture (H, W, 3) upright: a view."""
        turned = np.rot90(pixels, -self.rotate // 90) if self.rotate else pixels
        return turned[:, ::-1] if self.mirrored else turned

    def upright_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Width and height of the upright picture, of those of the source picture; and the other way round."""
        return (size[1], size[0]) if self.rotate in (90, 270) else size

    def places_upright(self, places: NDArray[np.floating], size: tuple[int, int]) -> Floats:
        """(N, 2) places in the source picture, whose size this is, in the upright one [pixels]."""
        x, y = np.asarray(places, np.float64).T
        width, height = size
        turned = {0: (x, y), 90: (height - y, x), 180: (width - x, height - y), 270: (y, width - x)}[self.rotate]
        across = self.upright_size(size)[0] - turned[0] if self.mirrored else turned[0]
        return np.stack([across, turned[1]], -1)

    def places_in_source(self, places: NDArray[np.floating], size: tuple[int, int]) -> Floats:
        """(N, 2) places in the upright picture, in the source picture, whose size this is [pixels]."""
        wide, _ = self.upright_size(size)
        x, y = np.asarray(places, np.float64).T
        x = wide - x if self.mirrored else x
        width, height = size
        back = {0: (x, y), 90: (y, height - x), 180: (width - x, height - y), 270: (width - y, x)}[self.rotate]
        return np.stack(back, -1)

    def unmirrored(self, places: Floats, size: tuple[int, int]) -> Floats:
        """(N, 2) places in the source picture, where the camera saw them, before it was mirrored."""
        if not self.mirrored:
            return places
        return PictureTurn(self.rotate).places_in_source(self.places_upright(places, size), size)

    def pose_upright(self, pose: Pose, size: tuple[int, int]) -> Pose:
        """A pose in pixels of the source picture, in those of the upright one; others stay."""
        return self._placed(pose, self.places_upright(pose.data[:, :2], size))

    def pose_in_source(self, pose: Pose, size: tuple[int, int]) -> Pose:
        """A pose in pixels of the upright picture, in those of the source picture, whose size this is; others stay."""
        return self._placed(pose, self.places_in_source(pose.data[:, :2], size))

    def region_upright(self, region: Rectangle, size: tuple[int, int]) -> Rectangle:
        """A part of the source picture, in the upright one."""
        left, top, width, height = region
        corners = np.array([(left, top), (left + width, top + height)])
        (x, y), (right, bottom) = np.sort(self.places_upright(corners, size), axis=0)
        return Rectangle(float(x), float(y), float(right - x), float(bottom - y))

    def directions_upright(self, directions: Floats) -> Floats:
        """(N, 2) x / z and y / z in the optical frame of the camera, in one that is turned about its axis to stand
        upright."""
        x, y = directions.T
        return np.stack({0: (x, y), 90: (-y, x), 180: (-x, -y), 270: (y, -x)}[self.rotate], -1)

    def axes(self) -> Floats:
        """(3, 3) rotation from that upright frame back to the camera's optical frame."""
        x, y = self.directions_upright(np.eye(2))
        turned = np.eye(3)
        turned[0, :2], turned[1, :2] = x, y
        return turned

    def _placed(self, pose: Pose, places: Floats) -> Pose:
        if not self or pose.coordinates != PIXELS:
            return pose
        data = pose.data.copy()
        data[pose.found, :2] = places[pose.found]
        return replace(pose, data=data)


UPRIGHT = PictureTurn()


@dataclass(frozen=True)
class TurnSettings:
    """Settings of nodes that look at pictures."""

    rotate: int = setting(0, "Degrees clockwise by which pictures are turned for people to stand upright.", 0, 270)
    mirrored: bool = setting(False, "The pictures are mirror images: left and right are exchanged.")

    @property
    def turn(self) -> PictureTurn:
        """Of the pictures. Raises ValueError for an angle that is none."""
        return PictureTurn(self.rotate, self.mirrored)
