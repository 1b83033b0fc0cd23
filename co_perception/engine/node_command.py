"""Line that starts a node of this package, in the form that works where it is printed."""

from __future__ import annotations

import shlex
import shutil
import sys
from importlib.util import find_spec


def has_ros() -> bool:
    """Whether nodes can run here: the `ros2` command is on PATH, or rclpy was installed as a wheel, without it."""
    return shutil.which("ros2") is not None or find_spec("rclpy") is not None


def node_command(node: str, **parameters: object) -> str:
    """The line, ready to be pasted into a shell, that starts a node with these parameters.

    The wheels of ROS 2 have no `ros2` command; there the line names the interpreter that runs now. Where there is no
    ROS 2 at all, it is the line of a robot that has one.

    Args:
        node: name of its executable, such as "skeleton_activity_node".
        parameters: values by name.
    """
    if shutil.which("ros2") is None and find_spec("rclpy") is not None:
        start = [sys.executable, "-m", "co_perception.nodes.entry", node.removesuffix("_node")]
    else:
        start = ["ros2", "run", "co_perception", node]
    settings = [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]
    return shlex.join([*start, *(["--ros-args", *settings] if settings else [])])
