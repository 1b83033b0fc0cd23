#!/usr/bin/env python3
"""Example node: calls for help when somebody fell, and again while they lie, until a person answers.

    ros2 launch co_perception activity.launch.py source:=0 recognizer:=skeleton
    python3 examples/fall_watch.py --ros-args -p again_after_s:=30.0
    ros2 service call /fall_watch/answered std_srvs/srv/Trigger

What to take from it:
- It asks for events with durability "transient local": a fall before its own start is received, too.
- A fall has an OFFSET, which comes also where the person, the camera or the recognizer goes: it is no all-clear, and
  what is published then says so.
- No safety function: docs/falls.md says how many falls are missed.
"""

from __future__ import annotations

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String
from std_srvs.srv import Trigger

from co_perception.msg import ActivityEvent

EVENTS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class FallWatch(Node):
    """Publishes a call on `help` for each person who fell, every `again_after_s` until `~/answered` is called."""

    def __init__(self, **options: object) -> None:
        super().__init__("fall_watch", **options)  # type: ignore[arg-type]
        again_s = self.declare_parameter("again_after_s", 30.0).value
        self._fallen: dict[str, str] = {}  # id of the onset: id of the person
        self._help = self.create_publisher(String, "help", 10)
        self.create_subscription(ActivityEvent, "activity_events", self._on_event, EVENTS)
        self.create_service(Trigger, "~/answered", self._on_answered)
        self.create_timer(again_s, self._call_again)

    def _on_event(self, event: ActivityEvent) -> None:
        if event.label != "fall":
            return
        if event.kind == ActivityEvent.ONSET:
            self._fallen[event.id] = event.subject_id or "somebody"
            self._call(f"{self._fallen[event.id]} fell")
        elif person := self._fallen.pop(event.onset_id, ""):
            self._call(f"{person} is no longer seen lying: up, or out of sight")

    def _on_answered(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = bool(self._fallen), ", ".join(self._fallen.values()) or "nobody lies"
        self._fallen.clear()
        return response

    def _call_again(self) -> None:
        for person in self._fallen.values():
            self._call(f"{person} still lies there")

    def _call(self, text: str) -> None:
        self.get_logger().warning(text)
        self._help.publish(String(data=text))


def main() -> None:
    try:
        with rclpy.init():
            rclpy.spin(FallWatch())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


if __name__ == "__main__":
    main()
