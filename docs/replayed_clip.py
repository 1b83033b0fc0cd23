"""The demo's sample clip as a robot sends it: its pictures and skeletons in real time, and a recognizer that answers.

Poses are found beforehand, by the network of the node `pose`: it may be slower than the clip here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

import cv2
import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

from co_perception.data.video import VideoReader
from co_perception.engine.data import Image
from co_perception.engine.target import Pose
from co_perception.msg import SkeletonArray
from co_perception.nodes.core.messages import skeleton_array, to_time
from co_perception.nodes.core.qos import image_qos, result_qos
from co_perception.nodes.core.run_node import bring_up
from co_perception.nodes.skeleton_activity import SkeletonActivityNode
from co_perception.pose.finder import Finder, PoseSettings, build
from co_perception.runtime.store import store

CLIP, SHORT_SIDE, INPUT_SIZE, EVERY = "sports2d_demo", 480, 384, 2


@dataclass(frozen=True)
class ClipFrame:
    """A picture of the clip: seconds since its begin, JPEG, width and height, and the people in it."""

    time_s: float
    jpeg: bytes
    size: tuple[int, int]
    poses: tuple[Pose, ...]


def posed_clip(until_s: float) -> list[ClipFrame]:
    """Every second picture of the clip. Raises FileNotFoundError that says how to fetch it."""
    settings = PoseSettings(input_size=INPUT_SIZE)
    finder, found = Finder(build(settings), settings), list[ClipFrame]()
    with VideoReader(str(store.locate(CLIP)), SHORT_SIDE) as video:
        for number, picture in enumerate(video):
            if picture.time_s > until_s:
                break
            if number % EVERY:
                continue
            pixels = np.ascontiguousarray(picture.pixels)
            poses = finder.find(Image(pixels, 10**9 + round(picture.time_s * 1e9))).poses
            jpeg = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
            found.append(ClipFrame(picture.time_s, jpeg, (pixels.shape[1], pixels.shape[0]), tuple(poses)))
    return found


class ReplayingRobot:
    """Sends the clip once, when `plays` is set; sets `ended` after its last picture."""

    def __init__(self, frames: list[ClipFrame]) -> None:
        self._frames = frames
        self.plays, self.ended = Event(), Event()
        self._node = rclpy.create_node("robot")
        self._pictures = self._node.create_publisher(CompressedImage, "image_raw/compressed", image_qos("best_effort"))
        self._skeletons = self._node.create_publisher(SkeletonArray, "skeletons", result_qos(10))
        self._recognizer = SkeletonActivityNode(parameter_overrides=[Parameter("threads", value=1)])
        self._executor = SingleThreadedExecutor()
        for node in (self._node, self._recognizer):
            self._executor.add_node(node)
        if not bring_up(self._recognizer):
            raise RuntimeError("the recognizer does not start: its log says why")

    def run(self, ends: Event) -> None:
        """Spins the nodes until it ends."""
        begun_s, waiting = 0.0, list(self._frames)
        while not ends.is_set():
            self._executor.spin_once(timeout_sec=0.005)
            if not self.plays.is_set():
                continue
            begun_s = begun_s or time.monotonic()
            if waiting and time.monotonic() - begun_s >= waiting[0].time_s:
                self._send(waiting.pop(0))
            elif not waiting:
                self.ended.set()
        self._executor.shutdown()
        for node in (self._recognizer, self._node):
            node.destroy_node()

    def _send(self, frame: ClipFrame) -> None:
        header = Header(stamp=to_time(self._node.get_clock().now().nanoseconds), frame_id="camera")
        self._pictures.publish(CompressedImage(header=header, format="jpeg", data=frame.jpeg))
        self._skeletons.publish(skeleton_array(header, frame.poses, "movenet", frame.size))


@contextmanager
def replaying_robot(until_s: float) -> Iterator[ReplayingRobot]:
    """A robot before which the clip is played until that second."""
    rclpy.init()
    robot, ends = ReplayingRobot(posed_clip(until_s)), Event()
    thread = Thread(target=robot.run, args=(ends,), daemon=True)
    thread.start()
    try:
        yield robot
    finally:
        ends.set()
        thread.join(20)
        rclpy.try_shutdown()
