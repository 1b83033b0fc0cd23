"""From a node class to a process: start, bring up, spin, end."""

from __future__ import annotations

import sys
from collections.abc import Callable

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn

from co_perception.nodes.interruption import Interruption


def bring_up(node: LifecycleNode) -> bool:
    """Configures and activates. Returns whether both succeeded; the node's log says why not."""
    steps = (node.trigger_configure, node.trigger_activate)
    return all(step() == TransitionCallbackReturn.SUCCESS for step in steps)


def run(make: Callable[[], LifecycleNode]) -> int:
    """Runs one lifecycle node until it is asked to stop, and gives the exit status of its process.

    0 after SIGINT or SIGTERM, at whatever moment; 1 for a parameter that does not fit, or where `autostart` was asked
    for and the node could not come up. Without `autostart` the node waits for a lifecycle manager.
    """
    with Interruption() as interruption:
        try:
            return _run(make, interruption)
        except (KeyboardInterrupt, ExternalShutdownException):
            return 0
        except Exception:
            if rclpy.ok():
                raise
            return 0  # a signal takes ROS away at once, and whatever was just using it fails
        finally:
            rclpy.try_shutdown()


def _run(make: Callable[[], LifecycleNode], interruption: Interruption) -> int:
    interruption.arm()
    rclpy.init()
    try:
        node = make()
    except ParameterException as error:
        print(error, file=sys.stderr)
        return 1
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        if node.get_parameter("autostart").value and not bring_up(node):
            return 1 if rclpy.ok() else 0
        interruption.disarm()
        executor.spin()
        return 0
    finally:
        interruption.disarm()
        executor.shutdown()
        node.destroy_node()


def main(make: Callable[[], LifecycleNode]) -> None:
    """As `run`, ending the process."""
    sys.exit(run(make))
