"""The annotated picture: people with skeletons, ids, labels and places, and the label of the scene, on `annotated`."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from rclpy.clock import Clock, ClockType
from sensor_msgs.msg import Image

from co_perception.data.messages.image import fill, to_rgb
from co_perception.engine.data import Pixels
from co_perception.engine.time import nanoseconds
from co_perception.msg import Activity
from co_perception.nodes.core.complaints import Complaints
from co_perception.nodes.core.draw import Line, draw_boxes, draw_people, draw_scene, state_text
from co_perception.nodes.core.managed_node import ManagedNode
from co_perception.nodes.core.qos import ImageInputSettings, result_qos
from co_perception.nodes.image_inputs import ImageMessage, listen_to_images
from co_perception.nodes.output_formats.output_format import BAD_PICTURE, WITHOUT_PICTURE, OutputFormat
from co_perception.nodes.output_formats.people_frame import PeopleFrame

TOPIC = "annotated"
RETAINED = 16  # pictures that wait for what is said about them: half a second of them
LOOK_S = 0.25  # between two looks whether somebody subscribes
BARS = 3


class AnnotatedPictureOutput(OutputFormat):
    """Publishes sensor_msgs/Image (rgb8) on `annotated`, of every frame that skeletons or activities are about.

    Pictures are subscribed to only while somebody subscribes to `annotated`: a picture costs more to transport than
    everything else together.
    """

    def __init__(self, node: ManagedNode[Any], values: ImageInputSettings, complaints: Complaints) -> None:
        super().__init__(node, values, complaints)
        self._publisher = node.publish_on(Image, TOPIC, result_qos(1))
        self._pictures: deque[ImageMessage] = deque(maxlen=RETAINED)
        self._subscription: Any = None

    def begin(self) -> None:
        """Looks for subscribers, while the node is active."""
        timer = self._node.create_timer(LOOK_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._node.while_active.callback(self._node.destroy_timer, timer)
        self._node.while_active.callback(self._forget)
        self._look()

    def publish(self, frame: PeopleFrame) -> None:
        """Publishes one frame, where somebody subscribes and its picture has come."""
        if self._subscription is None or not self._publisher.get_subscription_count():
            return
        stamp_ns = nanoseconds(frame.header.stamp)
        message = next((each for each in self._pictures if nanoseconds(each.header.stamp) == stamp_ns), None)
        if message is None:
            self._complaints.add(WITHOUT_PICTURE, "the picture of a frame has not come, or no longer waits")
            return
        try:
            rgb = to_rgb(message)
        except (ValueError, ImportError) as error:
            self._complaints.add(BAD_PICTURE, str(error))
            return
        self._publisher.publish(fill(Image(header=frame.header), drawn_frame(rgb, frame), "rgb8"))

    def _look(self) -> None:
        wanted = self._publisher.get_subscription_count() > 0
        if wanted and self._subscription is None:
            self._subscription = listen_to_images(self._node, self._values, RETAINED, self._pictures.append)
        elif not wanted and self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._forget()

    def _forget(self) -> None:
        self._subscription = None
        self._pictures.clear()


def drawn_frame(rgb: Pixels, frame: PeopleFrame) -> Pixels:
    """(H, W, 3) a copy of the picture with everybody and everything that is known of them."""
    captions = {person.id: " · ".join(filter(None, (person.caption, person.place))) for person in frame.people}
    poses = [person.pose for person in frame.people if person.in_picture and person.pose is not None]
    boxed = [(person.id, person.box) for person in frame.people if not person.in_picture and person.box.width]
    picture = rgb.copy(order="C")
    for activity in frame.scene[:1]:  # first, so that it hides nobody's name
        draw_scene(picture, scene_lines(activity), sure=bool(activity.label))
    picture = draw_people(picture, poses, captions)
    draw_boxes(picture, boxed, captions)
    return picture


def scene_lines(activity: Activity) -> list[Line]:
    """The lines of a scene's activity, each with the share 0..1 of its bar: first the label, then the best scores."""
    head = state_text(activity.label, activity.status, activity.progress)
    best = [(f"{each.label} {each.score:.2f}", float(each.score)) for each in activity.hypotheses[:BARS]]
    return [(head, float(np.clip(activity.progress, 0.0, 1.0))), *best]
