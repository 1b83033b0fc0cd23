"""ROS 2 lifecycle nodes. `rclpy` and messages are imported in this package only.

What all nodes share is in `core`; `demo`, `soak` and `recording` hold the tools built on the nodes.
"""
