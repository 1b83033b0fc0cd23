"""A drawn scene with people, activities and places, as messages and as the frame that outputs are made of."""

from __future__ import annotations

import math
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

from co_perception.engine.camera_model import CameraModel
from co_perception.engine.coordinates import OPTICAL
from co_perception.engine.person_position import PersonPosition, PositionSource, measured
from co_perception.engine.picture_turn import UPRIGHT, PictureTurn
from co_perception.msg import Activity, ActivityArray, ActivityHypothesis, SkeletonArray
from co_perception.nodes.core.complaints import Complaints
from co_perception.nodes.core.messages import skeleton_array, to_position, to_time
from co_perception.nodes.output_formats.people_frame import FrameReader, PeopleFrame
from helpers.depth_scenes import FOCAL, HEIGHT, WIDTH, DrawnPerson

FRAME_ID = "eye_optical_frame"
LEFT = DrawnPerson(-0.7, 2.6, 0.5, id="p1")
RIGHT = DrawnPerson(0.8, 3.4, -0.9, 1.6, id="p2")
TEXTS = {"p1": ("standing", 0.9), "p2": ("sitting", 0.8)}


def header(seconds: float, frame_id: str = FRAME_ID) -> Header:
    return Header(stamp=to_time(round(seconds * 1e9)), frame_id=frame_id)


def position(person: DrawnPerson, velocity: tuple[float, float, float] | None = None) -> PersonPosition:
    """Where a drawn person really is, and where they face."""
    found = measured(PositionSource.DEPTH, person.middle, 0.1, 0.05, OPTICAL, person.yaw)
    return found if velocity is None else replace(found, velocity=np.array(velocity), velocity_deviation=0.1)


def skeletons_of(
    *people: DrawnPerson, seconds: float = 1.0, turn: PictureTurn = UPRIGHT, **given: Any
) -> SkeletonArray:
    """What a pose estimator that is right publishes of them; `given` are positions by id."""
    places = given.get("positions", {person.id: position(person) for person in people})
    poses = [turn.pose_in_source(person.pose(), source_size(turn)) for person in people]
    return skeleton_array(header(seconds), poses, "drawn", source_size(turn), positions=places, turn=turn)


def source_size(turn: PictureTurn) -> tuple[int, int]:
    return turn.upright_size((WIDTH, HEIGHT))


def activity(subject: str, label: str, score: float, group: str = "posture", **fields: Any) -> Activity:
    hypotheses = [ActivityHypothesis(label=label, score=score), ActivityHypothesis(label="other", score=1 - score)]
    given = {"status": Activity.STATUS_VALID, "label": label, "score": score, "hypotheses": hypotheses}
    return Activity(**{**given, "subject_id": subject, "group": group, "progress": 1.0, **fields})


def activities_of(*activities: Activity, seconds: float = 1.0) -> ActivityArray:
    return ActivityArray(header=header(seconds), recognizer="net/own", label_set="own", activities=list(activities))


def frame_of(*people: DrawnPerson, **given: Any) -> PeopleFrame:
    """The frame of people with their activities, and the camera."""
    who = people or (LEFT, RIGHT)
    answers = [activity(person.id, *TEXTS[person.id]) for person in who if person.id in TEXTS]
    read = FrameReader().read(skeletons_of(*who, **given), activities_of(*answers))
    middle = (read.size[0] / 2, read.size[1] / 2)
    return replace(read, camera=CameraModel((FOCAL, FOCAL), middle, read.size))


def boxed(id: str, box: tuple[int, int, int, int], where: PersonPosition | None = None) -> Activity:
    """An activity of somebody whose joints nobody publishes."""
    roi = RegionOfInterest(x_offset=box[0], y_offset=box[1], width=box[2], height=box[3])
    return activity(id, "standing", 0.9, roi=roi, position=to_position(where, FRAME_ID))


class OutputBench:
    """A node that outputs are made on: it notes their publishers, and what they publish."""

    def __init__(self) -> None:
        self.published: list[tuple[str, Any]] = []
        self.topics = Counter[str]()
        self.while_configured = self.while_active = ExitStack()
        self.complaints = Complaints(self, "test")
        self.warnings: list[str] = []

    def get_logger(self) -> Any:
        return SimpleNamespace(warning=self.warnings.append)

    def publish_on(self, kind: type, topic: str, qos: Any) -> Any:
        self.topics[topic] += 1

        def publish(message: Any) -> None:
            assert type(message) is kind
            self.published.append((topic, message))

        return SimpleNamespace(publish=publish, get_subscription_count=lambda: 1, topic_name=topic)

    create_lifecycle_publisher = publish_on

    def destroy_lifecycle_publisher(self, publisher: Any) -> None:
        self.topics[publisher.topic_name] -= 1

    def make(self, kind: Any) -> Any:
        """An output on this node."""
        return kind(self, None, self.complaints)

    def of(self, topic: str) -> list[Any]:
        """What was published on a topic."""
        return [message for name, message in self.published if name == topic]


def chest(person: DrawnPerson) -> np.ndarray[Any, Any]:
    """(3,) where the chest of a drawn person points, by their shoulders and hips."""
    joints = person.joints
    towards = np.cross(joints[5] - joints[6], joints[5:7].mean(0) - joints[11:13].mean(0))
    return np.asarray(towards / np.linalg.norm(towards))


def degrees_between(one: Any, other: Any) -> float:
    cosine = float(np.dot(one, other) / np.linalg.norm(one) / np.linalg.norm(other))
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
