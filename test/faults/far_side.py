"""The two ends of a network that is cut: somebody who sends skeletons, and somebody who listens to the recognizer.

Arguments: `send` or `hear`, and a file that takes a line of JSON for whatever was sent or heard.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from faults.people import waving
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from co_perception.engine.time import nanoseconds
from co_perception.msg import ActivityArray, SkeletonArray

RATE_HZ = 15.0
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


def send(node: Node, note: Callable[..., None]) -> None:
    """One person who waves, at 15 Hz."""
    publisher = node.create_publisher(SkeletonArray, "skeletons", BEST_EFFORT)
    began_ns = time.time_ns()

    def show() -> None:
        stamp_ns = time.time_ns()
        publisher.publish(waving(stamp_ns, (stamp_ns - began_ns) / 1e9, "p1"))
        note(stamp=stamp_ns)

    node.create_timer(1 / RATE_HZ, show)


def hear(node: Node, note: Callable[..., None]) -> None:
    """/activity and /diagnostics."""

    def on_activity(message: ActivityArray) -> None:
        statuses = [activity.status for activity in message.activities]
        stamp = nanoseconds(message.header.stamp)
        note(stamp=stamp, epoch=message.state_epoch, dropped=message.dropped_frames, statuses=statuses)

    def on_diagnostics(message: DiagnosticArray) -> None:
        (status,) = message.status
        values = {value.key: value.value for value in status.values}
        note(at=time.time_ns(), warns=status.level == status.WARN, message=status.message, values=values)

    node.create_subscription(ActivityArray, "activity", on_activity, 100)
    node.create_subscription(DiagnosticArray, "/diagnostics", on_diagnostics, 100)


def main(role: str, path: str) -> None:
    """Until a signal."""
    rclpy.init()
    node = Node(role)
    with Path(path).open("w", buffering=1) as file:

        def note(**what: Any) -> None:
            file.write(json.dumps(what) + "\n")

        {"send": send, "hear": hear}[role](node, note)
        with suppress(KeyboardInterrupt, ExternalShutdownException):
            rclpy.spin(node)
    rclpy.try_shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:3])
