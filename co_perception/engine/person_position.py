"""PersonPosition: where a person is in space, with its uncertainty and how it was found."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.coordinates import KINECT, REP103

Floats = NDArray[np.float64]


class PositionSource(IntEnum):
    """How a position was found; the numbers are those of `co_perception/msg/PersonPosition`."""

    NONE = 0
    DEPTH = 1  # of a registered depth picture, at the torso
    METRIC = 2  # of joints that came in metres
    MONOCULAR = 3  # of the camera's focal length and body proportions


def _unknown() -> Floats:
    return np.full(3, np.nan)


@dataclass(frozen=True, eq=False)
class PersonPosition:
    """Where the middle of a person's torso is, between shoulders and hips.

    Args:
        source: how it was found.
        point: (3,) x, y, z [m].
        covariance: (3, 3) of the point [m^2].
        distance: from the camera, or from the origin of the frame that metric joints came in [m].
        distance_deviation: standard deviation of the distance [m].
        bearing: direction of the person about the vertical, 0 straight ahead, positive to the left [rad].
        facing: where the chest points about the vertical, 0 towards the camera, positive to the person's own left,
            -pi..pi [rad]; NaN: not known.
        velocity: (3,) of the point [m/s]; NaN until it was followed long enough.
        velocity_deviation: standard deviation of the most uncertain component of the velocity [m/s]; NaN without one.
        frame_id: the frame of point, covariance and velocity; empty: that of the message they belong to.
    """

    source: PositionSource
    point: Floats
    covariance: Floats
    distance: float
    distance_deviation: float
    bearing: float
    facing: float = math.nan
    velocity: Floats = field(default_factory=_unknown)
    velocity_deviation: float = math.nan
    frame_id: str = ""


def measured(
    source: PositionSource, point: Floats, along_m: float, across_m: float, coordinates: str, facing: float = math.nan
) -> PersonPosition:
    """The position of a point that is known along the line of sight and across it with different certainty.

    Args:
        source: how it was found.
        point: (3,) as seen from the origin of the frame, which is the camera's place or a robot's [m].
        along_m: standard deviation of the distance [m].
        across_m: standard deviation of the point in the two directions across the line of sight [m].
        coordinates: the directions of the axes, in metres: OPTICAL, KINECT or REP103.
        facing: as in `PersonPosition`.
    """
    distance = float(np.linalg.norm(point))
    sight = point / distance if distance > 0 else np.array([0.0, 0.0, 1.0])
    along = np.outer(sight, sight)
    covariance = across_m**2 * (np.eye(3) - along) + along_m**2 * along
    x, y, z = (float(value) for value in point)
    ahead, left = (x, y) if coordinates == REP103 else (z, x if coordinates == KINECT else -x)
    return PersonPosition(source, point, covariance, distance, along_m, math.atan2(left, ahead), facing)


def in_frame(position: PersonPosition, rotation: Floats, translation: Floats, frame_id: str) -> PersonPosition:
    """The position in another frame: point, covariance and velocity. Distance, bearing and facing stay the camera's.

    Args:
        position: in the frame of its camera.
        rotation: (3, 3) and translation: (3,) [m] that take points of that frame to the other one.
        frame_id: of the other frame.
    """
    return replace(
        position,
        point=rotation @ position.point + translation,
        covariance=rotation @ position.covariance @ rotation.T,
        velocity=rotation @ position.velocity,
        frame_id=frame_id,
    )


def rotation_of(x: float, y: float, z: float, w: float) -> Floats:
    """(3, 3) rotation of a quaternion. Raises ValueError for one without a length."""
    length = math.sqrt(x * x + y * y + z * z + w * w)
    if not (length > 0 and math.isfinite(length)):
        raise ValueError(f"a rotation is a quaternion of length 1, got {(x, y, z, w)}")
    x, y, z, w = x / length, y / length, z / length, w / length
    return np.array(
        [
            (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
            (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
            (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
        ]
    )
