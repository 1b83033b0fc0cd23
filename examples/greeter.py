#!/usr/bin/env python3
"""A robot that greets whoever waves, once, and not again for a while.

    ros2 launch co_perception activity.launch.py recognizer:=skeleton pose:=movenet model_path:=my_activities
    python3 examples/greeter.py --ros-args -p label:=wave -p again_after_s:=20.0

What to take from it:
- It listens to `activity_events`, not to `activity`: an onset is told once, after the label has led for a while, so a
  score that flickers does not make the robot stammer (event_on, event_off, event_min_on_s ... of the recogniser).
- It remembers each person by id, for as long as it matters and no longer.
- An old event is no reason to act: after a stall or a bag that is played, the moment has passed.
"""

from __future__ import annotations

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import String

from co_perception.msg import ActivityEvent


class Greeter(Node):
    """Publishes a greeting on `say` when somebody begins to do `label`."""

    def __init__(self, **options: object) -> None:
        super().__init__("greeter", **options)  # type: ignore[arg-type]
        self.declare_parameter("label", "wave")
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
        """Whoever was greeted long enough ago may be greeted again. A clock that was set back forgets everybody."""
        pause_s = self._value("again_after_s")
        self._greeted_s = {who: at_s for who, at_s in self._greeted_s.items() if 0 <= now_s - at_s < pause_s}

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
