"""ROS4HRI's topics of REP-155: bodies with skeleton, region, position, and their activity beside them.

hri_msgs has no message for what somebody does, so a body has this package's own ActivityArray, of that body alone.
https://www.ros.org/reps/rep-0155.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, PointStamped
from rclpy.lifecycle import LifecyclePublisher
from std_msgs.msg import Header

from co_perception.msg import ActivityArray
from co_perception.nodes.core.complaints import Complaints
from co_perception.nodes.core.managed_node import ManagedNode
from co_perception.nodes.core.optional_messages import message_types
from co_perception.nodes.core.qos import ImageInputSettings, result_qos
from co_perception.nodes.output_formats.output_format import OutputFormat
from co_perception.nodes.output_formats.people_frame import PeopleFrame, VisiblePerson
from co_perception.skeletons.layouts import layout
from co_perception.skeletons.mapping import convert

BODIES = "/humans/bodies"
MOST = 64  # bodies at once; each has four publishers
NO_NAME = re.compile(r"[^A-Za-z0-9_]")


class HumansOutput(OutputFormat):
    """Publishes the ids on `/humans/bodies/tracked`, and of each body `roi`, `skeleton2d`, `position` and `activity`
    below `/humans/bodies/<id>`.

    A body's publishers live while it is in sight. Ids become names of topics: other characters than letters, digits and
    underscores are underscores there.
    """

    def __init__(self, node: ManagedNode[Any], values: ImageInputSettings, complaints: Complaints) -> None:
        super().__init__(node, values, complaints)
        self._types = message_types("hri_msgs", "output 'humans'")
        self._tracked = node.publish_on(self._types.IdsList, f"{BODIES}/tracked", result_qos())
        self._bodies: dict[str, dict[str, LifecyclePublisher]] = {}
        node.while_configured.callback(self._follow, ())

    def publish(self, frame: PeopleFrame) -> None:
        """Publishes one frame; the ids first, so that whoever follows them subscribes to the bodies."""
        people = {topic_name(person.id): person for person in frame.people if person.id}
        people = dict(list(people.items())[:MOST])
        self._follow(tuple(people))
        self._tracked.publish(self._types.IdsList(header=frame.header, ids=list(people)))
        for name, person in people.items():
            for topic, message in self.messages(person, frame).items():
                self._bodies[name][topic].publish(message)

    def messages(self, person: VisiblePerson, frame: PeopleFrame) -> dict[str, Any]:
        """The messages about one body that can be made, by the last part of their topic."""
        made: dict[str, Any] = {}
        if all(frame.size) and person.box.width and person.box.height:
            made["roi"] = self._region(person, frame)
        if all(frame.size) and person.in_picture:
            made["skeleton2d"] = self._skeleton(person, frame)
        if person.position is not None:
            x, y, z = (float(value) for value in person.position.point)
            header = Header(stamp=frame.header.stamp, frame_id=person.position.frame_id)
            made["position"] = PointStamped(header=header, point=Point(x=x, y=y, z=z))
        if frame.activity is not None and person.activities:
            made["activity"] = _activity_of(person, frame.activity)
        return made

    def _kinds(self) -> dict[str, type]:
        region, skeleton = self._types.NormalizedRegionOfInterest2D, self._types.Skeleton2D
        return {"roi": region, "skeleton2d": skeleton, "position": PointStamped, "activity": ActivityArray}

    def _follow(self, names: Sequence[str]) -> None:
        """Has publishers for these bodies, and for no others."""
        for name in self._bodies.keys() - set(names):
            for publisher in self._bodies.pop(name).values():
                self._node.destroy_lifecycle_publisher(publisher)
        for name in names:
            if name not in self._bodies:
                self._bodies[name] = {
                    topic: self._node.create_lifecycle_publisher(kind, f"{BODIES}/{name}/{topic}", result_qos())
                    for topic, kind in self._kinds().items()
                }

    def _region(self, person: VisiblePerson, frame: PeopleFrame) -> Any:
        left, top, width, height = person.box
        across, down = frame.size
        xs, ys = np.clip([left, left + width], 0, across) / across, np.clip([top, top + height], 0, down) / down
        return self._types.NormalizedRegionOfInterest2D(
            header=frame.header,
            xmin=float(xs[0]),
            ymin=float(ys[0]),
            xmax=float(xs[1]),
            ymax=float(ys[1]),
            c=person.score,
        )

    def _skeleton(self, person: VisiblePerson, frame: PeopleFrame) -> Any:
        pose = person.pose
        assert pose is not None
        found = np.where(pose.found[:, None], pose.data, 0)
        joints = convert(found, layout(pose.layout), layout("hri18"))
        shares = joints / (*frame.size, 1.0)
        points = [self._types.NormalizedPointOfInterest2D(x=x, y=y, c=c) for x, y, c in shares.tolist()]
        return self._types.Skeleton2D(header=frame.header, skeleton=points)


def topic_name(id: str) -> str:
    """An id as a part of a topic's name.

    >>> topic_name("kqzx_p1"), topic_name("person 7"), topic_name("7")
    ('kqzx_p1', 'person_7', 'b7')
    """
    name = NO_NAME.sub("_", id)
    return f"b{name}" if name[:1].isdigit() else name


def _activity_of(person: VisiblePerson, message: ActivityArray) -> ActivityArray:
    return ActivityArray(
        header=message.header,
        recognizer=message.recognizer,
        label_set=message.label_set,
        observation_delay=message.observation_delay,
        processing_latency=message.processing_latency,
        dropped_frames=message.dropped_frames,
        state_epoch=message.state_epoch,
        activities=list(person.activities),
    )
