"""Image annotations for Foxglove: skeletons, boxes, ids, labels and places over the camera's own picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from co_perception.nodes.core.complaints import Complaints
from co_perception.nodes.core.draw import color_of, lines_of
from co_perception.nodes.core.managed_node import ManagedNode
from co_perception.nodes.core.optional_messages import message_types
from co_perception.nodes.core.qos import ImageInputSettings, result_qos
from co_perception.nodes.output_formats.output_format import OutputFormat
from co_perception.nodes.output_formats.people_frame import PeopleFrame, VisiblePerson

Places = Sequence[tuple[float, float]]

TOPIC = "annotations"
THICKNESS, DOT, FONT = 2.0, 4.0, 14.0  # [pixels]


class AnnotationOutput(OutputFormat):
    """Publishes foxglove_msgs/ImageAnnotations on `annotations`, in pixels of the source picture."""

    def __init__(self, node: ManagedNode[Any], values: ImageInputSettings, complaints: Complaints) -> None:
        super().__init__(node, values, complaints)
        self._types = message_types("foxglove_msgs", "output 'annotations'")
        self._publisher = node.publish_on(self._types.ImageAnnotations, TOPIC, result_qos())

    def publish(self, frame: PeopleFrame) -> None:
        """Publishes one frame, where somebody subscribes."""
        if self._publisher.get_subscription_count():
            self._publisher.publish(self.message(frame))

    def message(self, frame: PeopleFrame) -> Any:
        """The ImageAnnotations of a frame."""
        points, texts = list[Any](), list[Any]()
        for person in frame.people:
            points += self._drawn(person, frame)
            if person.box.width and person.box.height:
                texts += self._written(person, frame)
        return self._types.ImageAnnotations(points=points, texts=texts)

    def _drawn(self, person: VisiblePerson, frame: PeopleFrame) -> list[Any]:
        kinds, drawn = self._types.PointsAnnotation, list[Any]()
        left, top, width, height = person.box
        if width and height:
            corners = [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]
            drawn.append(self._points(kinds.LINE_LOOP, corners, THICKNESS / 2, person, frame))
        if person.pose is not None and person.in_picture:
            places = [(float(x), float(y)) for x, y in person.pose.data[:, :2]]
            ends = [places[joint] for pair in lines_of(person.pose) for joint in pair]
            joints = [places[joint] for joint in np.flatnonzero(person.pose.found)]
            drawn.append(self._points(kinds.LINE_LIST, ends, THICKNESS, person, frame))
            drawn.append(self._points(kinds.POINTS, joints, DOT, person, frame))
        return drawn

    def _points(self, kind: int, places: Places, thickness: float, person: VisiblePerson, frame: PeopleFrame) -> Any:
        return self._types.PointsAnnotation(
            timestamp=frame.header.stamp,
            type=kind,
            points=[self._types.Point2(x=float(x), y=float(y)) for x, y in places],
            outline_color=self._color(person.id),
            thickness=thickness,
        )

    def _written(self, person: VisiblePerson, frame: PeopleFrame) -> list[Any]:
        """A text for each line, one over the other, the last on the upper edge of the box."""
        left, top, lines = person.box.x_offset, person.box.y_offset, person.lines
        return [
            self._types.TextAnnotation(
                timestamp=frame.header.stamp,
                position=self._types.Point2(x=float(left), y=max(top - above * 1.2 * FONT, (row + 1) * 1.2 * FONT)),
                text=line,
                font_size=FONT,
                text_color=self._types.Color(a=1.0),
                background_color=self._color(person.id),
            )
            for row, (above, line) in enumerate(zip(range(len(lines) - 1, -1, -1), lines, strict=True))
        ]

    def _color(self, id: str) -> Any:
        red, green, blue = (value / 255 for value in color_of(id))
        return self._types.Color(r=red, g=green, b=blue, a=1.0)
