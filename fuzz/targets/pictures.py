"""Fuzz targets of image messages, raw and compressed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from co_perception.data.messages.image import decode, to_rgb
from fuzz.drawn import Drawn

ENCODINGS = (
    "rgb8", "bgr8", "rgba8", "bgra8", "mono8", "8UC1", "8UC3", "yuv422", "uyvy", "yuv422_yuy2", "yuyv",
    "16UC1", "32FC1", "bayer_rggb8", "nv21", "", "rgb16", "bgra16", "8UC4", "bayer_grbg16", "nv12", "nv24",
)  # fmt: skip


def raw(data: bytes) -> None:
    """A sensor_msgs/Image whose fields need not agree."""
    drawn = Drawn(data)
    number = drawn.integer(1)
    encoding = ENCODINGS[number] if number < len(ENCODINGS) else drawn.text()
    height, width, step = (drawn.integer(drawn.choice((1, 2, 4))) for _ in range(3))
    message = SimpleNamespace(height=height, width=width, step=step, encoding=encoding, is_bigendian=0)
    message.data = drawn.rest()
    _check(to_rgb(message), (height, width, 3))


def compressed(data: bytes) -> None:
    """The bytes of a sensor_msgs/CompressedImage."""
    found = decode(data, "jpeg")
    _check(found, (*found.shape[:2], 3))


def _check(pixels: np.ndarray, shape: tuple[int, ...]) -> None:
    if pixels.shape != shape or pixels.dtype != np.uint8:
        raise AssertionError(f"{pixels.shape} {pixels.dtype} instead of {shape} uint8")
