"""The messages of other packages that these nodes can do without, each imported here and only when it is used."""

from __future__ import annotations

from types import ModuleType


def hri_msgs() -> ModuleType:
    """Messages of REP-155: people as ROS4HRI tells of them. Raises ImportError that says how to get them."""
    try:
        import hri_msgs.msg as messages
    except ImportError as error:
        raise ImportError(
            "input 'hri' needs hri_msgs, which is not installed or not sourced: sudo apt install "
            f"ros-$ROS_DISTRO-hri-msgs, then source the workspace again. ({error})"
        ) from error
    return messages


def yolo_msgs() -> ModuleType:
    """Messages of yolo_ros. Raises ImportError that says how to get them."""
    try:
        import yolo_msgs.msg as messages
    except ImportError as error:
        raise ImportError(
            "input 'yolo' needs yolo_msgs, which is not installed or not sourced: build yolo_ros "
            f"(https://github.com/mgonzs13/yolo_ros) in your workspace and source it. ({error})"
        ) from error
    return messages
