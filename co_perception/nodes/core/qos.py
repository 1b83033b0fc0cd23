"""Image transports and QoS profiles by name, as parameters choose them."""

from __future__ import annotations

from dataclasses import dataclass

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

from co_perception.engine.settings import setting

TRANSPORTS = {"raw": (Image, "image_raw"), "compressed": (CompressedImage, "image_raw/compressed")}
# Transports whose messages are optional: package and name of the message, and topic.
VIDEO_TRANSPORTS = {
    "ffmpeg": ("ffmpeg_image_transport_msgs", "FFMPEGPacket", "image_raw/ffmpeg"),
    "foxglove": ("foxglove_msgs", "CompressedVideo", "image_raw/foxglove"),
}
RELIABILITY = {
    "best_effort": ReliabilityPolicy.BEST_EFFORT,
    "reliable": ReliabilityPolicy.RELIABLE,
    "best_available": ReliabilityPolicy.BEST_AVAILABLE,
}


@dataclass(frozen=True)
class ImageInputSettings:
    """How a node subscribes to images."""

    image_transport: str = setting(
        "raw",
        "Subscribe to image_raw, or to image_raw/compressed, /ffmpeg or /foxglove.",
        choices=(*TRANSPORTS, *VIDEO_TRANSPORTS),
    )
    image_reliability: str = setting("best_effort", "How frames are asked for.", choices=RELIABILITY)


def image_qos(reliability: str, depth: int = 1) -> QoSProfile:
    """For images. A depth above 1 lets a subscriber fall behind, which suits replays only."""
    return QoSProfile(depth=depth, reliability=RELIABILITY[reliability])


def result_qos(depth: int = 10) -> QoSProfile:
    """For results, which are small: reliable."""
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE)


def event_qos() -> QoSProfile:
    """For events: reliable, and late subscribers that ask for it get the last ones (transient local)."""
    return QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def call_qos() -> QoSProfile:
    """For both ends of services and actions: a client hears the replies to all clients, and a server all calls.

    rclpy's default keeps ten of either. Of 20 clients whose goals end at once, each then hears ten results of others
    last, and may lose its own.
    """
    return QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)


def latched_qos() -> QoSProfile:
    """For a message that is published once: late subscribers get it too (transient local)."""
    return QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
