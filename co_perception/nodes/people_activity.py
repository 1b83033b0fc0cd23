"""Executable with camera, pose estimator and recognizer of skeletons in one process; pictures need not leave it.

The three are the nodes `camera`, `pose` and `skeleton_activity`, with their names, parameters, services and
diagnostics. Pictures and people go from one to the next by a handover instead of a topic. `image_raw` and `skeletons`
are published while somebody subscribes to them; without pixels there is no `image_raw`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from rclpy.utilities import remove_ros_args
from std_msgs.msg import Header

from co_perception.data.messages.image import RgbPicture
from co_perception.data.messages.people import DetectedPeople, from_skeletons
from co_perception.data.video import is_live
from co_perception.engine.data import Pixels
from co_perception.msg import SkeletonArray
from co_perception.nodes.camera import CameraNode, CameraSettings
from co_perception.nodes.core import run_node
from co_perception.nodes.core.handover import Handover
from co_perception.nodes.core.memory_dumps import forbid_memory_dumps
from co_perception.nodes.pose import PoseNode, PoseNodeSettings
from co_perception.nodes.recognizer import Receive
from co_perception.nodes.skeleton_activity import SkeletonActivityNode, SkeletonNodeSettings
from co_perception.nodes.skeleton_inputs import Skeletons
from co_perception.skeletons.separate_people import SeparatePeople

Pictures = Handover[RgbPicture[Header]]
People = Handover[SkeletonArray]
NODES = ("camera", "pose", "skeleton_activity")
"""Of this process, by the names that they have unless they are given others."""


class HandingCameraNode(CameraNode):
    """The node `camera`, which hands pictures over.

    Args:
        pictures: takes them.
        publishes: whether it offers them on a topic too, for those who subscribe.
    """

    companions = NODES

    def __init__(self, pictures: Pictures, publishes: bool = True, **options: Any) -> None:
        self._pictures, self._publishes = pictures, publishes
        super().__init__(**options)

    def prepare(self, values: CameraSettings) -> None:
        """Makes a publisher where pictures may be published."""
        self._live = is_live(values.source)
        if self._publishes:
            super().prepare(values)

    def send(self, header: Header, pixels: Pixels) -> None:
        """Hands a picture over as it is, and publishes it while somebody subscribes."""
        self._pictures.put(RgbPicture(header, pixels))
        if self._publishes and self._images.get_subscription_count():
            super().send(header, pixels)

    def who_waits(self, values: CameraSettings) -> str:
        """Who is waited for."""
        return "the pose estimator of this process active"

    def is_awaited(self, values: CameraSettings) -> bool:
        """Whether the pose estimator is active."""
        return self._pictures.awaited


class HandingPoseNode(PoseNode):
    """The node `pose`, which hands people over, and gets pictures so where there is a camera in the process.

    Args:
        people: takes the people of each picture.
        pictures: gives the pictures; None: they come on `image_raw`.
        reads: whether pictures may come from other processes.
    """

    companions = NODES

    def __init__(self, people: People, pictures: Pictures | None = None, reads: bool = True, **options: Any) -> None:
        self._people, self._pictures, self._reads = people, pictures, reads
        super().__init__(**options)

    def check(self, values: PoseNodeSettings) -> None:
        """As that of `pose`. Raises ValueError for depth pictures where no topic of pictures is wanted."""
        super().check(values)
        if not self._reads and values.position == "depth":
            raise ValueError("position is depth, and without pixels no topic of pictures is read: camera_info does")

    def listen_to_pictures(self, values: PoseNodeSettings) -> Any:
        """Takes pictures from the camera of the process, where there is one."""
        if self._pictures is None:
            return super().listen_to_pictures(values)
        return self._pictures.listen(self, self._receive, values.queue_depth)

    def send(self, message: SkeletonArray) -> None:
        """Hands people over, and publishes them while somebody subscribes."""
        self._people.put(message)
        if self._skeletons.get_subscription_count():
            super().send(message)

    def silence(self, seconds: float) -> str:
        """Why no picture has come."""
        if self._pictures is None:
            return super().silence(seconds)
        return f"No picture for {seconds:.0f} s from the camera of this process: see its diagnostics"


class HandedSkeletons(Skeletons):
    """People that the pose estimator of the process hands over."""

    lack = "No people from the pose estimator of this process: see its diagnostics"

    def __init__(self, people: People) -> None:
        self._people = people

    def subscribe(self, node: Any, qos: QoSProfile, receive: Receive[DetectedPeople]) -> Any:
        """Takes people while the node is active."""
        decode = partial(from_skeletons, separate=SeparatePeople())
        return self._people.listen(node, partial(receive, decode), qos.depth)


class HandedSkeletonActivityNode(SkeletonActivityNode):
    """The node `skeleton_activity`, which gets people from the pose estimator of the process."""

    companions = NODES

    def __init__(self, people: People, **options: Any) -> None:
        self._handed = people
        super().__init__(**options)

    def prepare(self, values: SkeletonNodeSettings) -> None:
        """As that of `skeleton_activity`. Raises ValueError for people from elsewhere."""
        if values.input != "skeletons":
            raise ValueError(f"input is {values.input}, and in one process people come from its pose estimator alone")
        super().prepare(values)
        self._input = HandedSkeletons(self._handed)


def main() -> None:
    """Entry point of `ros2 run co_perception people_activity_node`."""
    options = make_parser().parse_args(remove_ros_args(sys.argv)[1:])
    if options.no_pixels:
        forbid_memory_dumps()
    pictures: Pictures | None = Handover("pictures of this process") if options.camera or options.no_pixels else None
    people: People = Handover("people of this process")
    pixels = not options.no_pixels
    makes: list[Callable[[], LifecycleNode]] = [
        partial(HandedSkeletonActivityNode, people),
        partial(HandingPoseNode, people, pictures, pixels),
    ]
    if pictures is not None:
        makes.append(partial(HandingCameraNode, pictures, pixels))
    run_node.main(*makes)


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line, but for its ROS part."""
    parser = argparse.ArgumentParser(
        prog="people_activity_node", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--camera", action="store_true", help="with the node camera; else pictures come on image_raw")
    parser.add_argument(
        "--no-pixels", action="store_true",
        help="with the node camera, without any topic of pictures, and without dumps of memory",
    )  # fmt: skip
    return parser
