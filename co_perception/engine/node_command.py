"""Line that starts a node of this package, in the form that works where it is printed."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping
from importlib.util import find_spec


def has_ros() -> bool:
    """Whether nodes can run here: the `ros2` command is on PATH, or rclpy was installed as a wheel, without it."""
    return shutil.which("ros2") is not None or find_spec("rclpy") is not None


def has_command() -> bool:
    """Whether lines with `ros2` run: not where ROS 2 is here as wheels, without that command.

    Where there is no ROS 2 at all, lines are those of a robot that has one.
    """
    return shutil.which("ros2") is not None or find_spec("rclpy") is None


def node_command(node: str, remappings: Mapping[str, str] | None = None, /, **parameters: object) -> str:
    """The line, ready to be pasted into a shell, that starts a node with these parameters.

    The wheels of ROS 2 have no `ros2` command; there the line names the interpreter that runs now. Where there is no
    ROS 2 at all, it is the line of a robot that has one.

    Args:
        node: name of its executable, such as "skeleton_activity_node".
        remappings: its own topics, and those that it is to use.
        parameters: values by name.
    """
    if has_command():
        start = ["ros2", "run", "co_perception", node]
    else:
        start = [sys.executable, "-m", "co_perception.nodes.entry", node.removesuffix("_node")]
    given = [("-r", *pair) for pair in (remappings or {}).items()] + [("-p", *pair) for pair in parameters.items()]
    settings = [part for flag, name, value in given for part in (flag, f"{name}:={value}")]
    return shlex.join([*start, *(["--ros-args", *settings] if settings else [])])
