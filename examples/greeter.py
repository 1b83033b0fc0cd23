#!/usr/bin/env python3
"""Example node: greets each person who waves, once, and not again for a while.

    ros2 launch co_perception activity.launch.py recognizer:=skeleton image_topic:=/camera/color/image_raw
    python3 examples/greeter.py --ros-args -p label:=waving -p again_after_s:=20.0

What to take from it:
- It subscribes to `activity_events`, not to `activity`: an onset is published once, after the label has led for a
  while, so a flickering score does not repeat the greeting (event_on, event_off, event_min_on_s ... of the recognizer).
- It remembers each person by id, and forgets the id after `again_after_s`.
- An old event is no reason to act: after a stall, or where an old bag is played, the moment has passed.
"""

from __future__ import annotations

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import String

from co_perception.msg import ActivityEvent


class Greeter(Node):
    """Publishes a greeting on `say` at each onset of `label`."""

    def __init__(self, **options: object) -> None:
        super().__init__("greeter", **options)  # type: ignore[arg-type]
        self.declare_parameter("label", "waving")
        self.declare_parameter("again_after_s", 20.0)
        self.declare_parameter("too_old_s", 2.0)
        self._greeted_s: dict[str, float] = {}
        self._say = self.create_publisher(String, "say", 10)
        self.create_subscription(ActivityEvent, "activity_events", self._on_event, 10)

    def _on_event(self, event: ActivityEvent) -> None:
        if event.kind != ActivityEvent.ONSET or event.label != self._value("label"):
            return
        now_s = self.get_clock().now().nanoseconds * 1e-9
        age_s = now_s - Time.from_msg(event.header.stamp).nanoseconds * 1e-9
        if age_s > self._value("too_old_s"):
            self.get_logger().info(f"{event.subject_id or 'somebody'} began {age_s:.1f} s ago: too late to answer")
            return
        self._forget(now_s)
        if event.subject_id not in self._greeted_s:
            self._greeted_s[event.subject_id] = now_s
            self._say.publish(String(data=f"Hello, {event.subject_id or 'you'}!"))

    def _forget(self, now_s: float) -> None:
        """Drops the greetings that are old enough, and all of them where the clock was set back."""
        pause_s = self._value("again_after_s")
        self._greeted_s = {id: at_s for id, at_s in self._greeted_s.items() if 0 <= now_s - at_s < pause_s}

    def _value(self, name: str):  # type: ignore[no-untyped-def]  # str or float, as declared
        return self.get_parameter(name).value


def main() -> None:
    try:
        with rclpy.init():
            rclpy.spin(Greeter())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


if __name__ == "__main__":
    main()
