"""Input of camera motion by TF: how the camera's frame moved in one that stands still, such as odom."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from std_msgs.msg import Header

from co_perception.engine.camera_model import CameraModel
from co_perception.engine.data import Image
from co_perception.engine.person_position import Floats, PersonPosition, rotation_of
from co_perception.engine.picture_motion import PictureMotion, rotation_motion
from co_perception.engine.picture_turn import PictureTurn
from co_perception.engine.target import Pose
from co_perception.engine.time import NANO
from co_perception.nodes.core.camera_info_input import NO_CAMERA_INFO, CameraInfoInput
from co_perception.nodes.core.complaints import Complaints
from co_perception.nodes.core.managed_node import ManagedNode
from co_perception.nodes.core.transforms import FrameTransforms

NO_INFO, BAD_INFO, NO_TRANSFORM = "no camera_info", "camera_info cannot be used", "no transform"
PATIENCE = {NO_INFO: 10, NO_TRANSFORM: 10}  # frames in which it may happen, as at the start
LONGEST_S = 0.3  # for which a camera is taken to turn on as before, while TF is late
STILL = 1e-9  # [rad]


@dataclass(frozen=True, eq=False)
class CameraPlace:
    """Where the camera was: rotation (3, 3) and translation (3,) [m] from its frame to the one that stands still."""

    stamp_ns: int
    rotation: Floats
    translation: Floats


class TransformMotion:
    """Camera motion by TF, as `MotionSource`, while a node is active.

    A frame does not wait for TF. Where its transform has not come, the camera is taken to go on as between the last two
    that came, for `LONGEST_S` at most; what was wrong with that is made good with the next one. `counts` has frames by
    what was wrong.

    Args:
        node: that is being activated.
        frame: that stands still, such as odom.
        rectified: whether the pictures are.
        turn: how pictures become upright.

    Raises:
        ImportError: without tf2_ros.
    """

    def __init__(self, node: ManagedNode[Any], frame: str, rectified: bool, turn: PictureTurn) -> None:
        self._transforms = FrameTransforms(node, frame, "camera_motion is tf")
        self._cameras = CameraInfoInput(node, rectified)
        self._turn = turn
        self._complaints = Complaints(node, "The camera's motion is not known", PATIENCE)
        self.counts = self._complaints.counts
        """Frames by what was wrong."""
        self._frame_id, self._size = "", (0, 0)
        self._depths: dict[str, float] = {}
        self._before: CameraPlace | None = None
        self._known: list[CameraPlace] = []  # the newest two that TF told, the older first

    def begin_frame(self, header: Header, size: tuple[int, int]) -> None:
        """Takes the header of the next frame's source picture, and its width and height."""
        self._frame_id, self._size = header.frame_id, size

    def end_frame(self, positions: Mapping[str, PersonPosition]) -> None:
        """Takes where people are, by id; what the camera's translation does to them depends on it."""
        self._depths = {id: each.distance * math.cos(each.bearing) for id, each in positions.items()}

    def motion(self, image: Image, people: Sequence[Pose]) -> PictureMotion | None:
        """As `MotionSource`."""
        place = self._place(image.stamp_ns or 0)
        before, self._before = self._before, place
        camera = self._camera() if place is not None else None
        if before is None or place is None or camera is None:
            return None
        back = place.rotation.T
        rotation, translation = back @ before.rotation, back @ (before.translation - place.translation)
        moved = rotation_motion(_matrix(camera), rotation, translation)
        # From pixels of the camera to those of the upright picture: a turn, and a mirror image undone.
        corners = np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
        origin, x, y = self._turn.places_upright(self._turn.unmirrored(corners, self._size), self._size)
        upright = np.eye(3)
        upright[:2] = np.stack([x - origin, y - origin, origin], 1)
        return PictureMotion(upright @ moved.homography @ np.linalg.inv(upright), upright @ moved.parallax)

    def depths(self) -> Mapping[str, float]:
        """As `MotionSource`."""
        return self._depths

    def reset(self) -> None:
        """As `MotionSource`."""
        self._before, self._known, self._depths = None, [], {}

    def _place(self, stamp_ns: int) -> CameraPlace | None:
        try:
            place = CameraPlace(stamp_ns, *self._transforms.lookup(self._frame_id, stamp_ns))
        except ValueError as error:
            self._complaints.add(NO_TRANSFORM, str(error))
            return self._expected(stamp_ns)
        self._known = [*self._known[-1:], place]
        return place

    def _expected(self, stamp_ns: int) -> CameraPlace | None:
        """The camera's place where it goes on as between the last two that are known; None where that is long ago."""
        if len(self._known) < 2:
            return None
        first, last = self._known
        step_s, ahead_s = (last.stamp_ns - first.stamp_ns) / NANO, (stamp_ns - last.stamp_ns) / NANO
        if not (0 < step_s <= LONGEST_S and 0 <= ahead_s <= LONGEST_S):
            return None
        share = ahead_s / step_s
        turned = turned_by(share * rotation_vector(first.rotation.T @ last.rotation))
        moved = last.translation + share * (last.translation - first.translation)
        return CameraPlace(stamp_ns, last.rotation @ turned, moved)

    def _camera(self) -> CameraModel | None:
        try:
            camera = self._cameras.camera(self._size)
        except ValueError as error:
            self._complaints.add(BAD_INFO, str(error))
            return None
        if camera is None:
            self._complaints.add(NO_INFO, NO_CAMERA_INFO)
        return camera


def rotation_vector(rotation: Floats) -> Floats:
    """(3,) axis times angle [rad] of a rotation (3, 3) by less than half a turn."""
    axis = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    sine, cosine = float(np.linalg.norm(axis)) / 2, (float(np.trace(rotation)) - 1) / 2
    angle = math.atan2(sine, cosine)
    return np.asarray(axis / (2 * sine) * angle if sine > STILL else axis / 2)


def turned_by(vector: Floats) -> Floats:
    """(3, 3) the rotation of a `rotation_vector`."""
    angle = float(np.linalg.norm(vector))
    if angle < STILL:
        return np.eye(3)
    x, y, z = (float(value) for value in vector / angle * math.sin(angle / 2))
    return rotation_of(x, y, z, math.cos(angle / 2))


def _matrix(camera: CameraModel) -> Floats:
    """(3, 3) of the camera; its distortion is left out, which bends both frames alike."""
    (fx, fy), (cx, cy) = camera.focal, camera.center
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])
