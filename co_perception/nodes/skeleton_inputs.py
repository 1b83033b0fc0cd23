"""Inputs of `skeleton_activity`: the package's own skeleton messages, ROS4HRI's, or yolo_ros's."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from rclpy.exceptions import InvalidTopicNameException
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo

from co_perception.data.messages.camera_info import image_size
from co_perception.data.messages.people import DetectedPeople, from_bodies, from_detections, from_skeletons
from co_perception.engine.settings import setting
from co_perception.engine.stamp_order import Order, StampOrder
from co_perception.engine.time import nanoseconds
from co_perception.learners.recognizers import RecognizerSettings
from co_perception.msg import SkeletonArray
from co_perception.nodes.core.managed_node import ManagedNode
from co_perception.nodes.core.optional_messages import message_types
from co_perception.nodes.core.qos import image_qos
from co_perception.nodes.core.topic_diagnosis import Source
from co_perception.nodes.core.worker_node import FOREIGN_SKELETONS, WITHOUT_SIZE
from co_perception.nodes.recognizer import Receive
from co_perception.skeletons.separate_people import SeparatePeople

LATE_BODIES = "late bodies"  # messages for a frame that is over


@dataclass(frozen=True)
class SkeletonInputSettings(RecognizerSettings):
    """Settings that the inputs read."""

    hri_image_width: int = setting(
        0, "Width of the image behind input hri, which does not tell it [pixels]; 0: as camera_info says.", 0, 100000
    )
    hri_image_height: int = setting(
        0, "Height of the image behind input hri [pixels]; 0: as camera_info says.", 0, 100000
    )


class SkeletonInput(Protocol):
    """One kind of messages about people. Making it raises ImportError where the messages are not installed."""

    source: Source

    def subscribe(self, node: ManagedNode[Any], qos: QoSProfile, receive: Receive[DetectedPeople]) -> Subscription:
        """Subscribes while the node is active; returns the subscription whose silence matters."""

    @property
    def lack(self) -> str:
        """Why messages that come cannot be used, in words; empty where they can, or none have come."""


class Skeletons:
    """co_perception/msg/SkeletonArray on `skeletons`."""

    source = Source("skeleton", "pose estimator", "skeletons", "input", "reliability")
    lack = ""

    def __init__(self, values: SkeletonInputSettings) -> None:
        pass

    def subscribe(self, node: ManagedNode[Any], qos: QoSProfile, receive: Receive[DetectedPeople]) -> Subscription:
        take = partial(receive, partial(from_skeletons, separate=SeparatePeople()))
        return node.listen_counted(SkeletonArray, "skeletons", take, qos, foreign=FOREIGN_SKELETONS)


class Detections:
    """yolo_msgs/msg/DetectionArray on `detections`, of a model with keypoints and with tracking switched on."""

    source = Source("detection", "yolo_ros", "detections", "input", "reliability")
    lack = ""

    def __init__(self, values: SkeletonInputSettings) -> None:
        remedy = "build yolo_ros (https://github.com/mgonzs13/yolo_ros) in your workspace and source it."
        self._kind: type = message_types("yolo_msgs", "input 'yolo'", remedy).DetectionArray

    def subscribe(self, node: ManagedNode[Any], qos: QoSProfile, receive: Receive[DetectedPeople]) -> Subscription:
        take = partial(receive, from_detections)
        return node.listen_counted(self._kind, "detections", take, qos, foreign=FOREIGN_SKELETONS)


@dataclass(frozen=True)
class BodyFrame:
    """All bodies of one stamp.

    Args:
        header: of one of their messages.
        skeletons: a Skeleton2D for each body id.
    """

    header: Any
    skeletons: dict[str, Any] = field(default_factory=dict)

    @property
    def stamp_ns(self) -> int:
        """Stamp of the header."""
        return nanoseconds(self.header.stamp)


class BodySynchronizer:
    """Groups the bodies of one stamp, which REP-155 sends on a topic each, into frames.

    A frame is complete with every tracked body, or when a later stamp begins another. A message for a frame that is
    over already counts as `late`; a jump begins a new stream, see `StampOrder`.

    Args:
        max_gap_s: longer steps between stamps are jumps.
    """

    def __init__(self, max_gap_s: float) -> None:
        self._order = StampOrder(max_gap_s)
        self._ids: set[str] = set()
        self._open: BodyFrame | None = None
        self.late = 0

    def track(self, ids: Collection[str], header: Any) -> list[BodyFrame]:
        """Takes the ids in sight. Returns the frames that are complete; a list without ids is a frame too."""
        self._ids = set(ids)
        return self._close_if_complete() if ids else self._add(BodyFrame(header))

    def add(self, id: str, message: Any) -> list[BodyFrame]:
        """Takes one body's skeleton. Returns the frames that are complete by it, none, one or two."""
        return self._add(BodyFrame(message.header, {id: message}))

    def _add(self, frame: BodyFrame) -> list[BodyFrame]:
        order = self._order.place(frame.stamp_ns).order
        if order == Order.LATE or (order == Order.DUPLICATE and self._open is None):
            self.late += 1
            return []
        done = self._close(self._open) if self._open is not None and order != Order.DUPLICATE else []
        if self._open is None:
            self._open = BodyFrame(frame.header)
        self._open.skeletons.update(frame.skeletons)
        return done + self._close_if_complete()

    def _close_if_complete(self) -> list[BodyFrame]:
        if self._open is None or self._ids - set(self._open.skeletons):
            return []
        # Bodies may come before the list of ids: then only a later stamp ends their frame.
        return self._close(self._open) if self._ids or not self._open.skeletons else []

    def _close(self, frame: BodyFrame) -> list[BodyFrame]:
        self._open = None
        return [frame]


class Humans:
    """hri_msgs of REP-155: ids on /humans/bodies/tracked, and each body's hri_msgs/msg/Skeleton2D besides.

    Joints are shares of a picture's width and height, which these messages do not tell: taken for those of another
    aspect, people are too broad or too narrow. The size is that of the settings, or while those are 0 that of
    `camera_info`; bodies that come before it are dropped and counted. Making it raises ValueError for half a size.
    """

    source = Source("list of bodies", "ROS4HRI body detector", "/humans/bodies/tracked", "input", "reliability")

    def __init__(self, values: SkeletonInputSettings) -> None:
        self._messages = message_types("hri_msgs", "input 'hri'")
        self._size = (values.hri_image_width, values.hri_image_height)
        if any(self._size) and not all(self._size):
            raise ValueError(
                "input 'hri' gives joints as shares of an image's width and height: set both hri_image_width and "
                "hri_image_height to the size of the camera's image [pixels], or none, to take it from camera_info"
            )
        self._size_given = all(self._size)  # by the settings
        self._max_gap_s = values.max_gap_s
        self._bodies: dict[str, Subscription] = {}
        self.lack = ""

    def subscribe(self, node: ManagedNode[Any], qos: QoSProfile, receive: Receive[DetectedPeople]) -> Subscription:
        """Subscribes to the list of ids; each body's subscription lives while it is tracked."""
        synchronizer = BodySynchronizer(self._max_gap_s)
        node.while_active.callback(self._follow, set(), node, qos, lambda id, body: None)
        topic = "camera_info"
        if not self._size_given:
            self._size, self.lack = (0, 0), ""
            topic = node.listen(CameraInfo, topic, self._on_camera_info, image_qos("best_effort")).topic_name

        def pass_on(frames: list[BodyFrame]) -> None:
            node.counters.count(LATE_BODIES, synchronizer.late - node.counters.counts().get(LATE_BODIES, 0))
            for frame in frames:
                if all(self._size):
                    receive(partial(from_bodies, size=self._size), frame.skeletons, frame.header)
                else:
                    node.counters.count(WITHOUT_SIZE)
                    self.lack = (
                        "Bodies come, but joints of input hri are shares of an image's width and height, and no "
                        f"sensor_msgs/CameraInfo on {topic} tells its size. Remap with camera_info:=<topic of the "
                        "camera>, or set hri_image_width and hri_image_height [pixels]."
                    )

        def on_tracked(message: Any) -> None:
            self._follow(set(message.ids), node, qos, lambda id, body: pass_on(synchronizer.add(id, body)))
            pass_on(synchronizer.track(message.ids, message.header))

        subscription = node.listen(self._messages.IdsList, "/humans/bodies/tracked", on_tracked, qos)
        node.conflicts.watch(subscription.topic_name)
        return subscription

    def _on_camera_info(self, info: CameraInfo) -> None:
        size = image_size(info)
        if all(size):
            self._size, self.lack = size, ""

    def _follow(
        self, ids: set[str], node: ManagedNode[Any], qos: QoSProfile, on_body: Callable[[str, Any], None]
    ) -> None:
        """Subscribes to the bodies of these ids, and to no others."""
        for id in self._bodies.keys() - ids:
            node.destroy_subscription(self._bodies.pop(id))
        for id in ids - self._bodies.keys():
            topic = f"/humans/bodies/{id}/skeleton2d"
            try:
                subscription = node.create_subscription(self._messages.Skeleton2D, topic, partial(on_body, id), qos)
            except InvalidTopicNameException:
                node.log.warning(f"Body id {id!r} cannot be part of a topic name: ignored.", 600.0)
                continue
            self._bodies[id] = subscription


INPUTS: dict[str, Callable[[SkeletonInputSettings], SkeletonInput]] = {
    "skeletons": Skeletons,
    "hri": Humans,
    "yolo": Detections,
}
