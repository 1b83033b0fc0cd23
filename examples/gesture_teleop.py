#!/usr/bin/env python3
"""Example node: drives a robot by arm signals. Try it on the drawn robot, not on a real one.

    ros2 launch co_perception activity.launch.py source:=0 recognizer:=skeleton
    python3 examples/gesture_teleop.py
    python3 examples/drawn_robot.py        # shows its way on robot_view and in robot_view.png

One arm raised turns to that side, pointing drives ahead, waving and all else stop.

What to take from it:
- It follows `activity`, not events: a command holds only as long as the gesture stands. Where no message comes for
  half a second, or the person is out of sight, the robot stops.
- Only a VALID answer moves the robot, and only the person who signals longest drives it.
- No safety function, and no replacement for an emergency stop.
"""

from __future__ import annotations

import rclpy
from geometry_msgs.msg import Twist
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.time import Time

from co_perception.msg import Activity, ActivityArray

SIGNALS = {"raising_left": (0.0, 0.8), "raising_right": (0.0, -0.8), "pointing": (0.3, 0.0)}  # m/s, rad/s


class GestureTeleop(Node):
    """Publishes `cmd_vel` ten times a second."""

    def __init__(self, **options: object) -> None:
        super().__init__("gesture_teleop", **options)  # type: ignore[arg-type]
        self._silence_s = float(self.declare_parameter("silence_s", 0.5).value or 0.0)
        self._command, self._received_s = (0.0, 0.0), float("-inf")
        self._cmd_vel = self.create_publisher(Twist, "cmd_vel", 10)
        self.create_subscription(ActivityArray, "activity", self._on_activity, 10)
        self.create_timer(0.1, self._drive)

    def _on_activity(self, message: ActivityArray) -> None:
        signals = [
            each for each in message.activities if each.status == Activity.STATUS_VALID and each.label in SIGNALS
        ]
        first = min(signals, key=lambda each: Time.from_msg(each.since).nanoseconds, default=None)
        self._command = SIGNALS[first.label] if first else (0.0, 0.0)
        self._received_s = self._now_s()

    def _drive(self) -> None:
        recent = self._now_s() - self._received_s <= self._silence_s
        twist = Twist()
        twist.linear.x, twist.angular.z = self._command if recent else (0.0, 0.0)
        self._cmd_vel.publish(twist)

    def _now_s(self) -> float:
        return float(self.get_clock().now().nanoseconds) * 1e-9


def main() -> None:
    try:
        with rclpy.init():
            rclpy.spin(GestureTeleop())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


if __name__ == "__main__":
    main()
