"""People in messages as poses. What is amiss with one of them leaves the others alone, and is told.

Messages are taken as they look: those of co_perception, of hri_msgs (REP-155, https://www.ros.org/reps/rep-0155.html)
and of yolo_msgs (https://github.com/mgonzs13/yolo_ros), whoever decoded them: so this file needs no ROS.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from co_perception.data.skeleton_messages import METRES, poses_of
from co_perception.engine.target import Pose
from co_perception.skeletons.layouts import LAYOUTS

FARTHEST = 1e6  # pixels or metres; what is farther off is no place of a joint, and overflows where it is squared


class Box(NamedTuple):
    """Where somebody is in a picture [pixels], named as in sensor_msgs/RegionOfInterest; no size: not known."""

    x_offset: int = 0
    y_offset: int = 0
    width: int = 0
    height: int = 0


class Found(NamedTuple):
    """A pose as it was read, where it is, and how many joints the message claims to have found."""

    pose: Pose
    region: Box
    claimed: int


class Refusal(NamedTuple):
    """What was left out: a short kind to count by, and a sentence to warn with."""

    kind: str
    why: str


@dataclass(frozen=True)
class Reading:
    """The people of one message: poses with different ids, where they are, what could not be used, and the width and
    height of their picture (0, 0: it does not tell)."""

    poses: list[Pose]
    regions: Mapping[str, Box]
    refused: list[Refusal]
    size: tuple[int, int] = (0, 0)

    def check(self) -> None:
        """Raises ValueError where somebody was told of, and nobody's joints could be understood at all."""
        senseless = [refusal for refusal in self.refused if refusal.kind in ("unknown layout", "wrong joints")]
        if senseless and not self.poses:
            raise ValueError(f"none of its people can be read: {senseless[0].why}")


def from_skeletons(message: Any) -> Reading:
    """The people of a co_perception/msg/SkeletonArray."""
    metric = int(message.coordinates) == METRES
    size = (int(message.image_width), int(message.image_height))

    def found() -> Iterator[Found]:
        for skeleton, pose in zip(message.skeletons, poses_of(message), strict=True):
            claimed = sum(joint.score > 0 for joint in skeleton.keypoints)
            told = _box(skeleton.roi)
            region = told if metric or (told.width and told.height) else region_of(pose, size)
            yield Found(pose, region, claimed)

    return _sift(found(), size)


def from_bodies(skeletons: Mapping[str, Any], size: tuple[int, int]) -> Reading:
    """People as hri_msgs/msg/Skeleton2D, by body id; their places are shares of an image of `size` pixels."""

    def found() -> Iterator[Found]:
        for id, message in skeletons.items():
            joints = _joints([(point.x * size[0], point.y * size[1], point.c) for point in message.skeleton])
            yield _placed(joints, "hri18", 1.0, id, size)

    return _sift(found())


def from_detections(message: Any) -> Reading:
    """The people of a yolo_msgs/msg/DetectionArray: those detections that have keypoints, in COCO's order.

    Its joints are numbered from 1, and those with a low score are left out.
    """

    def found() -> Iterator[Found | Refusal]:
        for detection in message.detections:
            points = detection.keypoints.data
            wrong = [point.id for point in points if not 1 <= point.id <= len(LAYOUTS["coco17"])]
            if wrong:
                yield Refusal("wrong joints", f"{detection.id!r} has a joint number {wrong[0]}, COCO has 1 to 17")
            elif points:
                joints = np.zeros((len(LAYOUTS["coco17"]), 3))
                for point in points:
                    joints[point.id - 1] = point.point.x, point.point.y, point.score
                yield _placed(joints, "coco17", detection.score, detection.id, (0, 0))

    return _sift(found())


def region_of(pose: Pose, size: tuple[int, int]) -> Box:
    """The box around the joints found, within the image (0, 0: its size is not known); nothing without joints."""
    places = pose.data[pose.found, :2]
    if not len(places):
        return Box()
    most = np.array([side or FARTHEST for side in size])
    left, top = np.clip(np.floor(places.min(axis=0)), 0, most)
    right, bottom = np.clip(np.ceil(places.max(axis=0)), 0, most)
    return Box(int(left), int(top), int(right - left), int(bottom - top))


def sifted(poses: Iterable[Pose], size: tuple[int, int]) -> Reading:
    """Poses that were never sent, as they would have arrived: `size` of their picture as in `region_of`."""
    return _sift((Found(pose, region_of(pose, size), int(pose.found.sum())) for pose in poses), size)


def _box(roi: Any) -> Box:
    return Box(int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height))


def _joints(rows: Sequence[tuple[float, float, float]]) -> NDArray[np.float64]:
    return np.array(rows, np.float64).reshape(-1, 3)


def _placed(joints: NDArray[np.float64], layout: str, score: float, id: str, size: tuple[int, int]) -> Found:
    """Joints (V, 3) of x, y, score as a pose without those that have no place."""
    claimed = joints[:, 2] > 0
    kept: NDArray[np.bool_] = claimed & np.isfinite(joints).all(axis=1)
    values = np.where(kept[:, None], joints, 0.0).clip(-2 * FARTHEST, 2 * FARTHEST).astype(np.float32)
    pose = Pose(values, layout, confidence=float(np.clip(np.nan_to_num(score), 0.0, 1.0)), id=id)
    return Found(pose, region_of(pose, size), int(claimed.sum()))


def _sift(found: Iterable[Found | Refusal], size: tuple[int, int] = (0, 0)) -> Reading:
    poses: dict[str, Pose] = {}
    regions: dict[str, Box] = {}
    refused: list[Refusal] = []
    for one in found:
        fault = one if isinstance(one, Refusal) else _fault(one.pose, poses)
        if fault is not None:
            refused.append(fault)
        elif isinstance(one, Found):
            pose = _without_the_far(one.pose)
            refused += _losses(pose, one.claimed)
            if pose.found.any():
                poses[pose.id], regions[pose.id] = pose, one.region
    return Reading(list(poses.values()), regions, refused, size)


def _fault(pose: Pose, known: Mapping[str, Pose]) -> Refusal | None:
    layout = LAYOUTS.get(pose.layout)
    if layout is None:
        known_layouts = ", ".join(sorted(LAYOUTS))
        return Refusal("unknown layout", f"layout {pose.layout!r} is none of {known_layouts}")
    if len(pose) != len(layout):
        return Refusal("wrong joints", f"{pose.id!r} has {len(pose)} joints, {layout.name} has {len(layout)}")
    if pose.id in known:
        hint = "" if pose.id else ": people without an id cannot be told apart, switch the tracker on"
        return Refusal("repeated id", f"subject_id {pose.id!r} occurs twice in one message{hint}")
    return None


def _losses(pose: Pose, claimed: int) -> list[Refusal]:
    lost = claimed - int(pose.found.sum())
    if lost:
        return [Refusal("joints without a place", f"{lost} joints of {pose.id!r} are NaN, infinite or far away")]
    return [] if claimed else [Refusal("no joint found", f"{pose.id!r} has no joint with a score above 0")]


def _without_the_far(pose: Pose) -> Pose:
    far: NDArray[np.bool_] = np.asarray(np.abs(pose.data[:, :-1]).max(axis=1) > FARTHEST)
    if not far.any():
        return pose
    return Pose(np.where(far[:, None], np.float32(0), pose.data), pose.layout, confidence=pose.confidence, id=pose.id)
