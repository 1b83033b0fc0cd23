"""Runs nodes on a few pictures, for `test_quiet.py` to watch from outside: with the network switched off."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
import time

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from co_perception.data.messages.image import fill
from co_perception.nodes.core.messages import to_time
from co_perception.nodes.core.run_node import bring_up
from co_perception.nodes.pose import PoseNode
from co_perception.nodes.skeleton_activity import SkeletonActivityNode
from co_perception.nodes.video_activity import VideoActivityNode

FRAMES, PATIENCE_S = 3, 60.0


def main() -> None:
    """Each node comes up and answers pictures; what it said on its way ends in `ready NAME`."""
    raise_loopback()
    rclpy.init()
    for name in sys.argv[1:]:
        node = make(name)
        assert bring_up(node), name
        if name != "skeleton":
            answer(node)
        node.destroy_node()
        print("ready", name, flush=True)
    rclpy.shutdown()


def raise_loopback() -> None:
    """A new network namespace has this one interface, and it is down (netdevice(7), SIOCSIFFLAGS)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        up = 1
        fcntl.ioctl(asking, 0x8914, struct.pack("16sh14x", b"lo", up))


def make(name: str) -> PoseNode | SkeletonActivityNode | VideoActivityNode:
    """movenet and mediapipe are pose estimators, video and skeleton recognizers with their published weights."""
    if name == "video":
        return VideoActivityNode(parameter_overrides=[Parameter("image_reliability", value="reliable")])
    if name == "skeleton":
        return SkeletonActivityNode()
    chosen = [Parameter("estimator", value=name), Parameter("image_reliability", value="reliable")]
    return PoseNode(parameter_overrides=chosen)


def answer(node: PoseNode | VideoActivityNode) -> None:
    """Sends pictures until some were processed."""
    eye = rclpy.create_node("eye")
    pictures = eye.create_publisher(Image, "image_raw", 10)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    executor.add_node(eye)
    end, sent = time.monotonic() + PATIENCE_S, 0
    while node.counters.counts().get("processed", 0) < FRAMES and time.monotonic() < end:
        sent += 1
        message = fill(Image(), np.full((240, 320, 3), sent % 256, np.uint8))
        message.header.stamp = to_time(sent * 40_000_000)
        pictures.publish(message)
        executor.spin_once(timeout_sec=0.1)
    assert sent and time.monotonic() < end, node.values()
    executor.shutdown()
    eye.destroy_node()


if __name__ == "__main__":
    main()
