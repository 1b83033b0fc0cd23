"""Frame transforms from TF, through tf2_ros where it is installed. The one place that imports it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from rclpy.time import Time

from co_perception.engine.person_position import Floats, rotation_of
from co_perception.nodes.core.managed_node import ManagedNode


class FrameTransforms:
    """Rotations and translations into one frame, while a node is active. Looking one up never waits.

    Args:
        node: of the subscriptions to /tf and /tf_static.
        target: name of the frame.
        asked_by: what needs it, as the user set it.

    Raises:
        ImportError: where tf2_ros is not installed.
    """

    def __init__(self, node: ManagedNode[Any], target: str, asked_by: str) -> None:
        try:
            tf2_ros = import_module("tf2_ros")
        except ImportError as error:
            raise ImportError(
                f"{asked_by}, which needs tf2_ros, and that is not installed or not sourced: sudo apt install "
                f"ros-$ROS_DISTRO-tf2-ros-py, or leave it as it was. ({error})"
            ) from error
        self.target = target
        self._failure: type[Exception] = tf2_ros.TransformException
        self._buffer = tf2_ros.Buffer()
        listener = tf2_ros.TransformListener(self._buffer, node, spin_thread=False)
        node.while_active.callback(listener.unregister)

    def lookup(self, frame_id: str, stamp_ns: int) -> tuple[Floats, Floats]:
        """Rotation (3, 3) and translation (3,) [m] from a frame into the target at that time.

        Raises:
            ValueError: where TF does not know it, not at that time, or not yet.
        """
        if frame_id == self.target:
            return np.eye(3), np.zeros(3)
        try:
            found = self._buffer.lookup_transform(self.target, frame_id, Time(nanoseconds=stamp_ns)).transform
        except self._failure as error:
            raise ValueError(f"no transform from {frame_id!r} to {self.target!r}: {error}") from error
        turn, move = found.rotation, found.translation
        return rotation_of(turn.x, turn.y, turn.z, turn.w), np.array([move.x, move.y, move.z])
