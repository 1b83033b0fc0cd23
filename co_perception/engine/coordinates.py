"""Coordinates of joints: their unit and the directions of their axes, and the change from one to another.

A network is shown the same person whatever brought the joints, so joints are brought to the axes that a normalization
expects before it. Between coordinates in metres that is a rotation: a mirror image would make the left hand the right
one. A network of pictures is shown metres as a camera sees them. Frames of ROS: REP 103,
https://www.ros.org/reps/rep-0103.html, and REP 105. A Kinect's camera space: Microsoft, CameraSpacePoint,
https://learn.microsoft.com/en-us/previous-versions/windows/kinect/dn772836(v=ieb.10).
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

PIXELS = "pixels"  # x to the right, y downwards in the picture
SHARES = "shares"  # the same, as shares of the picture's width and height
OPTICAL = "optical"  # metres: x to the right, y downwards, z forward: a camera's optical frame (REP 103)
KINECT = "kinect"  # metres: x to the sensor's left, y upwards, z away from it: a Kinect's camera space
REP103 = "rep103"  # metres: x forward, y to the left, z upwards: base_link, odom, map
COORDINATES = (PIXELS, SHARES, OPTICAL, KINECT, REP103)

# Frames whose axes REP 103 and REP 105 fix; a camera's own are those that end in _optical_frame.
_REP103_FRAMES = ("base_link", "base_footprint", "base_stabilized", "odom", "map", "camera_link")
_OPTICAL_ENDINGS = ("_optical_frame", "_optical", "_optical_link")

# What no person is: smaller in a picture than this, larger than so many pictures, or longer than so many meters.
SMALLEST_PIXELS, LARGEST_SHARES, LARGEST_METRES = 2.0, 10.0, 50.0

# The pinhole camera of `to_picture` [pixels]. A normalization takes place and size away, so that any other camera gives
# the same input. Its axis is not at 0, 0: that is where joints lie that were not found.
FOCAL, CENTER = 500.0, 500.0
# No camera sees a whole person whose joints are nearer than this (the near mode of a Kinect begins here): the origin of
# such joints is the person's hips or a robot. A joint nearer than AT_CAMERA has no place in a picture.
NEAREST_PERSON, AT_CAMERA = 0.4, 0.01  # [m]

Number = TypeVar("Number", bound=np.number)


def default_coordinates(channels: int, layout: str) -> str:
    """The coordinates of joints that do not name theirs.

    Args:
        channels: 3 (x, y, score): pixels; 4 (x, y, z, score): the Kinect's for its own layout ntu25, else optical.
        layout: name of the layout.
    """
    if channels == 3:
        return PIXELS
    return KINECT if layout == "ntu25" else OPTICAL


def of_frame(frame_id: str) -> str | None:
    """The coordinates of metres in a frame of ROS, by its name; None where the name does not tell the axes.

    >>> of_frame("robot1/base_link"), of_frame("camera_color_optical_frame"), of_frame("laser")
    ('rep103', 'optical', None)
    """
    name = frame_id.rpartition("/")[2]
    if name.endswith(_OPTICAL_ENDINGS):
        return OPTICAL
    return REP103 if name in _REP103_FRAMES else None


def check_coordinates(coordinates: str, channels: int, aspect: float | None = None) -> None:
    """Raises ValueError for other coordinates, those that lack a channel, or shares of a picture of unknown aspect."""
    if coordinates not in COORDINATES:
        raise ValueError(f"no coordinates {coordinates!r}; there are: {', '.join(COORDINATES)}.")
    if coordinates == REP103 and channels != 4:
        raise ValueError("coordinates rep103 have z upwards: give x, y, z and score of each joint.")
    if coordinates == SHARES and not (aspect is not None and 0 < aspect < np.inf):
        raise ValueError(f"shares of a picture need its aspect, width over height above 0, got {aspect}.")


def wrong_unit(joints: NDArray[np.number], coordinates: str) -> str:
    """Why the joints found of one person (n, 2 or 3) cannot be in these coordinates; empty where they can.

    Shares of a picture have another aspect than its pixels, and a network of metres takes no millimeters.
    """
    if len(joints) < 2:
        return ""
    if coordinates == PIXELS and float(np.abs(joints).max()) > SMALLEST_PIXELS:  # nearly all: asked of every pose
        return ""
    extent = float(np.ptp(joints, axis=0).max())
    if coordinates == PIXELS and extent <= SMALLEST_PIXELS:
        return f"the whole person lies within {extent:.3g} pixels of the picture's corner, as shares of a picture do"
    if coordinates == SHARES and extent > LARGEST_SHARES:
        return f"the person is {extent:.4g} pictures wide or high, as if x, y were pixels"
    if coordinates in (OPTICAL, KINECT, REP103) and extent > LARGEST_METRES:
        return f"the person is {extent:.4g} m wide or high, as if x, y, z were millimeters or pixels"
    return ""


def wrong_unit_of_clip(clip: NDArray[np.number], coordinates: str) -> str:
    """`wrong_unit` for the first person of a clip (C, T, V, M), the score last, in whom several joints were found."""
    people = clip.transpose(1, 3, 2, 0).reshape(-1, clip.shape[2], clip.shape[0])
    shown = (people[..., -1] > 0).sum(-1) > 1
    if not shown.any():
        return ""
    person = people[shown.argmax()]
    return wrong_unit(person[person[:, -1] > 0, :-1], coordinates)


def change_axes(
    joints: NDArray[Number], given: str, wanted: str = OPTICAL, *, aspect: float | None = None
) -> NDArray[Number]:
    """Joints (..., V, C) in other coordinates of the same person; those that are so already are returned.

    Args:
        joints: C is 3 (x, y, score) or 4 (x, y, z, score).
        given: their coordinates.
        wanted: the directions of the axes: OPTICAL, which are those of a picture too, or KINECT.
        aspect: width over height of the picture, for shares of it: x becomes shares of the height too.
    """
    check_coordinates(given, joints.shape[-1], aspect)
    if given == wanted or (given == PIXELS and wanted == OPTICAL):
        return joints
    changed = joints.copy()
    if given == REP103:
        changed[..., 0], changed[..., 1], changed[..., 2] = -joints[..., 1], -joints[..., 2], joints[..., 0]
    elif given == SHARES and aspect is not None:
        changed[..., 0] = joints[..., 0] * aspect
    if KINECT in (given, wanted):  # half a turn about z
        changed[..., :2] = -changed[..., :2]
    return changed


def to_picture(
    joints: NDArray[np.floating[Any]], given: str, *, aspect: float | None = None
) -> NDArray[np.floating[Any]]:
    """Joints (..., V, 3) as a picture shows them: x to the right, y downwards, and the score.

    Metres of a camera (OPTICAL, KINECT) are projected as a pinhole camera does, to x / z, y / z. A joint at the camera
    or behind it is not found: zeros. Metres whose origin is no camera keep x, y as seen along the z axis, without
    perspective: REP103, and people of whom half the joints are nearer than `NEAREST_PERSON`.

    Args:
        joints: (..., V, 3 or 4), the score last, above 0 for joints that were found.
        given: their coordinates; pixels, and shares but for their aspect, are returned as they are.
        aspect: width over height of the picture, for shares of it.
    """
    turned = change_axes(joints, given, aspect=aspect)
    if turned.shape[-1] == 3:
        return turned
    x, y, z, score = np.moveaxis(turned, -1, 0)
    if given in (PIXELS, SHARES):  # an estimator's guess of depth
        return np.stack([x, y, score], -1)
    visible = score > 0
    depth = np.full_like(z, NEAREST_PERSON)
    if given != REP103:
        half = np.maximum(visible.sum(-1, keepdims=True) - 1, 0) // 2
        median = np.take_along_axis(np.sort(np.where(visible, z, np.inf), -1), half, -1)
        depth = np.where(median < NEAREST_PERSON, depth, z)
    visible &= depth > AT_CAMERA
    scale = FOCAL / np.where(visible, depth, 1)
    return np.where(visible[..., None], np.stack([CENTER + scale * x, CENTER + scale * y, score], -1), 0)
