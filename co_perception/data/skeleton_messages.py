"""Poses out of SkeletonArray messages, whoever decoded them: rclpy for a node, rosbags for a recording.

Messages are taken as they look (`skeletons`, `keypoints`, ...), so this file needs no ROS.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.target import Pose

PIXELS, METRES = 0, 1  # SkeletonArray.COORDINATES_*


def poses_of(message: Any) -> list[Pose]:
    """The people of one `co_perception/msg/SkeletonArray`, in its order, joints in the layout of the message.

    A pose has x, y, score in pixels; x, y, z, score in metres where its found joints have a z. A joint with a score of
    0, or without finite coordinates, is zeros.
    """
    return [_pose(skeleton, int(message.coordinates)) for skeleton in message.skeletons]


def nanoseconds(stamp: Any) -> int:
    """A `builtin_interfaces/Time` as one number."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def _pose(skeleton: Any, coordinates: int) -> Pose:
    joints = np.array([(joint.x, joint.y, joint.z, joint.score) for joint in skeleton.keypoints], np.float32)
    joints = joints.reshape(-1, 4)
    found = joints[:, 3] > 0
    if coordinates != METRES or np.isnan(joints[found, 2]).any():
        joints = joints[:, [0, 1, 3]]
    return Pose(
        _without_the_lost(joints),
        skeleton.layout,
        confidence=float(np.clip(np.nan_to_num(skeleton.score), 0.0, 1.0)),
        id=skeleton.subject_id,
    )


def _without_the_lost(joints: NDArray[np.float32]) -> NDArray[np.float32]:
    lost = ~(np.isfinite(joints).all(axis=1) & (joints[:, -1] > 0))
    return np.where(lost[:, None], np.float32(0), joints)
