"""Fields of messages with people that are read, as structural types: no rclpy, no rosbags is needed to know them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from co_perception.engine.time import Stamp

PIXELS, METRES, NORMALIZED = 0, 1, 2  # SkeletonArray.COORDINATES_*
FARTHEST = 1e6  # pixels or metres; what is farther off is no place of a joint, and overflows where it is squared


class RoiMessage(Protocol):
    """The fields of a `sensor_msgs/RegionOfInterest` that are used, in pixels."""

    x_offset: int
    y_offset: int
    width: int
    height: int


class KeypointMessage(Protocol):
    """The fields of a `co_perception/Keypoint`: pixels or metres (z NaN where unknown), score 0..1."""

    x: float
    y: float
    z: float
    score: float


class VectorMessage(Protocol):
    """The fields of a `geometry_msgs/Point` or `Vector3`."""

    x: float
    y: float
    z: float


class PositionMessage(Protocol):
    """The fields of a `co_perception/PersonPosition`."""

    source: int
    frame_id: str
    point: VectorMessage
    covariance: Sequence[float]
    distance: float
    distance_deviation: float
    bearing: float
    facing: float
    velocity: VectorMessage
    velocity_deviation: float


class SkeletonMessage(Protocol):
    """The fields of a `co_perception/Skeleton` that all have; earlier ones have no position and no camera_motion_x."""

    subject_id: str
    layout: str
    score: float
    keypoints: Sequence[KeypointMessage]
    roi: RoiMessage


class HeaderMessage(Protocol):
    """The fields of a `std_msgs/Header` that are used."""

    stamp: Stamp
    frame_id: str


class SkeletonArrayMessage(Protocol):
    """The fields of a `co_perception/SkeletonArray` that are used; earlier ones have no `rotate` and `mirrored`."""

    header: HeaderMessage
    coordinates: int
    image_width: int
    image_height: int
    skeletons: Sequence[SkeletonMessage]
