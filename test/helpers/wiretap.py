"""A node that takes in everything that is published in its graph, whatever topic and type it is, as bytes."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from importlib import import_module
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile

LOOK_S = 0.1  # between two looks for new topics


class Wiretap(Node):
    """Subscribes to each topic that has a publisher, with that publisher's own QoS; `taken` has the messages' bytes."""

    def __init__(self) -> None:
        super().__init__("wiretap")
        self.taken: dict[str, list[bytes]] = defaultdict(list)
        self.create_timer(LOOK_S, self.look)

    def look(self) -> None:
        """Subscribes to what is new."""
        for topic, (kind, *_) in self.get_topic_names_and_types():
            publishers = [info for info in self.get_publishers_info_by_topic(topic) if info.node_name != "wiretap"]
            if topic in self.taken or not publishers:
                continue
            package, folder, name = kind.split("/")
            module, (name, *feedback) = import_module(f"{package}.{folder}"), name.split("_")
            message_type = getattr(module, name)
            message_type = message_type.Impl.FeedbackMessage if feedback else message_type
            own = publishers[0].qos_profile
            qos = QoSProfile(depth=1000, reliability=own.reliability, durability=own.durability)
            self.taken[topic] = []
            take: Any = partial(self._take, topic)
            self.create_subscription(message_type, topic, take, qos, raw=True)

    def _take(self, topic: str, message: bytes) -> None:
        self.taken[topic].append(bytes(message))
