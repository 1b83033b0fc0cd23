"""One picture of a stream, reduced to the few numbers that tell whether it is what its message says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.bags.message_content import picture_digest
from co_perception.data.messages.image import coded_size, encoding_of, to_rgb
from co_perception.data.messages.raw_image import ENCODINGS, bytes_of
from co_perception.engine.data import Pixels

# Bytes of a pixel by the beginning of the encoding's name; the longest that fits counts.
_PIXEL_BYTES = {"mono8": 1, "8UC1": 1, "rgb8": 3, "bgr8": 3, "8UC3": 3, "rgba8": 4, "bgra8": 4, "8UC4": 4, "mono16": 2,
                "rgb16": 6, "bgr16": 6, "rgba16": 8, "bgra16": 8}  # fmt: skip
ROUGH = 200  # rows and columns from the middle that are looked at for roughness
HEAD = 3  # pixels about a head, each way


@dataclass(frozen=True, eq=False)
class PictureSample:
    """What one message says of its picture, and what is in it.

    Args:
        coding: the encoding, format or codec, in words.
        problem: why it cannot be read; empty where it can.
        known: whether sensor_msgs has such an encoding; `scene`: whether it is one of pictures and not of depth.
        size: width and height [pixels]; (0, 0): not known.
        brightness, contrast: mean and standard deviation of all values, 0 to 255.
        spare: bytes of each row over those that its pixels take; 0 of compressed pictures.
        mosaic: how much neighbours differ, over pixels two apart: above 1 in a sensor's mosaic; 0: not known.
        low_first: how rough the high bytes are, over the low ones, of 16 bits: above 1 where they are exchanged.
        redness: (red - blue) / (red + blue) at each head, -1 to 1.
        digest: of the bytes.
    """

    coding: str
    problem: str = ""
    known: bool = True
    scene: bool = True
    size: tuple[int, int] = (0, 0)
    brightness: float = 0.0
    contrast: float = 0.0
    spare: float = 0.0
    mosaic: float = 0.0
    low_first: float = 0.0
    redness: tuple[float, ...] = ()
    digest: bytes = b""


def sample_picture(message: Any, heads: NDArray[np.float32]) -> PictureSample:
    """The sample of a message; `heads` (N, 2) are the places of heads in it [pixels]."""
    coding, digest = encoding_of(message), picture_digest(message)
    name = str(getattr(message, "encoding", ""))
    raw = hasattr(message, "encoding")
    known = not raw or name in ENCODINGS
    scene = not raw or not known or ENCODINGS[name].read is not None
    try:
        pixels = to_rgb(message)
    except (ImportError, ValueError) as error:
        size = (int(message.width), int(message.height)) if raw else coded_size(bytes_of(message.data).tobytes())
        return PictureSample(coding, str(error), known, scene, size or (0, 0), digest=digest)
    height, width = pixels.shape[:2]
    middle = _middle(pixels).astype(np.float32)
    return PictureSample(
        coding,
        size=(width, height),
        brightness=float(middle.mean()),
        contrast=float(middle.std()),
        spare=_spare(message, name),
        mosaic=_mosaic(middle) if name in ("mono8", "8UC1") else 0.0,
        low_first=_low_first(message, name),
        redness=_redness(pixels, heads),
        digest=digest,
    )


def _middle(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    top, left = max((height - ROUGH) // 2, 0), max((width - ROUGH) // 2, 0)
    return pixels[top : top + ROUGH, left : left + ROUGH]


def _pixel_bytes(name: str) -> int:
    """Bytes of a pixel of a packed encoding; 0 for others."""
    if name.startswith("bayer_"):
        return 2 if name.endswith("16") else 1
    return _PIXEL_BYTES.get(name, 0)


def _spare(message: Any, name: str) -> float:
    used = _pixel_bytes(name) * int(getattr(message, "width", 0))
    return max(int(message.step) / used - 1, 0.0) if used else 0.0


def _mosaic(values: NDArray[np.float32]) -> float:
    """Differences of neighbours over those of pixels two apart, the smaller of both directions."""
    gray, shares = values[..., 0], list[float]()
    for one in (gray, gray.T):
        if len(one) < 8:
            return 0.0
        near, far = np.abs(one[1:] - one[:-1]).mean(), np.abs(one[2:] - one[:-2]).mean()
        shares.append(float(near / (far + 0.5)))  # noise of a level is no pattern
    return min(shares)


def _low_first(message: Any, name: str) -> float:
    """Roughness of what is said to be the high bytes, over that of the low ones."""
    if not name.endswith("16") or _pixel_bytes(name) == 0:
        return 0.0
    data = bytes_of(message.data)[: int(message.step) * int(message.height)].reshape(int(message.height), -1)
    pixel = _pixel_bytes(name)
    rows = data[:, : int(message.width) * pixel].reshape(int(message.height), -1, pixel)[:, :, :2].astype(np.float32)
    first, second = (float(np.abs(np.diff(rows[..., byte], axis=1)).mean()) for byte in (0, 1))
    high, low = (first, second) if message.is_bigendian else (second, first)
    return high / (low + 0.5)


def _redness(pixels: Pixels, heads: NDArray[np.float32]) -> tuple[float, ...]:
    height, width = pixels.shape[:2]
    found = list[float]()
    for x, y in np.rint(heads).astype(int):
        part = pixels[max(y - HEAD, 0) : y + HEAD + 1, max(x - HEAD, 0) : x + HEAD + 1]
        if 0 <= x < width and 0 <= y < height and part.size:
            red, _, blue = part.reshape(-1, 3).astype(np.float32).mean(0)
            found.append(float((red - blue) / (red + blue + 1)))
    return tuple(found)
