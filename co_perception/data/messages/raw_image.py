"""Raw images of all encodings that ROS names, as RGB: which are read, as what, and why the others are refused.

The names are those of sensor_msgs/image_encodings.hpp of ROS 2 Jazzy and Lyrical. `ENCODINGS` is the one table of them:
the reader, the words of a refusal and the table in docs/images.md come from it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.data import Pixels
from co_perception.engine.names import nearest

Bytes = bytes | bytearray | memoryview | array | Pixels
Array = NDArray[Any]
Numbers = NDArray[np.uint8] | NDArray[np.uint16]

MOST_PIXELS = 1 << 26  # of a coded picture: a few bytes can claim gigabytes; cameras have up to 50 million
_BLOCK = 16  # rows that are made RGB at once: what is computed between stays in the processor's cache


class ImageMessage(Protocol):
    """The fields of a `sensor_msgs/Image`: `height` rows of `step` bytes, of which `width` pixels are used."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: Bytes


@dataclass(frozen=True)
class Encoding:
    """One name of sensor_msgs.

    Args:
        meaning: what its numbers are, and as what they are read.
        read: gives (H, W, 3) uint8 RGB, and raises ValueError for a message that contradicts itself; None: refused.
        advice: of one that is refused: what to do.
    """

    meaning: str
    read: Callable[[ImageMessage], Pixels] | None = None
    advice: str = ""


def raw_to_rgb(image: ImageMessage) -> Pixels:
    """The picture in a `sensor_msgs/Image` as (H, W, 3) uint8 RGB: see `messages.image.to_rgb`."""
    if image.width < 1 or image.height < 1:
        raise ValueError(f"the image is {image.width} x {image.height} pixels: there is nothing in it.")
    name = str(image.encoding)
    encoding = ENCODINGS.get(name)
    if encoding is None:
        near = nearest(name, ENCODINGS)
        raise ValueError(
            f"the image's encoding is {name!r}, which is no name of sensor_msgs/image_encodings"
            f"{f' (is it {near!r}?)' if near else ''}. Let the driver publish rgb8, bgr8 or mono8, or a compressed "
            "picture on a topic of its own (image_transport: compressed)."
        )
    if encoding.read is None:
        raise ValueError(f"the image's encoding is {name!r}, {encoding.meaning}. {encoding.advice}")
    return encoding.read(image)


def bytes_of(data: Bytes) -> NDArray[np.uint8]:
    """The bytes of a message as an array, without a copy."""
    return np.frombuffer(data, np.uint8) if len(data) else np.empty(0, np.uint8)


def _rows(image: ImageMessage, bytes_per_pixel: int) -> NDArray[np.uint8]:
    """(H, W * bytes_per_pixel) view of the data without the padding at the end of each row."""
    used, step, height = image.width * bytes_per_pixel, image.step, image.height
    _check_step(image, used)
    data = bytes_of(image.data)
    if data.size < step * height:
        raise ValueError(f"the image holds {data.size} bytes, but step {step} x height {height} needs {step * height}.")
    return data[: step * height].reshape(height, step)[:, :used]


def _check_step(image: ImageMessage, used: int) -> None:
    if image.step < used:
        raise ValueError(
            f"step is {image.step} bytes a row, but {image.width} pixels of {image.encoding} take {used}: the driver "
            "fills in step or encoding wrongly."
        )


def _numbers(image: ImageMessage, channels: int, bits: int) -> Numbers:
    """(H, W, channels) view of the data as numbers of 8 or 16 bits, in the byte order of the message."""
    rows = _rows(image, channels * bits // 8)
    numbers = rows if bits == 8 else rows.view(">u2" if image.is_bigendian else "<u2")
    return numbers.reshape(image.height, image.width, channels)


def _eight_bits(numbers: Numbers) -> Pixels:
    """Numbers of 16 bits, rounded to 8 of their whole range, as cv_bridge does; those of 8 bits as they are."""
    if numbers.dtype.itemsize == 1:
        return numbers.view(np.uint8)
    return ((numbers.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _read_packed(image: ImageMessage, channels: int, order: slice, bits: int) -> Pixels:
    """Colors or gray side by side; `order` takes red, green and blue out of the channels. A view of 8 bits."""
    pixels = _eight_bits(_numbers(image, channels, bits)[..., order])
    return np.broadcast_to(pixels, (image.height, image.width, 3))


def _from_yuv(luma: NDArray[np.uint8], u: NDArray[np.uint8], v: NDArray[np.uint8], size: tuple[int, int]) -> Pixels:
    """RGB of (height, width) from planes that can be broadcast; ITU-R BT.601 video range, as camera drivers give it."""
    rgb = np.empty((*luma.shape, 3), np.uint8)
    for rows in (slice(first, first + _BLOCK) for first in range(0, len(luma), _BLOCK)):
        y = (luma[rows].astype(np.float32) - 16.0) * np.float32(255.0 / 219.0)
        blue, red = ((plane[rows].astype(np.float32) - 128.0) * np.float32(255.0 / 224.0) for plane in (u, v))
        for color, part in enumerate((1.402 * red, -0.344136 * blue - 0.714136 * red, 1.772 * blue)):
            value = y + part
            rgb[rows, ..., color] = np.rint(value, out=value).clip(0, 255, out=value)
    return rgb.reshape(*size, 3)


def _read_yuv422(image: ImageMessage, luma_at: int) -> Pixels:
    """Two pixels of four bytes share one U and one V; `luma_at` is where luma lies in each pair of bytes."""
    height, width = image.height, image.width
    if width % 2:
        raise ValueError(f"{image.encoding} codes pixels in pairs, but the image is {width} pixels wide.")
    parts = np.ascontiguousarray(_rows(image, 2).reshape(height, width // 2, 2, 2).transpose(3, 0, 1, 2))
    chroma = parts[1 - luma_at]
    return _from_yuv(parts[luma_at], chroma[..., :1], chroma[..., 1:], (height, width))


def _read_planes(image: ImageMessage, u_at: int, shared: int) -> Pixels:
    """A plane of luma, then one of U and V in turn, one of each for `shared` x `shared` pixels.

    As Video4Linux has it, the step of the second plane is that of the first, and twice that where no pixels share.
    """
    height, width, step, name = image.height, image.width, image.step, image.encoding
    if width % shared or height % shared:
        raise ValueError(f"{name} codes pixels in squares of 2 x 2, but the image is {width} x {height} pixels.")
    _check_step(image, width)
    rows, length = height // shared, 2 * step // shared
    data, needed = bytes_of(image.data), step * height + 2 * step * height // shared**2
    if data.size < needed:
        hint = " Is height that of both planes together? It is that of the picture." if 2 * height % 3 == 0 else ""
        raise ValueError(
            f"the image holds {data.size} bytes, but {name} of {height} rows of {step} bytes needs {needed}.{hint}"
        )
    luma = data[: step * height].reshape(height, step)[:, :width]
    chroma = data[step * height : needed].reshape(rows, length)[:, : 2 * width // shared].reshape(rows, -1, 2)
    u, v = (chroma[:, None, :, None, part] for part in (u_at, 1 - u_at))
    return _from_yuv(luma.reshape(rows, shared, width // shared, shared), u, v, (height, width))


def _read_bayer(image: ImageMessage, red: tuple[int, int], bits: int) -> Pixels:
    """A sensor's mosaic, of which each pixel has one color; `red` is row and column of the first red one.

    Missing colors are means of the nearest pixels that have them, and the border is as the row or column beside it:
    the bilinear method, as OpenCV has it.
    """
    height, width = image.height, image.width
    if min(height, width) < 3:
        raise ValueError(f"{image.encoding} needs 3 x 3 pixels at least, the image is {width} x {height} pixels.")
    mosaic = _numbers(image, 1, bits)[..., 0].astype(np.uint16 if bits == 8 else np.uint32)
    rgb = np.empty((height, width, 3), np.uint8 if bits == 8 else np.uint16)
    for top, left in product((1, 2), (1, 2)):
        parts = _interpolated(
            mosaic, top, left, on_red_row=(top - red[0]) % 2 == 0, on_red_column=(left - red[1]) % 2 == 0
        )
        for color, part in enumerate(parts):
            rgb[top:-1:2, left:-1:2, color] = part
    rgb[0], rgb[-1] = rgb[1], rgb[-2]
    rgb[:, 0], rgb[:, -1] = rgb[:, 1], rgb[:, -2]
    return _eight_bits(rgb)


def _interpolated(mosaic: Array, top: int, left: int, on_red_row: bool, on_red_column: bool) -> tuple[Array, ...]:
    """Red, green and blue of every other pixel of every other row from (top, left) on, without the border."""
    height, width = mosaic.shape

    def beside(rows: int, columns: int) -> Array:
        return mosaic[top + rows : height - 1 + rows : 2, left + columns : width - 1 + columns : 2]

    across, along = beside(0, -1) + beside(0, 1), beside(-1, 0) + beside(1, 0)
    if on_red_row != on_red_column:  # a green one
        pair = (across + 1) // 2, (along + 1) // 2
        red, blue = pair if on_red_row else pair[::-1]
        return red, beside(0, 0), blue
    diagonal = (beside(-1, -1) + beside(-1, 1) + beside(1, -1) + beside(1, 1) + 2) // 4
    green = (across + along + 2) // 4
    return (beside(0, 0), green, diagonal) if on_red_row else (diagonal, green, beside(0, 0))


_FORWARD, _BACKWARD = slice(3), slice(2, None, -1)
_SCALED = "16 bits are scaled to 8, of their whole range"
DEPTH = (
    "more than 8 bits a channel: depth and raw sensor images are not pictures of a scene",
    "Subscribe to the color stream, or let the driver publish rgb8 or bgr8.",
)
_UNNAMED = ("8 bits whose colors the name does not tell", "Let the driver publish rgb8, bgr8 or mono8.")


def _refused(meaning: str, advice: str) -> Encoding:
    return Encoding(meaning, advice=advice)


def _packed(meaning: str, channels: int, order: slice, bits: int = 8) -> Encoding:
    return Encoding(meaning, partial(_read_packed, channels=channels, order=order, bits=bits))


def _bayer(red: tuple[int, int], bits: int) -> Encoding:
    meaning = "mosaic of a sensor; missing colors are interpolated (bilinear)"
    return Encoding(meaning if bits == 8 else f"{meaning}, {_SCALED}", partial(_read_bayer, red=red, bits=bits))


def _table() -> dict[str, Encoding]:
    gray, wide = "gray", f"colors, {_SCALED}"
    uyvy = Encoding("YUV 4:2:2, U first; BT.601 video range, width even", partial(_read_yuv422, luma_at=1))
    yuyv = Encoding("YUV 4:2:2, Y first; BT.601 video range, width even", partial(_read_yuv422, luma_at=0))
    planes = "planes of Y and of {} in turn, {}; BT.601 video range{}"
    found = {
        "rgb8": _packed("colors", 3, _FORWARD),
        "rgba8": _packed("colors; alpha is left out", 4, _FORWARD),
        "rgb16": _packed(wide, 3, _FORWARD, 16),
        "rgba16": _packed(f"{wide}; alpha is left out", 4, _FORWARD, 16),
        "bgr8": _packed("colors", 3, _BACKWARD),
        "bgra8": _packed("colors; alpha is left out", 4, _BACKWARD),
        "bgr16": _packed(wide, 3, _BACKWARD, 16),
        "bgra16": _packed(f"{wide}; alpha is left out", 4, _BACKWARD, 16),
        "mono8": _packed(gray, 1, slice(None)),
        "mono16": _refused(*DEPTH),
        "8UC1": _packed("gray, as of mono8", 1, slice(None)),
        "8UC2": _refused(*_UNNAMED),
        "8UC3": _packed("colors, as of bgr8: OpenCV's order", 3, _BACKWARD),
        "8UC4": _packed("colors, as of bgra8: OpenCV's order", 4, _BACKWARD),
    }
    found |= {f"8SC{n}": _refused(*_UNNAMED) for n in range(1, 5)}
    for kind, n in product(("16U", "16S", "32S", "32F", "64F"), range(1, 5)):
        found[f"{kind}C{n}"] = _refused(*DEPTH)
    for bits, (colors, red) in product(
        (8, 16), {"rggb": (0, 0), "bggr": (1, 1), "gbrg": (1, 0), "grbg": (0, 1)}.items()
    ):
        found[f"bayer_{colors}{bits}"] = _bayer(red, bits)
    found |= {"uyvy": uyvy, "yuv422": uyvy, "yuyv": yuyv, "yuv422_yuy2": yuyv}
    for name, order, u_at in (("nv12", "U and V", 0), ("nv21", "V and U", 1)):
        meaning = planes.format(order, "4:2:0", ", width and height even")
        found[name] = Encoding(meaning, partial(_read_planes, u_at=u_at, shared=2))
    found["nv24"] = Encoding(planes.format("U and V", "4:4:4", ""), partial(_read_planes, u_at=0, shared=1))
    return found


ENCODINGS: dict[str, Encoding] = _table()
