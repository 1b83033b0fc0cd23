"""JPEG of the picture in any message that `image.to_rgb` reads, small enough to be looked at over a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from co_perception.data.messages.image import JPEG, coded_size, encode_jpeg, opencv, to_rgb
from co_perception.data.messages.raw_image import bytes_of
from co_perception.data.messages.video_packets import codec_of

LONGEST, QUALITY = 960, 80
_SWAPPED = ("rgb8", "rgba8", "rgb16", "rgba16", "bgr8", "bgra8", "bgr16", "bgra16")  # unless coded as bgr


def to_jpeg(message: Any, longest: int = LONGEST, quality: int = QUALITY) -> bytes:
    """The picture in a message, its longer side at most `longest` pixels.

    A JPEG that is small enough is given as it is.

    Args:
        message: a `sensor_msgs/Image` or `sensor_msgs/CompressedImage`, or what a packet of video was decoded to.
        longest: pixels.
        quality: 1..100, of what is coded here.

    Raises:
        ValueError: as `to_rgb`.
        ImportError: without OpenCV.
    """
    if ready := _ready(message, longest):
        return ready
    rgb = np.ascontiguousarray(to_rgb(message))
    height, width = rgb.shape[:2]
    share = longest / max(height, width)
    if share < 1:
        cv2 = opencv()
        size = (max(round(width * share), 1), max(round(height * share), 1))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return encode_jpeg(rgb, quality)


def _ready(message: Any, longest: int) -> bytes:
    """The bytes of a message that is a JPEG of this size with its colors in order; empty where it is not."""
    if codec_of(message) or hasattr(message, "encoding") or not hasattr(message, "format"):
        return b""
    data = bytes_of(message.data).tobytes()
    encoding, separator, coding = str(message.format).partition(";")
    swapped = encoding in _SWAPPED and separator and "compressed bgr" not in coding
    size = coded_size(data) if data[: len(JPEG)] == JPEG else None
    return data if size and not swapped and 0 < max(size) <= longest else b""
