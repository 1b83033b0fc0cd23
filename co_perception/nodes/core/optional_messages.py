"""Message types of packages that are not in every workspace, imported where they are asked for."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType


def message_types(package: str, asked_by: str, remedy: str = "") -> ModuleType:
    """The module `msg` of a package.

    Args:
        package: such as vision_msgs.
        asked_by: what needs it, as the user wrote it.
        remedy: how to get it; empty: from ROS's own packages.

    Raises:
        ImportError: where it is not installed, with the remedy.
    """
    try:
        return import_module(f"{package}.msg")
    except ImportError as error:
        name = package.replace("_", "-")
        remedy = remedy or f"sudo apt install ros-$ROS_DISTRO-{name}, then source the workspace again."
        missing = f"{asked_by} needs {package}, which is not installed or not sourced"
        raise ImportError(f"{missing}: {remedy} ({error})") from error
