"""The bond by which nav2's lifecycle manager sees that an active node lives. Only this file imports bondpy."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.lifecycle import LifecycleNode

TOPIC, HEARTBEAT_S, SILENCE_S = "bond", 0.1, 4.0  # those of nav2's own nodes (nav2_util, lifecycle_node.cpp)


def form_bond(node: LifecycleNode) -> Callable[[], None] | None:
    """Starts the heartbeat of a node, and gives what ends it; None where bondpy is not installed."""
    try:
        from bondpy.bondpy import Bond
    except ImportError:
        return None
    bond = Bond(node, TOPIC, node.get_name())  # bondcpp has the node last
    bond.heartbeat_period, bond.heartbeat_timeout = HEARTBEAT_S, SILENCE_S
    bond.start()

    def end() -> None:
        bond.shutdown()
        # It destroys both, and leaves them in the node's lists: one more of each with every activation.
        node.destroy_subscription(bond.sub)
        node.destroy_publisher(bond.pub)

    return end
