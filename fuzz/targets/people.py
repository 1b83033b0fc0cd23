"""Fuzz targets of messages with people: this package's own, those of ROS4HRI and of yolo_ros."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from co_perception.data.messages.people import DetectedPeople, from_bodies, from_detections, from_skeletons
from co_perception.skeletons.layouts import LAYOUTS
from fuzz.drawn import Drawn

NAMES = ("", "p0", "p1", "p1", "\0", "person_with_a_long_name")


def skeletons(data: bytes) -> None:
    """A co_perception/SkeletonArray with up to 255 people of up to 255 joints."""
    drawn = Drawn(data)
    message = SimpleNamespace(coordinates=drawn.integer(1), image_width=drawn.integer(), image_height=drawn.integer())
    message.skeletons = [_skeleton(drawn) for _ in range(drawn.count(255)) if drawn]
    message.header = SimpleNamespace(frame_id="camera_color_optical_frame")
    message.rotate, message.mirrored = drawn.choice((0, 90, 180, 270, 45)), drawn.choice((False, True))
    for skeleton in message.skeletons[: drawn.count(4)]:
        skeleton.position = _position(drawn)
    people = from_skeletons(message)
    _check(people)
    for position in people.positions.values():
        if not np.isfinite([*position.point, *position.covariance.ravel(), position.distance, position.bearing]).all():
            raise AssertionError(f"a position that is none: {position}")


def bodies(data: bytes) -> None:
    """hri_msgs/Skeleton2D by body id."""
    drawn = Drawn(data)
    size = (drawn.integer(2), drawn.integer(2))
    found = {
        drawn.text(): SimpleNamespace(skeleton=[_point(drawn) for _ in range(drawn.count(20))])
        for _ in range(drawn.count(20))
    }
    _check(from_bodies(found, size))


def detections(data: bytes) -> None:
    """A yolo_msgs/DetectionArray."""
    drawn = Drawn(data)
    message = SimpleNamespace(detections=[_detection(drawn) for _ in range(drawn.count(255)) if drawn])
    _check(from_detections(message))


def _skeleton(drawn: Drawn) -> SimpleNamespace:
    layout = drawn.choice((*sorted(LAYOUTS), "", "coco18"))
    fitting = layout in LAYOUTS and drawn.integer(1) < 200
    joints = [_joint(drawn) for _ in range(len(LAYOUTS[layout]) if fitting else drawn.count(255))]
    roi = SimpleNamespace(**{name: drawn.integer() for name in ("x_offset", "y_offset", "width", "height")})
    return SimpleNamespace(subject_id=drawn.choice(NAMES), layout=layout, score=drawn.real(), keypoints=joints, roi=roi)


def _position(drawn: Drawn) -> SimpleNamespace:
    point, velocity = (SimpleNamespace(x=drawn.real(), y=drawn.real(), z=drawn.real()) for _ in range(2))
    numbers = ("distance", "distance_deviation", "bearing", "facing", "velocity_deviation")
    return SimpleNamespace(
        source=drawn.integer(1),
        frame_id="",
        point=point,
        velocity=velocity,
        covariance=[drawn.real() for _ in range(9)],
        **{name: drawn.real() for name in numbers},
    )


def _joint(drawn: Drawn) -> SimpleNamespace:
    return SimpleNamespace(x=drawn.real(), y=drawn.real(), z=drawn.real(), score=drawn.real())


def _point(drawn: Drawn) -> SimpleNamespace:
    return SimpleNamespace(x=drawn.real(), y=drawn.real(), c=drawn.real())


def _detection(drawn: Drawn) -> SimpleNamespace:
    points = [
        SimpleNamespace(
            id=drawn.integer(drawn.choice((1, 4))),
            point=SimpleNamespace(x=drawn.real(), y=drawn.real()),
            score=drawn.real(),
        )
        for _ in range(drawn.count(40))
    ]
    return SimpleNamespace(id=drawn.choice(NAMES), score=drawn.real(), keypoints=SimpleNamespace(data=points))


def _check(reading: DetectedPeople) -> None:
    ids = [pose.id for pose in reading.poses]
    if len(set(ids)) < len(ids) or reading.regions.keys() != set(ids):
        raise AssertionError(f"ids {ids}, regions {sorted(reading.regions)}")
    for pose in reading.poses:
        if not np.isfinite(pose.data).all() or len(pose) != len(LAYOUTS[pose.layout]) or not 0 <= pose.confidence <= 1:
            raise AssertionError(f"a pose that is none: {pose!r:.300}")
    for box in reading.regions.values():
        if min(box) < 0:
            raise AssertionError(f"{box} lies outside")
    reading.check()
