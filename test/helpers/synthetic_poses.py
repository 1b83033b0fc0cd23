"""Synthetic poses in pixels: a standing body that moves from frame to frame."""

from __future__ import annotations

import numpy as np

from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import Pose

# COCO-17 of somebody who stands before the camera, arms hanging, 200 pixels high.
STANDING = np.array(
    [
        (0, 0), (4, -4), (-4, -4), (9, -2), (-9, -2), (22, 28), (-22, 28), (28, 65), (-28, 65), (30, 98), (-30, 98),
        (15, 98), (-15, 98), (16, 140), (-16, 140), (17, 182), (-17, 182),
    ],
    dtype=np.float32,
)  # fmt: skip


def body(seed: int, frame: int, id: str = "") -> Pose:
    """A person's pose in one frame: the same for the same seed and frame."""
    draw = np.random.default_rng([seed, frame])
    place = np.random.default_rng(seed).uniform(50, 400, 2)
    joints = STANDING + place + draw.normal(0, 6, STANDING.shape)
    return Pose(np.column_stack([joints, draw.uniform(0.5, 1, 17)]).astype(np.float32), id=id)


def nobody(id: str = "") -> Pose:
    """A pose of which no joint was found."""
    return Pose(np.zeros((17, 3), np.float32), id=id)


def sequence(poses: list[Pose], rate_hz: float = 15.0) -> SkeletonSequence:
    """A recording of one person, at the rate of most networks unless another is given [Hz]."""
    joints = np.stack([pose.data for pose in poses])  # (T, V, C)
    return SkeletonSequence(np.ascontiguousarray(joints.transpose(2, 0, 1)[..., None]), poses[0].layout, rate_hz)
