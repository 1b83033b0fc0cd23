#!/usr/bin/env python3
"""Example node: a robot that is only drawn. It drives by `cmd_vel` and shows its way from above.

python3 examples/drawn_robot.py --ros-args -p picture:=robot_view.png
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import rclpy
from geometry_msgs.msg import Twist
from numpy.typing import NDArray
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import Image

TICK_S = 0.05
SIZE, METER = 400, 40  # pixels: of the picture, and of a meter
SILENCE_S = 0.5  # without a command, after which it stands


class DrawnRobot(Node):
    """Publishes `robot_view` (rgb8) five times a second, and writes it to the file `picture` where that is set."""

    def __init__(self, **options: object) -> None:
        super().__init__("drawn_robot", **options)  # type: ignore[arg-type]
        self._picture = str(self.declare_parameter("picture", "").value)
        self.x = self.y = self.heading = 0.0  # m, m, rad
        self.way = [(0.0, 0.0)]
        self._speed, self._silent_s = (0.0, 0.0), math.inf
        self._view = self.create_publisher(Image, "robot_view", 1)
        self.create_subscription(Twist, "cmd_vel", self._on_command, 10)
        self.create_timer(TICK_S, self.move)
        self.create_timer(0.2, self._show)

    def _on_command(self, twist: Twist) -> None:
        self._speed, self._silent_s = (twist.linear.x, twist.angular.z), 0.0

    def move(self) -> None:
        """Drives for one tick."""
        self._silent_s += TICK_S
        ahead, turn = self._speed if self._silent_s <= SILENCE_S else (0.0, 0.0)
        self.heading += turn * TICK_S
        self.x += ahead * TICK_S * math.cos(self.heading)
        self.y += ahead * TICK_S * math.sin(self.heading)
        self.way = [*self.way, (self.x, self.y)][-2000:]

    def draw(self) -> NDArray[np.uint8]:
        """The way and the robot from above, (400, 400, 3) RGB; ahead is right, left is up."""
        picture = np.full((SIZE, SIZE, 3), 255, np.uint8)
        way = np.array(self.way) * (METER, -METER) + SIZE / 2
        cv2.polylines(picture, [np.rint(way).astype(np.int32)], False, (90, 160, 220), 2, cv2.LINE_AA)
        body = np.array([[14, 0], [-9, 9], [-9, -9]]) @ [
            [math.cos(self.heading), -math.sin(self.heading)],
            [-math.sin(self.heading), -math.cos(self.heading)],
        ]
        cv2.fillPoly(picture, [np.rint(body + way[-1]).astype(np.int32)], (217, 115, 13), cv2.LINE_AA)
        return picture

    def _show(self) -> None:
        picture = self.draw()
        self._view.publish(Image(height=SIZE, width=SIZE, step=3 * SIZE, encoding="rgb8", data=picture.tobytes()))
        if self._picture:
            cv2.imwrite(str(Path(self._picture)), picture[..., ::-1])


def main() -> None:
    try:
        with rclpy.init():
            rclpy.spin(DrawnRobot())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


if __name__ == "__main__":
    main()
