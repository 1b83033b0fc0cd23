"""Image messages to RGB arrays and back: raw images by NumPy alone (`raw_image`), JPEG and PNG by OpenCV.

Messages are known by their fields alone, whether rclpy or rosbags decoded them, so this file needs no ROS. OpenCV is
optional, and imported here only, when it is needed.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, Protocol, TypeVar, cast

import numpy as np

from co_perception.data.messages.decoding_counts import MALFORMED
from co_perception.data.messages.raw_image import DEPTH, MOST_PIXELS, Bytes, ImageMessage, bytes_of, raw_to_rgb
from co_perception.data.messages.video_packets import VideoPicture, codec_of
from co_perception.engine.data import Pixels

# encodings with colors, and without a picture of a scene, as sensor_msgs names them
_COLOR = frozenset(f"{order}{bits}" for order in ("rgb", "bgr", "rgba", "bgra") for bits in (8, 16))
_DEEP = ("16", "32", "64", "mono16")

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
# JPEG segments that begin a frame (ITU-T T.81, table B.1): C0 to CF but tables (C4, CC) and an extension (C8).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset([0x01, *range(0xD0, 0xD9)])


class CompressedImageMessage(Protocol):
    """The fields of a `sensor_msgs/CompressedImage`."""

    format: str
    data: Bytes


Message = TypeVar("Message", bound=ImageMessage)
Header = TypeVar("Header")


@dataclass(frozen=True, eq=False)
class RgbPicture(Generic[Header]):
    """A picture (H, W, 3) uint8 RGB that never was a message: nodes of one process hand it on."""

    header: Header
    pixels: Pixels
    encoding = "rgb8"

    def rgb(self) -> Pixels:
        """The picture itself."""
        return self.pixels


def to_rgb(message: ImageMessage | CompressedImageMessage | VideoPicture[Any] | RgbPicture[Any]) -> Pixels:
    """The picture in a `sensor_msgs/Image` or `sensor_msgs/CompressedImage`, or what a packet of video was decoded to.

    Returns:
        (H, W, 3) uint8 in RGB order. Of the packed encodings (rgb8, bgr8, rgba8, bgra8, mono8 and their 8U names) a
        view of the message's data, whose colors and rows may lie in any order: write into a copy of it only.

    Raises:
        ValueError: for a message whose sizes contradict each other, and for the encodings that `raw_image.ENCODINGS`
            refuses or does not know.
        ImportError: for a compressed picture, where OpenCV is missing.
    """
    if isinstance(message, (VideoPicture, RgbPicture)):
        return message.rgb()
    if codec := codec_of(message):
        raise ValueError(f"a packet of the video codec {codec!r} is no picture by itself: see `PacketDecoder`.")
    if not hasattr(message, "encoding"):
        return decode(message.data, message.format)
    return raw_to_rgb(cast(ImageMessage, message))


def encoding_of(message: object) -> str:
    """How the picture in a message is coded, to count messages by: "encoding 16UC1", "compressed format 'jpeg'",
    "video codec 'h264'"."""
    if codec := codec_of(message):
        return f"video codec {codec!r}"
    encoding, coding = getattr(message, "encoding", None), getattr(message, "format", None)
    if encoding is None and coding is None:
        return MALFORMED
    return f"encoding {encoding or '(none)'}" if encoding is not None else f"compressed format {coding!r}"


def decode(data: Bytes, format: str) -> Pixels:
    """(H, W, 3) uint8 RGB from JPEG or PNG bytes, as image_transport's own subscriber decodes them.

    Args:
        data: the coded picture.
        format: as image_transport writes it: "jpeg" or "png", or with the encoding of the camera and the order in which
            the colors were coded, "rgb8; jpeg compressed bgr8". A color camera's picture that was not "compressed bgr"
            has red where others have blue.

    Raises:
        ValueError: names `format` for anything else, for depth, and for what is cut off.
    """
    cv2 = opencv()
    coded = bytes_of(data)
    encoding, separator, coding = format.partition(";")
    if encoding.startswith(_DEEP) or "compressedDepth" in format or _is_gray16(coded[:26].tobytes()):
        raise ValueError(f"the compressed image's format is {format!r}, {DEPTH[0]}. {DEPTH[1]}")
    width, height = coded_size(coded.tobytes()) or (0, 0)
    if width * height > MOST_PIXELS:
        raise ValueError(f"the compressed image claims {width} x {height} pixels, more than {MOST_PIXELS}.")
    # The camera's orientation (EXIF) is ignored, as image_transport does.
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    picture = cv2.imdecode(coded, flags) if width * height else None
    if picture is None:
        raise ValueError(
            f"the compressed image ({coded.size} bytes, format {format!r}) is {_what_else(coded[:12].tobytes())}"
        )
    in_rgb = encoding in _COLOR and separator != "" and "compressed bgr" not in coding
    return np.asarray(picture if in_rgb else picture[..., ::-1])


def encode_jpeg(rgb: Pixels, quality: int = 90) -> bytes:
    """JPEG bytes of an (H, W, 3) uint8 RGB picture; `quality` 1..100."""
    cv2 = opencv()
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    written, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not written:
        raise ValueError(f"a picture of shape {rgb.shape} {rgb.dtype} could not be coded as JPEG.")
    return bytes(coded)


def fill(message: Message, pixels: Pixels, encoding: str = "rgb8") -> Message:
    """Writes (H, W, 3) uint8 `pixels` into a `sensor_msgs/Image` as they are, named `encoding`. Returns the message."""
    message.height, message.width = pixels.shape[:2]
    message.encoding = encoding
    message.is_bigendian = 0
    message.step = 3 * message.width
    message.data = array("B")
    message.data.frombytes(np.ascontiguousarray(pixels).data)
    return message


def coded_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) in pixels of a JPEG or PNG, read from its header before a decoder makes room for it.

    OpenCV knows twenty more formats, none of which a camera sends, and trusts any header for up to 2^30 pixels. None
    for another format, and where the data ends before the size.
    """
    if data[: len(PNG)] == PNG:
        return struct.unpack(">II", data[16:24]) if len(data) >= 24 and data[12:16] == b"IHDR" else None
    if data[: len(JPEG)] != JPEG:
        return None
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        kind = data[at + 1]
        if kind == 0xFF:  # filling
            at += 1
        elif kind in _WITHOUT_LENGTH:
            at += 2
        elif kind in _FRAMES:
            return struct.unpack(">HH", data[at + 5 : at + 9])[::-1] if at + 9 <= len(data) else None
        else:
            at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    return None


def _what_else(head: bytes) -> str:
    """What bytes are that no decoder reads, by the first 12 of them, and what to do."""
    kind = "TIFF" if head[:4] in (b"II*\0", b"MM\0*") else "WebP" if head[:4] + head[8:] == b"RIFFWEBP" else ""
    if kind:
        return f"a {kind} picture, which is not read: let its sender code it as jpeg or png."
    return (
        "not a readable JPEG or PNG: cut off in transit, or of another transport (theora), which this node does not "
        "read: subscribe to the raw or the compressed topic."
    )


def _is_gray16(header: bytes) -> bool:
    """Whether a PNG has one channel of 16 bits, as depth has (bit depth 16, color type 0 in its first chunk)."""
    return header[: len(PNG)] == PNG and header[24:26] == b"\x10\x00"


def opencv() -> ModuleType:
    """The package cv2 (OpenCV). Raises ImportError that says how to get it."""
    try:
        import cv2
    except ImportError as error:
        raise ImportError(
            "this needs OpenCV, which is not installed: sudo apt install python3-opencv on a ROS 2 machine, or "
            "pip install 'co_perception[video]' in a virtual environment. Raw "
            f"images are read without it. ({error})"
        ) from error
    return cv2
