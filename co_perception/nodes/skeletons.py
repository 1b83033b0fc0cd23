"""Poses as messages. `data.people_messages` reads them back."""

from __future__ import annotations

from collections.abc import Iterable

from std_msgs.msg import Header

from co_perception.data.people_messages import Box, region_of
from co_perception.engine.target import Pose
from co_perception.msg import Keypoint, Skeleton, SkeletonArray
from co_perception.nodes.messages import to_roi


def skeleton_array(header: Header, poses: Iterable[Pose], estimator: str, size: tuple[int, int]) -> SkeletonArray:
    """The message for the people of one frame.

    Args:
        header: that of the source frame, copied as it is.
        poses: (V, 3) in pixels of that frame, or all (V, 4) in metres.
        estimator: who says so.
        size: width and height of the source image; (0, 0) where no image was involved.
    """
    people = list(poses)
    metric = bool(people) and people[0].data.shape[1] == 4
    return SkeletonArray(
        header=header,
        estimator=estimator,
        coordinates=SkeletonArray.COORDINATES_METRES if metric else SkeletonArray.COORDINATES_PIXELS,
        image_width=size[0],
        image_height=size[1],
        skeletons=[_skeleton(pose, Box() if metric else region_of(pose, size)) for pose in people],
    )


def _skeleton(pose: Pose, region: Box) -> Skeleton:
    flat = pose.data.shape[1] == 3
    rows = pose.data.tolist()
    joints = [Keypoint(x=row[0], y=row[1], z=float("nan") if flat else row[2], score=row[-1]) for row in rows]
    return Skeleton(
        subject_id=pose.id, layout=pose.layout, score=float(pose.confidence), keypoints=joints, roi=to_roi(region)
    )
