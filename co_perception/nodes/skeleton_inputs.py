"""Where skeletons come from: the package's own messages, ROS4HRI's, or yolo_ros's. One class each."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Protocol

from rclpy.exceptions import InvalidTopicNameException
from rclpy.qos import QoSProfile

from co_perception.data.people_messages import Reading, from_bodies, from_detections, from_skeletons
from co_perception.msg import SkeletonArray
from co_perception.nodes.base import ManagedNode
from co_perception.nodes.bodies import Bodies, Gathering
from co_perception.nodes.optional import hri_msgs, yolo_msgs
from co_perception.nodes.silence import Source

Receive = Callable[[Any, Any], None]
"""Takes what was received and the header of the frame it is about."""


class Input(Protocol):
    """One way to hear of people. Making it raises ImportError where its messages are not installed."""

    source: Source

    def subscribe(self, node: ManagedNode, qos: QoSProfile, receive: Receive) -> Any:
        """Listens while the node is active; gives the subscription whose silence matters."""

    def read(self, message: Any) -> Reading:
        """The people in what `receive` was given."""


class Skeletons:
    """co_perception/msg/SkeletonArray on `skeletons`."""

    source = Source("skeleton", "pose estimator", "skeletons", "input", "reliability")

    def __init__(self, values: SimpleNamespace) -> None:
        pass

    def subscribe(self, node: ManagedNode, qos: QoSProfile, receive: Receive) -> Any:
        """As `Input`."""
        return node.listen_closely(SkeletonArray, "skeletons", lambda message: receive(message, message.header), qos)

    def read(self, message: Any) -> Reading:
        """As `Input`."""
        return from_skeletons(message)


class Detections:
    """yolo_msgs/msg/DetectionArray on `detections`, of a model with keypoints and with tracking switched on."""

    source = Source("detection", "yolo_ros", "detections", "input", "reliability")

    def __init__(self, values: SimpleNamespace) -> None:
        self._kind = yolo_msgs().DetectionArray

    def subscribe(self, node: ManagedNode, qos: QoSProfile, receive: Receive) -> Any:
        """As `Input`."""
        return node.listen_closely(self._kind, "detections", lambda message: receive(message, message.header), qos)

    def read(self, message: Any) -> Reading:
        """As `Input`."""
        return from_detections(message)


class Humans:
    """hri_msgs of REP-155: who there is on /humans/bodies/tracked, each one's hri_msgs/msg/Skeleton2D besides."""

    source = Source("list of bodies", "ROS4HRI body detector", "/humans/bodies/tracked", "input", "reliability")

    def __init__(self, values: SimpleNamespace) -> None:
        self._messages = hri_msgs()
        self._size = (values.hri_image_width, values.hri_image_height)
        self._max_gap_s = values.max_gap_s
        self._bodies: dict[str, Any] = {}

    def subscribe(self, node: ManagedNode, qos: QoSProfile, receive: Receive) -> Any:
        """As `Input`; each body's subscription lives while it is tracked."""
        gathering = Gathering(self._max_gap_s)
        node.while_active.callback(self._follow, set(), node, qos, None)

        def pass_on(frames: list[Bodies]) -> None:
            node.tally.count("late", gathering.late - node.tally.counts().get("late", 0))
            for frame in frames:
                receive(frame, frame.header)

        def on_tracked(message: Any) -> None:
            self._follow(set(message.ids), node, qos, lambda id, body: pass_on(gathering.take(id, body)))
            pass_on(gathering.tracked(message.ids, message.header))

        return node.listen(self._messages.IdsList, "/humans/bodies/tracked", on_tracked, qos)

    def read(self, message: Any) -> Reading:
        """As `Input`."""
        return from_bodies(message.skeletons, self._size)

    def _follow(self, ids: set[str], node: ManagedNode, qos: QoSProfile, take: Any) -> None:
        for id in self._bodies.keys() - ids:
            node.destroy_subscription(self._bodies.pop(id))
        for id in ids - self._bodies.keys():
            topic = f"/humans/bodies/{id}/skeleton2d"
            try:
                subscription = node.create_subscription(
                    self._messages.Skeleton2D, topic, lambda message, id=id: take(id, message), qos
                )
            except InvalidTopicNameException:
                node.get_logger().warning(f"Body id {id!r} cannot be part of a topic name: ignored.", once=True)
                continue
            self._bodies[id] = subscription


INPUTS: dict[str, Callable[[SimpleNamespace], Input]] = {"skeletons": Skeletons, "hri": Humans, "yolo": Detections}
