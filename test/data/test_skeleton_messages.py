"""Poses out of messages, whoever made these: plain objects here, rosbags' and rclpy's elsewhere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from co_perception.data.skeleton_messages import METRES, PIXELS, nanoseconds, poses_of

NAN = float("nan")


def message(coordinates: int, *joints: tuple[float, float, float, float], score: float = 0.5) -> Any:
    keypoints = [SimpleNamespace(x=x, y=y, z=z, score=s) for x, y, z, s in joints]
    skeleton = SimpleNamespace(subject_id="p1", layout="coco17", score=score, keypoints=keypoints)
    return SimpleNamespace(coordinates=coordinates, skeletons=[skeleton])


def test_pixels_are_x_y_score_whatever_z_says() -> None:
    (pose,) = poses_of(message(PIXELS, (1, 2, NAN, 0.5), (3, 4, 9, 0.25)))
    assert pose.data.tolist() == [[1, 2, 0.5], [3, 4, 0.25]]
    assert (pose.id, pose.layout, pose.confidence) == ("p1", "coco17", 0.5)


def test_metres_keep_z_where_every_found_joint_has_one() -> None:
    (pose,) = poses_of(message(METRES, (1, 2, 3, 0.5), (9, 9, NAN, 0)))
    assert pose.data.tolist() == [[1, 2, 3, 0.5], [0, 0, 0, 0]]
    (flat,) = poses_of(message(METRES, (1, 2, 3, 0.5), (4, 5, NAN, 0.5)))
    assert flat.data.tolist() == [[1, 2, 0.5], [4, 5, 0.5]]


def test_a_lost_joint_is_zeros_and_an_odd_score_is_no_reason_to_fail() -> None:
    (pose,) = poses_of(message(PIXELS, (1, NAN, 0, 0.5), (7, 8, 0, 0), (float("inf"), 1, 0, 1), score=NAN))
    assert not pose.data.any()
    assert np.isfinite(pose.data).all()
    assert pose.confidence == 0.0


def test_a_stamp_is_one_number() -> None:
    assert nanoseconds(SimpleNamespace(sec=3, nanosec=5)) == 3_000_000_005
