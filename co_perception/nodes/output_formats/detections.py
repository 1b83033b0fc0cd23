"""Detections and classifications of vision_msgs: people with their activities, and the activity of the scene."""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Point, PoseWithCovariance
from geometry_msgs.msg import Pose as PoseMessage

from co_perception.msg import Activity
from co_perception.nodes.core.complaints import Complaints
from co_perception.nodes.core.managed_node import ManagedNode
from co_perception.nodes.core.optional_messages import message_types
from co_perception.nodes.core.qos import ImageInputSettings, result_qos
from co_perception.nodes.output_formats.output_format import OutputFormat
from co_perception.nodes.output_formats.people_frame import PeopleFrame, VisiblePerson

TOPIC, SCENE_TOPIC = "people_detections", "scene_classification"
PERSON = "person"  # as COCO and most detectors name the class


class DetectionOutput(OutputFormat):
    """Publishes vision_msgs/Detection2DArray on `people_detections`, and vision_msgs/Classification of the scene on
    `scene_classification`.

    The first result of a detection is the class "person"; the others are the hypotheses about what the person does, the
    best of each group first. Labels of groups are `group/label`. The pose of the first is the person's position, where
    it is known in the frame of the picture.
    """

    def __init__(self, node: ManagedNode[Any], values: ImageInputSettings, complaints: Complaints) -> None:
        super().__init__(node, values, complaints)
        self._types = message_types("vision_msgs", "output 'detections'")
        self._publisher = node.publish_on(self._types.Detection2DArray, TOPIC, result_qos())
        self._scene = node.publish_on(self._types.Classification, SCENE_TOPIC, result_qos())

    def publish(self, frame: PeopleFrame) -> None:
        """Publishes one frame, where somebody subscribes."""
        if self._publisher.get_subscription_count():
            self._publisher.publish(self.message(frame))
        if frame.scene and self._scene.get_subscription_count():
            self._scene.publish(self.scene_message(frame))

    def message(self, frame: PeopleFrame) -> Any:
        """The Detection2DArray of a frame."""
        people = [self._detection(person, frame) for person in frame.people if person.box.width and person.box.height]
        return self._types.Detection2DArray(header=frame.header, detections=people)

    def scene_message(self, frame: PeopleFrame) -> Any:
        """The Classification of the scene."""
        results = [self._hypothesis(name, score) for each in frame.scene for name, score in _hypotheses(each)]
        return self._types.Classification(header=frame.header, results=results)

    def _detection(self, person: VisiblePerson, frame: PeopleFrame) -> Any:
        types = self._types
        left, top, width, height = (float(value) for value in person.box)
        center = types.Pose2D(position=types.Point2D(x=left + width / 2, y=top + height / 2))
        results = [types.ObjectHypothesisWithPose(hypothesis=self._hypothesis(PERSON, person.score))]
        if person.position is not None and person.position.frame_id == frame.header.frame_id:
            results[0].pose = _pose(person)
        for activity in person.activities:
            for name, score in _hypotheses(activity):
                results.append(types.ObjectHypothesisWithPose(hypothesis=self._hypothesis(name, score)))
        box = types.BoundingBox2D(center=center, size_x=width, size_y=height)
        return types.Detection2D(header=frame.header, results=results, bbox=box, id=person.id)

    def _hypothesis(self, name: str, score: float) -> Any:
        return self._types.ObjectHypothesis(class_id=name, score=float(score))


def _hypotheses(activity: Activity) -> list[tuple[str, float]]:
    """Name and score of each hypothesis of an activity that can be trusted."""
    if activity.status not in (Activity.STATUS_VALID, Activity.STATUS_UNCERTAIN):
        return []
    before = f"{activity.group}/" if activity.group else ""
    return [(before + each.label, each.score) for each in activity.hypotheses]


def _pose(person: VisiblePerson) -> PoseWithCovariance:
    """The position with its covariance; the orientation is not known."""
    assert person.position is not None
    x, y, z = (float(value) for value in person.position.point)
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = person.position.covariance
    return PoseWithCovariance(pose=PoseMessage(position=Point(x=x, y=y, z=z)), covariance=covariance.reshape(36))
