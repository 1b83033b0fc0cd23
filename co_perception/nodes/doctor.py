"""Listener that notes what comes on the graph for a while, for `co-perception doctor`; it publishes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from co_perception.data.bags.bag_file import IMAGES, SKELETONS
from co_perception.data.messages.video_packets import PacketDecoder, codec_of
from co_perception.doctor.observation import HeadPlaces, Sender, StreamObservation, TopicObserver
from co_perception.engine.time import nanoseconds
from co_perception.nodes.core.graph_conflicts import full_name
from co_perception.nodes.recording.recorder import message_type_of

MOST_TOPICS = 16  # that are listened to
EVERY_PICTURE = 8  # of which one is looked into: reading all would cost the robot what is to be measured
DISCOVER_S = 0.5


class ListenerNode(Node):
    """Subscribes to all pictures and skeletons there are, best effort, which every publisher serves."""

    def __init__(self, **options: Any) -> None:
        super().__init__("doctor", **options)
        self._heads = HeadPlaces()
        self._observers: dict[str, TopicObserver] = {}
        self._others: dict[str, str] = {}
        self._discover()
        self._timer = self.create_timer(DISCOVER_S, self._discover)

    def observed(self) -> StreamObservation:
        """What came so far."""
        topics = tuple(observer.observed() for observer in self._observers.values())
        return StreamObservation(topics, dict(self._others), live=True)

    def _discover(self) -> None:
        for topic, kinds in self.get_topic_names_and_types():
            usable = [kind for kind in kinds if kind in (*IMAGES, *SKELETONS)]
            if not usable or topic in self._observers or not self.count_publishers(topic):
                self._others |= {} if usable else {topic: ", ".join(kinds)}
                continue
            if len(self._observers) < MOST_TOPICS:
                self._listen(topic, usable[0])

    def _listen(self, topic: str, kind: str) -> None:
        try:
            message_type = message_type_of(kind)
        except (ImportError, ValueError):  # a type whose package is not installed
            self._others[topic] = kind
            return
        every = 1 if kind in SKELETONS else EVERY_PICTURE
        observer = TopicObserver(topic, kind, every, self._heads, partial(self._senders, topic))
        self._observers[topic] = observer
        qos = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
        self.create_subscription(message_type, topic, self._taker(observer), qos)

    def _taker(self, observer: TopicObserver) -> Callable[[Any], None]:
        decoder = PacketDecoder[tuple[int, int]]()

        def take(message: Any) -> None:
            header = getattr(message, "header", None)
            stamp_ns = nanoseconds(header.stamp if header is not None else message.timestamp)
            at = (stamp_ns, int(self.get_clock().now().nanoseconds))
            if not codec_of(message):
                observer.add(*at, message)
                return
            for picture in decoder.decode(message, at):
                observer.add(*picture.header, picture)

        return take

    def _senders(self, topic: str) -> tuple[Sender, ...]:
        return tuple(
            Sender(full_name(info), bool(info.qos_profile.reliability == ReliabilityPolicy.RELIABLE))
            for info in self.get_publishers_info_by_topic(topic)
        )


def listen(seconds: float, arguments: Sequence[str] = ()) -> StreamObservation:
    """Listens to the graph for a while.

    Args:
        seconds: how long.
        arguments: of ROS, such as "-p", "use_sim_time:=true".
    """
    rclpy.init(args=["--ros-args", *arguments] if arguments else None)
    try:
        node = ListenerNode()
        end_s = monotonic() + seconds
        while (left_s := end_s - monotonic()) > 0 and rclpy.ok():
            rclpy.spin_once(node, timeout_sec=min(left_s, 0.1))
        observation = node.observed()
        node.destroy_node()
        return observation
    finally:
        rclpy.try_shutdown()
