"""The camera's own motion at each person of a SkeletonArray: read from a message, and taken out of poses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from co_perception.data.messages.people_fields import FARTHEST, PIXELS, SkeletonArrayMessage
from co_perception.engine.coordinates import PIXELS as PIXELS_AXES
from co_perception.engine.picture_turn import UPRIGHT, PictureTurn
from co_perception.engine.target import Pose

Motion: TypeAlias = tuple[float, float]
"""To the right and downwards in the source picture [pixels]."""
NO_MOTIONS: Mapping[str, Motion] = MappingProxyType({})


def motions_of(message: SkeletonArrayMessage) -> dict[str, Motion]:
    """The camera's motion at each person, by id, of those whom it moved; messages of earlier versions tell none."""
    if int(message.coordinates) != PIXELS:
        return {}
    given = {
        skeleton.subject_id: (
            float(getattr(skeleton, "camera_motion_x", 0.0)),
            float(getattr(skeleton, "camera_motion_y", 0.0)),
        )
        for skeleton in message.skeletons
    }
    return {id: motion for id, motion in given.items() if any(motion) and np.abs(motion).max() <= FARTHEST}


def without_motion(pose: Pose, motion: Motion | None, turn: PictureTurn = UPRIGHT) -> Pose:
    """A pose in pixels of the upright picture without a motion in the source picture; others stay."""
    if motion is None or pose.coordinates != PIXELS_AXES:
        return pose
    ends = turn.places_upright(np.array([(0.0, 0.0), motion]), (0, 0))
    data = pose.data.copy()
    data[pose.found, :2] -= (ends[1] - ends[0]).astype(np.float32)
    return replace(pose, data=data)
