"""Markers for RViz and Foxglove: skeletons, places, facing, velocity and labels of people in space.

A skeleton in metres is drawn as it came. One in pixels is drawn as a flat figure that stands upright at the person's
distance, each joint on its line of sight, so that seen from the camera it covers the person.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from std_msgs.msg import ColorRGBA, Header

from co_perception.engine.coordinates import OPTICAL
from co_perception.engine.person_position import Floats, PositionSource
from co_perception.localization.torso import CORNERS
from co_perception.nodes.core.complaints import Complaints
from co_perception.nodes.core.draw import color_of, lines_of
from co_perception.nodes.core.managed_node import ManagedNode
from co_perception.nodes.core.optional_messages import message_types
from co_perception.nodes.core.qos import ImageInputSettings, result_qos
from co_perception.nodes.output_formats.output_format import OutputFormat
from co_perception.nodes.output_formats.people_frame import PeopleFrame, VisiblePerson
from co_perception.skeletons.layouts import layout

TOPIC = "markers"
LIFETIME = Duration(sec=1)  # after which a viewer forgets people of a node that has gone
LINE, JOINT, TORSO, TEXT, ARROW = 0.03, 0.05, 0.15, 0.18, 0.06  # widths and sizes [m]
CHEST = 0.5  # length of the arrow of facing [m]
ABOVE = 0.35  # of the text over the highest joint [m]


class MarkerOutput(OutputFormat):
    """Publishes visualization_msgs/MarkerArray on `markers`: namespaces skeletons, joints, people, facing, velocity
    and labels, an id for each person. Who is gone is deleted with the next frame."""

    def __init__(self, node: ManagedNode[Any], values: ImageInputSettings, complaints: Complaints) -> None:
        super().__init__(node, values, complaints)
        self._types = message_types("visualization_msgs", "output 'markers'")
        self._publisher = node.publish_on(self._types.MarkerArray, TOPIC, result_qos())
        self._shown: dict[tuple[str, int], str] = {}  # namespace and id of each marker, with its frame

    def publish(self, frame: PeopleFrame) -> None:
        """Publishes one frame, where somebody subscribes."""
        if self._publisher.get_subscription_count():
            self._publisher.publish(self.message(frame))

    def message(self, frame: PeopleFrame) -> Any:
        """The MarkerArray of a frame."""
        made = [marker for person in frame.people for marker in self._person(person, frame)]
        shown = {(marker.ns, marker.id): marker.header.frame_id for marker in made}
        gone = [key for key in self._shown if key not in shown]
        for (namespace, id), frame_id in [(key, self._shown[key]) for key in gone]:
            header = Header(stamp=frame.header.stamp, frame_id=frame_id)
            made.append(self._types.Marker(header=header, ns=namespace, id=id, action=self._types.Marker.DELETE))
        self._shown = shown
        return self._types.MarkerArray(markers=made)

    def _person(self, person: VisiblePerson, frame: PeopleFrame) -> Iterator[Any]:
        camera, joints = frame.header, joints_in_space(person, frame)
        position = person.position
        if position is not None:
            place = Header(stamp=camera.stamp, frame_id=position.frame_id)
            yield self._marker("people", "SPHERE", person, place, TORSO, pose=Pose(position=_point(position.point)))
            if np.isfinite(position.velocity).all():
                ends = [position.point, position.point + position.velocity]
                yield self._marker("velocity", "ARROW", person, place, ARROW, points=[_point(end) for end in ends])
        if joints is not None and person.pose is not None:
            found = np.flatnonzero(person.pose.found)
            points = {int(joint): _point(joints[joint]) for joint in found}
            ends = [points[joint] for pair in lines_of(person.pose) for joint in pair]
            yield self._marker("skeletons", "LINE_LIST", person, camera, LINE, points=ends)
            yield self._marker("joints", "SPHERE_LIST", person, camera, JOINT, points=list(points.values()))
        middle = torso_in_space(person, frame, joints)
        if middle is not None and (chest := chest_direction(person, frame)) is not None:
            ends = [middle, middle + CHEST * chest]
            yield self._marker("facing", "ARROW", person, camera, ARROW, points=[_point(end) for end in ends])
        if (spot := _label_spot(person, frame, joints, middle)) is not None:
            where, header = spot
            text, pose = "\n".join(person.lines), Pose(position=_point(where))
            yield self._marker("labels", "TEXT_VIEW_FACING", person, header, TEXT, pose=pose, text=text)

    def _marker(self, ns: str, kind: str, person: VisiblePerson, header: Header, size: float, **rest: Any) -> Any:
        red, green, blue = (value / 255 for value in color_of(person.id))
        scale = Vector3(x=size / 2, y=size, z=size) if kind == "ARROW" else Vector3(x=size, y=size, z=size)
        pose = rest.pop("pose", Pose())
        pose.orientation = Quaternion(w=1.0)
        known, number = self._types.Marker, zlib.crc32(person.id.encode()) & 0x7FFFFFFF
        return known(
            header=header, ns=ns, id=number, type=getattr(known, kind), action=known.ADD, scale=scale, pose=pose,
            color=ColorRGBA(r=red, g=green, b=blue, a=1.0), lifetime=LIFETIME, **rest,
        )  # fmt: skip


def joints_in_space(person: VisiblePerson, frame: PeopleFrame) -> Floats | None:
    """(V, 3) joints in the frame of the header [m]; None where their place is not known."""
    if person.pose is None:
        return None
    if not person.in_picture:
        return person.pose.data[:, :3].astype(np.float64) if person.pose.data.shape[1] == 4 else None
    if person.position is None or frame.camera is None or person.position.source == PositionSource.METRIC:
        return None
    pixels = frame.turn.unmirrored(person.pose.data[:, :2].astype(np.float64), frame.size)
    sights = np.concatenate([frame.camera.directions(pixels), np.ones((len(pixels), 1))], 1)
    sight = sights[_middle_joints(person)].mean(0)
    flat: Floats = sights * (person.position.distance / float(np.linalg.norm(sight)))
    return flat


def torso_in_space(person: VisiblePerson, frame: PeopleFrame, joints: Floats | None) -> Floats | None:
    """(3,) the middle of the torso in the frame of the header [m]; None where that is not known."""
    position = person.position
    if position is not None and position.frame_id == frame.header.frame_id:
        return position.point
    return None if joints is None else np.asarray(joints[_middle_joints(person)].mean(0))


def chest_direction(person: VisiblePerson, frame: PeopleFrame) -> Floats | None:
    """(3,) unit vector in the frame of the header to where the chest points; None where that is not known."""
    position = person.position
    if position is None or math.isnan(position.facing):
        return None
    # Counterclockwise from above: the person is at this angle from the axis that points to the right.
    angle = position.bearing + math.pi / 2 + math.pi + position.facing
    if position.source != PositionSource.METRIC:
        return frame.turn.axes() @ np.array([math.cos(angle), 0.0, math.sin(angle)])
    if person.pose is None:
        return None
    if person.pose.coordinates == OPTICAL:
        return np.array([math.cos(angle), 0.0, math.sin(angle)])
    upright = angle - math.pi / 2  # from the axis that points forward
    return np.array([math.cos(upright), math.sin(upright), 0.0])


def _middle_joints(person: VisiblePerson) -> Sequence[int]:
    """The corners of the torso that were found; all joints found where none of those was."""
    pose = person.pose
    assert pose is not None
    names = layout(pose.layout).joints
    corners = [names.index(name) for name in CORNERS if name in names and pose.found[names.index(name)]]
    return corners or [int(joint) for joint in np.flatnonzero(pose.found)]


def _label_spot(
    person: VisiblePerson, frame: PeopleFrame, joints: Floats | None, middle: Floats | None
) -> tuple[Floats, Header] | None:
    """Where the text of a person is, and in which frame: over the head, else at the person's position."""
    if joints is not None and middle is not None and person.pose is not None:
        up = _up(person, frame)
        highest = float((joints[person.pose.found] @ up).max())
        return middle + up * (highest - float(middle @ up) + ABOVE), frame.header
    if person.position is None:
        return None
    header = Header(stamp=frame.header.stamp, frame_id=person.position.frame_id)
    return person.position.point, header


def _up(person: VisiblePerson, frame: PeopleFrame) -> Floats:
    """(3,) unit vector upwards in the frame of the header."""
    assert person.pose is not None
    if person.in_picture:
        return frame.turn.axes() @ np.array([0.0, -1.0, 0.0])
    axes = {OPTICAL: (0.0, -1.0, 0.0), "kinect": (0.0, 1.0, 0.0)}
    return np.array(axes.get(person.pose.coordinates, (0.0, 0.0, 1.0)))


def _point(place: Floats) -> Point:
    x, y, z = (float(value) for value in place)
    return Point(x=x, y=y, z=z)
