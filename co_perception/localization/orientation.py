"""Orientation of a person: where the chest points about the vertical, from joints in space or in a picture."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.coordinates import OPTICAL, change_axes
from co_perception.engine.target import Pose
from co_perception.localization.torso import corner_numbers
from co_perception.skeletons.layouts import LAYOUTS

Floats = NDArray[np.float64]

UPRIGHT = 0.3  # least horizontal share of the chest's direction: who lies on the back faces the ceiling
SHOULDER_WIDTH = 0.21  # between the joints of the shoulders, as a share of the stature; estimators put them inside
BOTH_SHOULDERS = 0.7  # of that width are seen where neither shoulder hides the other
SURE = math.radians(30)  # about the front and the back, where the side to which somebody turns matters little
FACE = ("nose", "left_ear", "right_ear", "left_eye", "right_eye")


def facing_in_space(joints: Floats, point: Floats) -> float:
    """Facing [rad] as of `engine.person_position`, of somebody whose torso is known in space; NaN: not known.

    Args:
        joints: (4, 3) left and right shoulder, left and right hip, with OPTICAL axes [m]; NaN: not found.
        point: (3,) the middle of the torso, as seen from the camera.
    """
    left = np.array([joints[0] - joints[1], joints[2] - joints[3]])
    left = left[np.isfinite(left).all(1)]
    up = np.nanmean(joints[:2], 0) - np.nanmean(joints[2:], 0) if np.isfinite(joints).all(1).any() else np.zeros(3)
    if not len(left) or not np.isfinite(up).all():
        return math.nan
    chest = np.cross(left.sum(0), up)  # x forward = y left cross z up, in right-handed axes
    size = float(np.linalg.norm(chest))
    x, z = float(chest[0]), float(chest[2])
    if not size > 0 or math.hypot(x, z) < UPRIGHT * size:
        return math.nan
    return _from_camera(math.atan2(z, x), point)


def _from_camera(direction: float, point: Floats) -> float:
    """The angle of a direction, atan2(z, x), against that from the person to the camera; counterclockwise from above.

    In optical axes x runs to the right and z forward: seen from above, the angle from x to z is counterclockwise.
    """
    to_camera = math.atan2(-float(point[2]), -float(point[0]))
    return math.remainder(direction - to_camera, 2 * math.pi)


def facing_in_picture(pose: Pose, directions: Floats, point: Floats, stature: float, turn: float = math.nan) -> float:
    """Facing [rad] from the width of the shoulders and the place of the face; NaN: not known.

    Args:
        pose: with pixels.
        directions: (V, 2) x / z and y / z of its joints.
        point: (3,) the middle of the torso [m].
        stature: expected height [m].
        turn: by how much deeper the left shoulder is than the right one, measured [m]; NaN: not known.
    """
    left, right = corner_numbers(LAYOUTS[pose.layout])[:2]
    if not (pose.found[left] and pose.found[right]):
        return math.nan
    width = float(directions[left, 0] - directions[right, 0]) * float(point[2])  # their left is right in the picture
    expected = SHOULDER_WIDTH * stature
    if math.isfinite(turn) and math.hypot(turn, width) > BOTH_SHOULDERS * expected:
        return _from_camera(math.atan2(turn, width) - math.pi / 2, point)
    # One shoulder hides the other, or there is no depth: so wide a body is turned by this angle, to either side.
    angle = math.acos(max(-1.0, min(1.0, width / expected)))
    side = _side(pose, (directions[left, 0] + directions[right, 0]) / 2, directions)
    if side == 0:
        if min(angle, math.pi - angle) > SURE:
            return math.nan
        angle = 0.0 if angle < math.pi / 2 else math.pi
    return _from_camera(math.copysign(angle, side) - math.pi / 2, point)


def _side(pose: Pose, middle: float, directions: Floats) -> float:
    """Above 0 where the face points to the right of the picture, which is a turn to the person's own left; 0: not
    known."""
    layout = LAYOUTS[pose.layout]
    numbers = {name: layout.index(name) for name in FACE if name in layout.joints}
    found = {name: number for name, number in numbers.items() if pose.found[number]}
    if "nose" in found:
        return float(directions[found["nose"], 0] - middle)
    ears = [name for name in ("left_ear", "right_ear") if name in found]
    if len(ears) == 1:  # the left side of a head is seen when its face points to the left of the picture
        return -1.0 if ears[0] == "left_ear" else 1.0
    return 0.0


def optical(joints: Floats, coordinates: str) -> Floats:
    """(V, 3) metric joints with OPTICAL axes."""
    with_score = np.concatenate([joints, np.zeros((len(joints), 1))], 1)
    return change_axes(with_score, coordinates, OPTICAL)[:, :3]
