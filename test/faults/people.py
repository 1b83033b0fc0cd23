"""Drawn people as messages of `skeletons`."""

from __future__ import annotations

from typing import Any

from helpers.drawn_people import Figure

from co_perception.engine.target import Pose

SIZE = (640, 480)


def waving(stamp_ns: int, media_s: float, *ids: str) -> Any:
    """A SkeletonArray of people who wave, each in a way of their own, as they stand `media_s` after they began."""
    from std_msgs.msg import Header

    from co_perception.nodes.core.messages import skeleton_array, to_time

    poses = [Pose(Figure("wave", n + 1).frame(media_s)[:, [0, 1, 3]], id=id) for n, id in enumerate(ids)]
    return skeleton_array(Header(stamp=to_time(stamp_ns), frame_id="eye"), poses, "drawn", SIZE)
