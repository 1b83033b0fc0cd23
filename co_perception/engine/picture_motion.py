"""PictureMotion: how the picture of what stands still moved from one frame to the next, because the camera moved."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
AHEAD_S = 0.05  # over which a velocity is carried along


def _no_parallax() -> Floats:
    return np.zeros(3)


@dataclass(frozen=True, eq=False)
class PictureMotion:
    """Places in the frame before, in this frame, of things that stand still.

    Args:
        homography: (3, 3) of the background, or of what is far away.
        parallax: (3,) what the homography's third column gains for things at a depth of 1 m, K t of a camera that moved
            by -t; of those farther away it is less by as much [pixels m].
    """

    homography: Floats
    parallax: Floats = field(default_factory=_no_parallax)

    def places(self, places: Floats, depth: float = math.inf) -> Floats:
        """(N, 2) where places (N, 2) of the frame before are in this one, at a depth along the optical axis [m]."""
        matrix = self.homography
        if math.isfinite(depth) and depth > 0:
            matrix = matrix.copy()
            matrix[:, 2] += self.parallax / depth
        moved = np.concatenate([places, np.ones((len(places), 1))], 1) @ matrix.T
        return np.asarray(moved[:, :2] / moved[:, 2:])

    def velocity(self, place: Floats, velocity: Floats) -> Floats:
        """(2,) a velocity at a place, as it is in this frame's picture [pixels/s]."""
        ends = self.places(np.stack([place, place + velocity * AHEAD_S]))
        return np.asarray((ends[1] - ends[0]) / AHEAD_S)


def rotation_motion(camera: Floats, rotation: Floats, translation: Floats) -> PictureMotion:
    """The motion of a picture by that of its camera.

    Args:
        camera: (3, 3) the camera's matrix, without distortion [pixels].
        rotation: (3, 3) and translation: (3,) [m] that take points of the camera's frame before to that of now.
    """
    back = np.linalg.inv(camera)
    # A plane at depth z facing the camera: H = K (R + t n' / z) K^-1, and n' K^-1 is the last row of K^-1: (0, 0, 1).
    return PictureMotion(camera @ rotation @ back, camera @ translation)
