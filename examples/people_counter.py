#!/usr/bin/env python3
"""Example node: counts people by what they do, now and since it was started.

    ros2 launch co_perception activity.launch.py source:=0 recognizer:=skeleton
    python3 examples/people_counter.py
    ros2 topic echo /people_count

What to take from it:
- What is now comes from `activity`: one message holds everybody in sight, and a person has an answer in each group of
  labels (posture, motion, arms), so people are counted by their ids.
- How often something happened comes from `activity_events`, where each activity is one onset, however long it lasts.
- Ids are those of a tracker: who comes back after a while counts as somebody new.
"""

from __future__ import annotations

import json
from collections import Counter

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_msgs.msg import String

from co_perception.msg import Activity, ActivityArray, ActivityEvent

SILENCE_S = 2.0  # without a message, after which nobody is known to be there


class PeopleCounter(Node):
    """Publishes the counts as JSON on `people_count` once a second."""

    def __init__(self, **options: object) -> None:
        super().__init__("people_counter", **options)  # type: ignore[arg-type]
        self._now: dict[str, object] = {}
        self._since_start: Counter[str] = Counter()
        self._received_s = float("-inf")
        self._count = self.create_publisher(String, "people_count", 10)
        self.create_subscription(ActivityArray, "activity", self._on_activity, 10)
        self.create_subscription(ActivityEvent, "activity_events", self._on_event, 100)
        self.create_timer(float(self.declare_parameter("period_s", 1.0).value or 1.0), self._publish)

    def _on_activity(self, message: ActivityArray) -> None:
        visible = [each for each in message.activities if each.subject_id and each.status != Activity.STATUS_STALE]
        groups: dict[str, Counter[str]] = {}
        for each in visible:
            if each.status == Activity.STATUS_VALID:
                groups.setdefault(each.group or "activity", Counter())[each.label] += 1
        self._now = {"people": len({each.subject_id for each in visible}), **groups}
        self._received_s = self._now_s()

    def _on_event(self, event: ActivityEvent) -> None:
        self._since_start[event.label] += event.kind == ActivityEvent.ONSET

    def _publish(self) -> None:
        recent = self._now_s() - self._received_s <= SILENCE_S
        counts = {"now": self._now if recent else None, "since_start": +self._since_start}
        self._count.publish(String(data=json.dumps(counts)))

    def _now_s(self) -> float:
        return float(self.get_clock().now().nanoseconds) * 1e-9


def main() -> None:
    try:
        with rclpy.init():
            rclpy.spin(PeopleCounter())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


if __name__ == "__main__":
    main()
