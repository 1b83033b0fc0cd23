"""Image messages to arrays and back, in one place. NumPy for the common encodings, cv_bridge for the rest.

Messages are taken as they look (`height`, `width`, `encoding`, `step`, `data`), so this file needs no ROS.
"""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.coded_size import coded_size
from co_perception.data.optional import cv_bridge, opencv

Pixels = NDArray[np.uint8]

MOST_PIXELS = 1 << 26  # of a compressed picture: a few bytes can claim gigabytes; cameras have up to 50 million
# encoding -> (channels as they lie in the message, which of them are red, green and blue)
_PACKED: dict[str, tuple[int, slice]] = {
    "rgb8": (3, slice(None)),
    "bgr8": (3, slice(None, None, -1)),
    "rgba8": (4, slice(3)),
    "bgra8": (4, slice(2, None, -1)),
    "mono8": (1, slice(None)),
    "8UC1": (1, slice(None)),
    "8UC3": (3, slice(None, None, -1)),
}
# encoding -> where luma starts in each pair of bytes; the other byte alternates between U and V
_YUV422 = {"yuv422": 1, "uyvy": 1, "yuv422_yuy2": 0, "yuyv": 0}


def to_rgb(message: Any) -> Pixels:
    """The picture in a `sensor_msgs/Image` or `sensor_msgs/CompressedImage`.

    Returns: (H, W, 3) uint8 in RGB order. Of the packed encodings (rgb8, bgr8, rgba8, bgra8, mono8 and their 8U names)
        a view of the message's data, whose colours and rows may lie in any order: write into a copy of it only.
    Raises: ValueError for a message whose sizes contradict each other, for 16-bit and float images, and for an
        unknown encoding; ImportError where an optional package would be needed and is missing.
    """
    if not hasattr(message, "encoding"):
        return decode(message.data, message.format)
    if message.width < 1 or message.height < 1:
        raise ValueError(f"the image is {message.width} x {message.height} pixels: there is nothing in it.")
    encoding = str(message.encoding)
    if encoding in _PACKED:
        channels, order = _PACKED[encoding]
        pixels = _rows(message, channels).reshape(message.height, message.width, channels)
        return np.broadcast_to(pixels[..., order], (message.height, message.width, 3))
    if encoding in _YUV422:
        return _from_yuv422(message, _YUV422[encoding])
    if "16" in encoding or "32" in encoding or "64" in encoding:
        raise ValueError(
            f"the image's encoding is {encoding!r}, more than 8 bits a channel: depth and raw sensor images are not "
            "pictures of a scene. Subscribe to the colour stream, or let the driver publish rgb8 or bgr8."
        )
    return _by_cv_bridge(message, encoding)


def decode(data: Any, format: str) -> Pixels:
    """(H, W, 3) uint8 RGB from JPEG or PNG bytes. Raises ValueError that names `format` for anything else."""
    cv2 = opencv()
    coded = _bytes(data)
    width, height = coded_size(coded.tobytes()) or (0, 0)
    if width * height > MOST_PIXELS:
        raise ValueError(f"the compressed image claims {width} x {height} pixels, more than {MOST_PIXELS}.")
    picture = cv2.imdecode(coded, cv2.IMREAD_COLOR) if width * height else None
    if picture is None:
        raise ValueError(
            f"the compressed image ({coded.size} bytes, format {format!r}) is not a readable JPEG or PNG: cut off in "
            "transit, or a video or depth transport (theora, h264, compressedDepth), which this node does not read."
        )
    return np.asarray(picture[..., ::-1])


def encode_jpeg(rgb: Pixels, quality: int = 90) -> bytes:
    """JPEG bytes of an (H, W, 3) uint8 RGB picture; `quality` 1..100."""
    cv2 = opencv()
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    written, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not written:
        raise ValueError(f"a picture of shape {rgb.shape} {rgb.dtype} could not be coded as JPEG.")
    return bytes(coded)


def fill(message: Any, pixels: Pixels, encoding: str = "rgb8") -> Any:
    """Writes (H, W, 3) uint8 `pixels` into a `sensor_msgs/Image` as they lie, named `encoding`. Returns the message."""
    message.height, message.width = pixels.shape[:2]
    message.encoding = encoding
    message.is_bigendian = 0
    message.step = 3 * message.width
    message.data = array("B")
    message.data.frombytes(np.ascontiguousarray(pixels).data)
    return message


def _rows(message: Any, bytes_per_pixel: int) -> Pixels:
    """(H, W * bytes_per_pixel) view of the data without the padding at the end of each row."""
    used, step, height = message.width * bytes_per_pixel, message.step, message.height
    if step < used:
        raise ValueError(
            f"step is {step} bytes a row, but {message.width} pixels of {message.encoding} take {used}: the driver "
            "fills in step or encoding wrongly."
        )
    data = _bytes(message.data)
    if data.size < step * height:
        raise ValueError(f"the image holds {data.size} bytes, but step {step} x height {height} needs {step * height}.")
    return data[: step * height].reshape(height, step)[:, :used]


def _bytes(data: Any) -> Pixels:
    return np.frombuffer(data, np.uint8) if len(data) else np.empty(0, np.uint8)


def _from_yuv422(message: Any, luma_at: int) -> Pixels:
    """Two pixels share one U and one V; ITU-R BT.601 video range, as camera drivers give it."""
    height, width = message.height, message.width
    if width % 2:
        raise ValueError(f"{message.encoding} codes pixels in pairs, but the image is {width} pixels wide.")
    pairs = _rows(message, 2).reshape(height, width // 2, 4)
    parts = np.ascontiguousarray(pairs.transpose(2, 0, 1)).astype(np.float32)
    luma = (parts[luma_at::2] - 16.0) * np.float32(255.0 / 219.0)
    u, v = (parts[1 - luma_at :: 2] - 128.0) * np.float32(255.0 / 224.0)
    rgb = np.empty((height, width // 2, 2, 3), np.uint8)
    for place, y in enumerate(luma):
        for colour, value in enumerate((y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u)):
            rgb[:, :, place, colour] = np.rint(value, out=value).clip(0, 255, out=value)
    return rgb.reshape(height, width, 3)


def _by_cv_bridge(message: Any, encoding: str) -> Pixels:
    try:
        bridge = cv_bridge().CvBridge()
    except ImportError as error:
        known = ", ".join(sorted([*_PACKED, *_YUV422]))
        raise ImportError(f"image encoding {encoding!r} is none of {known}, and {error}") from error
    try:
        return np.asarray(bridge.imgmsg_to_cv2(message, desired_encoding="rgb8"))
    except Exception as error:  # cv_bridge and OpenCV raise classes of their own
        raise ValueError(f"cv_bridge cannot turn encoding {encoding!r} into rgb8: {error}") from error
