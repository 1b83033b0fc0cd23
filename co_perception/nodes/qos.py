"""Transports and qualities of service by name, so that a user can match a camera without knowing DDS."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

TRANSPORTS = {"raw": (Image, "image_raw"), "compressed": (CompressedImage, "image_raw/compressed")}
RELIABILITY = {
    "best_effort": ReliabilityPolicy.BEST_EFFORT,
    "reliable": ReliabilityPolicy.RELIABLE,
    "best_available": ReliabilityPolicy.BEST_AVAILABLE,
}


def image_qos(reliability: str, depth: int = 1) -> QoSProfile:
    """For pictures: a depth above 1 lets a consumer fall behind, which suits replays and nothing else."""
    return QoSProfile(depth=depth, reliability=RELIABILITY[reliability])


def result_qos(depth: int = 10) -> QoSProfile:
    """For what is computed: small, and worth arriving."""
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE)


def latched_qos() -> QoSProfile:
    """For what is said once: late subscribers get it too."""
    return QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
