"""Positions of people in space, as messages tell them."""

from __future__ import annotations

import numpy as np

from co_perception.data.messages.people_fields import PositionMessage, SkeletonArrayMessage
from co_perception.engine.person_position import PersonPosition, PositionSource


def positions_of(message: SkeletonArrayMessage) -> dict[str, PersonPosition]:
    """The positions that a message tells, by id; messages of earlier versions tell none."""
    given = {skeleton.subject_id: getattr(skeleton, "position", None) for skeleton in message.skeletons}
    found = {id: position_of(position) for id, position in given.items() if position is not None and position.source}
    return {id: position for id, position in found.items() if position is not None}


def position_of(message: PositionMessage) -> PersonPosition | None:
    """A position as it was read; None where it is not known, or its numbers cannot be one."""
    point, velocity = (np.array([v.x, v.y, v.z], np.float64) for v in (message.point, message.velocity))
    covariance = np.array(message.covariance, np.float64)
    numbers = (message.distance, message.distance_deviation, message.bearing)
    known = message.source in set(PositionSource) and message.source != PositionSource.NONE
    if not known or covariance.shape != (9,) or not np.isfinite([*point, *covariance, *numbers]).all():
        return None
    return PersonPosition(
        source=PositionSource(message.source),
        point=point,
        covariance=covariance.reshape(3, 3),
        distance=float(message.distance),
        distance_deviation=float(message.distance_deviation),
        bearing=float(message.bearing),
        facing=float(message.facing),
        velocity=velocity,
        velocity_deviation=float(message.velocity_deviation),
        frame_id=str(message.frame_id),
    )
