"""Every encoding that sensor_msgs names is read as OpenCV or FFmpeg read it, or refused with advice that works."""

from __future__ import annotations

import os
import re
import sys
from array import array
from collections.abc import Callable
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from co_perception.data.messages.image import to_rgb
from co_perception.data.messages.raw_image import ENCODINGS

ROOT = Path(__file__).parents[3]
Array = NDArray[Any]
HEIGHT, WIDTH = 34, 46

# sensor_msgs/image_encodings.hpp of ROS 2 Lyrical; Jazzy has the same without nv12.
NAMES = [
    "rgb8", "rgba8", "rgb16", "rgba16", "bgr8", "bgra8", "bgr16", "bgra16", "mono8", "mono16", "8UC1", "8UC2", "8UC3",
    "8UC4", "8SC1", "8SC2", "8SC3", "8SC4", "16UC1", "16UC2", "16UC3", "16UC4", "16SC1", "16SC2", "16SC3", "16SC4",
    "32SC1", "32SC2", "32SC3", "32SC4", "32FC1", "32FC2", "32FC3", "32FC4", "64FC1", "64FC2", "64FC3", "64FC4",
    "bayer_rggb8", "bayer_bggr8", "bayer_gbrg8", "bayer_grbg8", "bayer_rggb16", "bayer_bggr16", "bayer_gbrg16",
    "bayer_grbg16", "uyvy", "yuv422", "yuyv", "yuv422_yuy2", "nv12", "nv21", "nv24",
]  # fmt: skip
REFUSED = [name for name in NAMES if re.match(r"8S|8UC2|16|32|64|mono16", name)]


def drawn(height: int, width: int, *channels: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, *channels), dtype=np.uint8)


def luma_and_chroma(*shape: int) -> NDArray[np.uint8]:
    """Within the standard's range: of luma below black OpenCV makes black, whatever its colors."""
    return drawn(*shape).clip(16, 235)


def message(rows: Array, encoding: str, height: int, width: int, padding: int = 0, big: bool = False) -> Any:
    """As a driver fills it: rows of bytes, each with `padding` more at its end."""
    plane = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)
    data = np.concatenate([plane, np.full((len(plane), padding), 99, np.uint8)], axis=1)
    return SimpleNamespace(
        height=height, width=width, encoding=encoding, is_bigendian=int(big), step=data.shape[1],
        data=array("B", data.tobytes()),
    )  # fmt: skip


def by_opencv(code: str) -> Callable[[Array], Array]:
    cv2 = pytest.importorskip("cv2")
    return lambda rows: np.asarray(cv2.cvtColor(np.ascontiguousarray(rows), getattr(cv2, f"COLOR_{code}")))


def by_ffmpeg(format: str) -> Callable[[Array], Array]:
    """`rows` as FFmpeg's pixel format, whose planes follow each other; its tables round a little otherwise."""
    av = pytest.importorskip("av")

    def convert(rows: Array) -> Array:
        frame, data, at = av.VideoFrame(WIDTH, HEIGHT, format), rows.tobytes(), 0
        for number, plane in enumerate(frame.planes):
            used = plane.width * (2 if format.endswith("422") or number else 1)
            content = np.zeros((plane.height, plane.line_size), np.uint8)
            part = np.frombuffer(data, np.uint8, used * plane.height, at)
            content[:, :used] = part.reshape(plane.height, used)
            plane.update(content.tobytes())
            at += used * plane.height
        rgb = frame.reformat(format="rgb24", src_colorspace="ITU601", dst_colorspace="ITU601", interpolation="POINT")
        return np.asarray(rgb.to_ndarray())

    return convert


def as_eight_bits(numbers: Array) -> Array:
    """As cv_bridge: convertTo with alpha = 255 / 65535."""
    return np.rint(numbers.astype(np.float64) * 255 / 65535)


def reference(name: str) -> tuple[Array, list[Array]]:
    """Bytes or numbers of a drawn picture in an encoding, a row each, and what others make of them."""
    if found := re.match(r"bayer_(....)(8|16)", name):
        # OpenCV names a mosaic by the pixels at (1, 1) and (1, 2), sensor_msgs by those of the first row.
        code = {"rggb": "BG", "bggr": "RG", "gbrg": "GR", "grbg": "GB"}[found[1]]
        rows = drawn(HEIGHT, WIDTH) if found[2] == "8" else drawn(HEIGHT, 2 * WIDTH).view(np.uint16)
        rgb = by_opencv(f"Bayer{code}2RGB")(rows)
        return rows, [rgb if found[2] == "8" else as_eight_bits(rgb)]
    if name in ("uyvy", "yuv422", "yuyv", "yuv422_yuy2"):
        four = "UYVY" if name in ("uyvy", "yuv422") else "YUY2"
        rows = luma_and_chroma(HEIGHT, WIDTH, 2)
        return rows, [by_opencv(f"YUV2RGB_{four}")(rows)]
    if name in ("nv12", "nv21"):
        rows = luma_and_chroma(HEIGHT * 3 // 2, WIDTH)
        return rows, [by_opencv(f"YUV2RGB_{name.upper()}")(rows)]
    if name == "nv24":
        rows = luma_and_chroma(HEIGHT * 3, WIDTH)
        return rows, [by_ffmpeg("nv24")(rows)]
    channels = 1 if name in ("mono8", "8UC1") else 4 if "a" in name or name == "8UC4" else 3
    colors: Array = drawn(HEIGHT, WIDTH, channels) if "16" not in name else drawn(HEIGHT, 2 * WIDTH, channels)
    colors = colors.reshape(HEIGHT, -1).view(np.uint16 if "16" in name else np.uint8).reshape(HEIGHT, WIDTH, channels)
    code = {1: "GRAY2RGB", 3: "BGR2RGB", 4: "RGBA2RGB" if name.startswith("r") else "BGRA2RGB"}[channels]
    rgb = colors if name.startswith("rgb") and channels == 3 else by_opencv(code)(colors)
    return colors, [as_eight_bits(rgb) if "16" in name else rgb]


def test_the_table_has_every_encoding_that_ros_names() -> None:
    assert set(ENCODINGS) == set(NAMES)
    prefixes = [sys.prefix, *filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)), "/opt/ros/jazzy"]
    for prefix in prefixes:
        header = Path(prefix) / "include/sensor_msgs/sensor_msgs/image_encodings.hpp"
        if header.is_file():
            named = re.findall(r'const char \w+\[\] = "(\w+)";', header.read_text("utf-8"))
            assert named and set(named) <= set(ENCODINGS), header


@pytest.mark.parametrize("padding", [0, 10])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in REFUSED])
def test_read_as_others_read_it(name: str, padding: int) -> None:
    rows, wanted = reference(name)
    sent = message(rows.reshape(len(rows), -1), name, HEIGHT, WIDTH, padding)
    if name == "nv24":  # a row of its second plane is as long as two of the first, padding included
        sent = two_planes(rows, name, padding)
    found = to_rgb(sent)
    assert found.shape == (HEIGHT, WIDTH, 3) and found.dtype == np.uint8
    for each in wanted:
        assert np.abs(found.astype(int) - each).max() <= 3, name
    if "16" in name:
        swapped = message(rows.byteswap().reshape(len(rows), -1), name, HEIGHT, WIDTH, padding, big=True)
        assert np.array_equal(to_rgb(swapped), found)


def two_planes(rows: Array, name: str, padding: int) -> Any:
    luma, chroma = rows[:HEIGHT], rows[HEIGHT:].reshape(HEIGHT, -1)
    padded = [np.pad(luma, ((0, 0), (0, padding))), np.pad(chroma, ((0, 0), (0, 2 * padding)))]
    sent = message(padded[0], name, HEIGHT, WIDTH)
    sent.data = array("B", b"".join(each.tobytes() for each in padded))
    return sent


@pytest.mark.parametrize(
    ("name", "format"),
    [("uyvy", "uyvy422"), ("yuyv", "yuyv422"), ("nv12", "nv12"), ("nv21", "nv21")],
)
def test_read_as_ffmpeg_reads_it(name: str, format: str) -> None:
    """Of a smooth picture: FFmpeg takes the mean of neighbors' colors where they share them."""
    across, down = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    y, u, v = 60 + 3 * across, 100 + down // 2, 150 - down // 2
    if name in ("uyvy", "yuyv"):
        chroma = np.where(across % 2 == 0, u, v)
        rows = np.stack([chroma, y] if name == "uyvy" else [y, chroma], axis=2).reshape(HEIGHT, -1)
    else:
        pair = (u, v) if name == "nv12" else (v, u)
        chroma = np.stack([plane[::2, ::2] for plane in pair], axis=2).reshape(HEIGHT // 2, -1)
        rows = np.concatenate([y, chroma])
    rows = rows.astype(np.uint8)
    found = to_rgb(message(rows, name, HEIGHT, WIDTH)).astype(int)
    assert np.abs(found - by_ffmpeg(format)(rows)).max() <= 3


@pytest.mark.parametrize("name", [name for name in NAMES if re.match("bayer.*8", name)])
@pytest.mark.parametrize(("height", "width"), [(3, 3), (5, 4), (7, 9)])
def test_mosaics_of_odd_sizes(name: str, height: int, width: int) -> None:
    code = {"rggb": "BG", "bggr": "RG", "gbrg": "GR", "grbg": "GB"}[name[6:10]]
    rows = drawn(height, width)
    assert np.array_equal(to_rgb(message(rows, name, height, width)), by_opencv(f"Bayer{code}2RGB")(rows))
    with pytest.raises(ValueError, match="needs 3 x 3 pixels"):
        to_rgb(message(rows[:2], name, 2, width))


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_advice(name: str) -> None:
    sent = message(drawn(4, 4 * 32), name, 4, 4)
    with pytest.raises(ValueError, match=rf"encoding is '{name}', .*[Ll]et the driver publish rgb8") as error:
        to_rgb(sent)
    assert "cv_bridge" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "near"), [("RGB8", "rgb8"), ("NV12", "nv12"), ("bayer_rggb", "bayer_rggb8"), ("", "")]
)
def test_names_that_ros_does_not_know(name: str, near: str) -> None:
    words = f"'{name}', which is no name of sensor_msgs/image_encodings" + (
        rf" \(is it '{near}'\?\)" if near else r"\."
    )
    with pytest.raises(ValueError, match=words):
        to_rgb(message(drawn(4, 12), name, 4, 4))


@pytest.mark.parametrize(
    ("name", "height", "width", "rows", "words"),
    [
        ("nv12", 4, 5, (6, 6), "squares of 2 x 2, but the image is 5 x 4"),
        ("nv21", 3, 4, (6, 4), "squares of 2 x 2, but the image is 4 x 3"),
        ("nv12", 4, 4, (4, 4), "holds 16 bytes, but nv12 of 4 rows of 4 bytes needs 24"),
        ("nv12", 6, 4, (6, 4), "Is height that of both planes together"),
        ("nv24", 4, 5, (8, 5), "holds 40 bytes, but nv24 of 4 rows of 5 bytes needs 60"),
        ("nv12", 4, 4, (8, 3), "step is 3 bytes a row, but 4 pixels of nv12 take 4"),
        ("yuyv", 4, 5, (4, 10), "codes pixels in pairs"),
        ("rgb16", 4, 4, (4, 23), "step is 23 bytes a row, but 4 pixels of rgb16 take 24"),
        ("bayer_grbg16", 4, 4, (3, 8), "holds 24 bytes, but step 8 x height 4 needs 32"),
    ],
)
def test_messages_that_contradict_themselves(
    name: str, height: int, width: int, rows: tuple[int, int], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        to_rgb(message(drawn(*rows), name, height, width))


def test_the_documented_table_is_the_table_of_the_code() -> None:
    page = (ROOT / "docs/images.md").read_text("utf-8")
    lines = list[str]()
    texts = dict[str, list[str]]()
    for name, encoding in ENCODINGS.items():
        text = encoding.meaning if encoding.read else f"refused: {encoding.meaning}. {encoding.advice}"
        texts.setdefault(text, []).append(f"`{name}`")
    lines += [f"| {' '.join(names)} | {text} |" for text, names in texts.items()]
    for line in lines:
        assert line in page, f"docs/images.md lacks the row\n{line}"
    assert sum(line.startswith("| `") for line in page.splitlines()) >= len(lines)


def test_numbers_of_16_bits_keep_their_ends() -> None:
    for value, wanted in ((0, 0), (65535, 255), (257, 1), (128, 0), (129, 1)):
        rows = np.full((2, 6), value, np.uint16)
        assert (to_rgb(message(rows, "rgb16", 2, 2)) == wanted).all()


def test_alpha_and_planes_are_left_alone() -> None:
    for name, (first, last) in product(("rgba8", "bgra8"), ((0, 255),)):
        rows = np.full((2, 8), first, np.uint8)
        rows[:, 3::4] = last
        assert (to_rgb(message(rows, name, 2, 2)) == first).all()
