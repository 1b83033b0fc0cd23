"""Each person of a recording as one stream of poses."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from co_perception.data.annotations import Interval
from co_perception.data.bag_file import SKELETONS, Bag
from co_perception.data.skeleton_messages import poses_of
from co_perception.data.skipped import Skipped
from co_perception.engine.target import Pose
from co_perception.skeletons.layouts import layout as layout_called
from co_perception.skeletons.mapping import convert


@dataclass(frozen=True, eq=False)
class PoseStream:
    """All poses of one person in one recording: stamps (n,) int64 nanoseconds, rising; joints (n, V, 3 or 4)."""

    subject: str
    stamps_ns: NDArray[np.int64]
    joints: NDArray[np.float32]
    layout: str

    def during(self, interval: Interval) -> PoseStream:
        """The part that lies in an interval; may be empty."""
        inside = (self.stamps_ns >= interval.start_ns) & (self.stamps_ns < interval.end_ns)
        return PoseStream(self.subject, self.stamps_ns[inside], self.joints[inside], self.layout)

    def __len__(self) -> int:
        return len(self.stamps_ns)


def pose_streams(bag: Bag, layout: str, skipped: Skipped, topic: str | None = None) -> tuple[list[PoseStream], int]:
    """Everybody's poses in `layout`, by id, and the stamp at which the recording starts.

    Where poses carry no ids, the most certain one of each frame is taken. What cannot be used goes to `skipped`.
    Raises: BagError where there is no such topic.
    """
    frames: dict[str, list[tuple[int, Pose]]] = defaultdict(list)
    strangers, topic = 0, bag.topic(SKELETONS, topic)
    for found in bag.messages(topic):
        poses, more = _one_stranger(poses_of(found.message))
        strangers += more
        for pose in poses:
            frames[pose.id].append((found.stamp_ns, pose))
    if strangers:
        skipped.add(bag.path, f"{strangers} poses without an id, in frames that show somebody else more certainly")
    for reason in bag.damage:
        skipped.add(bag.path, reason)
    made = (_stream(subject, seen, layout, bag, skipped) for subject, seen in sorted(frames.items()))
    return [stream for stream in made if stream is not None], bag.origin_ns(topic)


def _one_stranger(poses: list[Pose]) -> tuple[list[Pose], int]:
    """At most one pose without an id, and how many others of them there were."""
    strangers = [pose for pose in poses if not pose.id]
    if len(strangers) < 2:
        return poses, 0
    best = max(strangers, key=lambda pose: pose.confidence)
    return [pose for pose in poses if pose.id or pose is best], len(strangers) - 1


def _stream(subject: str, seen: list[tuple[int, Pose]], layout: str, bag: Bag, skipped: Skipped) -> PoseStream | None:
    """The poses of one person as arrays, those that are of the first one's kind."""
    first = seen[0][1]
    fitting = [(stamp_ns, pose) for stamp_ns, pose in seen if _kind(pose) == _kind(first)]
    if len(fitting) < len(seen):
        skipped.add(bag.path, f"{len(seen) - len(fitting)} poses of {subject!r} in another layout than its first")
    try:
        seen_joints = np.stack([pose.data for _, pose in fitting])
        joints = convert(seen_joints, layout_called(first.layout), layout_called(layout))
    except ValueError as error:
        skipped.add(f"{bag.path} {subject}", error)
        return None
    return PoseStream(subject, np.array([stamp_ns for stamp_ns, _ in fitting], np.int64), joints, layout)


def _kind(pose: Pose) -> tuple[str, tuple[int, ...]]:
    return pose.layout, pose.data.shape
