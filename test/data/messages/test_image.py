"""Image messages of all encodings become RGB arrays; others are refused with the reason."""

from __future__ import annotations

from array import array
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from co_perception.data.messages import image as images

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
GRAY = RGB[..., :1]
ALPHA = np.full((6, 8, 1), 255, np.uint8)


def message(pixels: np.ndarray, encoding: str, padding: int = 0, **fields: Any) -> SimpleNamespace:
    """As a driver fills it, with `padding` bytes at the end of each row."""
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    padded = np.concatenate([rows, np.full((height, padding), 99, np.uint8)], axis=1)
    known = {"height": height, "width": width, "encoding": encoding, "is_bigendian": 0}
    return SimpleNamespace(**{**known, "step": padded.shape[1], "data": array("B", padded.tobytes()), **fields})


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "pixels", "wanted"),
    [
        ("rgb8", RGB, RGB),
        ("bgr8", RGB[..., ::-1], RGB),
        ("8UC3", RGB[..., ::-1], RGB),
        ("rgba8", np.concatenate([RGB, ALPHA], axis=2), RGB),
        ("bgra8", np.concatenate([RGB[..., ::-1], ALPHA], axis=2), RGB),
        ("mono8", GRAY, np.repeat(GRAY, 3, axis=2)),
        ("8UC1", GRAY, np.repeat(GRAY, 3, axis=2)),
    ],
)
def test_packed_pixels_with_and_without_padded_rows(
    encoding: str, pixels: np.ndarray, wanted: np.ndarray, padding: int
) -> None:
    assert np.array_equal(images.to_rgb(message(pixels, encoding, padding)), wanted)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "channels"),
    [("rgb8", 3), ("bgr8", 3), ("8UC3", 3), ("rgba8", 4), ("bgra8", 4), ("mono8", 1), ("8UC1", 1)],
)
def test_packed_pixels_are_a_view_that_nobody_writes_into(encoding: str, channels: int, padding: int) -> None:
    sent = message(np.zeros((7, 9, channels), np.uint8), encoding, padding, is_bigendian=1)
    found = images.to_rgb(sent)
    assert found.shape == (7, 9, 3)
    assert np.shares_memory(found, np.frombuffer(sent.data, np.uint8))
    last = sent.step * 6 + 8 * channels  # where the last pixel begins
    sent.data[last] = 200
    wanted = {"b": (0, 0, 200), "8UC3": (0, 0, 200), "r": (200, 0, 0)}
    colors = next((colors for name, colors in wanted.items() if encoding.startswith(name)), (200, 200, 200))
    assert tuple(found[-1, -1]) == colors
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 1


def test_a_large_picture_whose_rows_are_padded() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (1081, 1923, 3), dtype=np.uint8)
    assert np.array_equal(images.to_rgb(message(pixels, "bgr8", padding=61)), pixels[..., ::-1])


@pytest.mark.parametrize(("encoding", "luma_at"), [("uyvy", 1), ("yuyv", 0)])
def test_yuv422_is_rounded_as_the_formula_says(encoding: str, luma_at: int) -> None:
    sent = message(np.random.default_rng(2).integers(0, 256, (11, 14, 2), dtype=np.uint8), encoding, padding=3)
    raw = np.frombuffer(sent.data, np.uint8).reshape(11, -1)[:, :28].astype(float).reshape(11, 14, 2)
    y = (raw[..., luma_at] - 16) * 255 / 219
    u, v = ((raw[:, at::2, 1 - luma_at].repeat(2, axis=1) - 128) * 255 / 224 for at in (0, 1))
    wanted = np.stack([y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u], axis=2).clip(0, 255)
    assert np.abs(images.to_rgb(sent) - wanted).max() <= 0.5001


@pytest.mark.parametrize(("encoding", "luma_at"), [("yuv422", 1), ("uyvy", 1), ("yuv422_yuy2", 0), ("yuyv", 0)])
def test_yuv422_follows_bt601(encoding: str, luma_at: int) -> None:
    red, white, black = (81, 90, 240), (235, 128, 128), (16, 128, 128)  # Y, U, V of the standard's color bars
    rows = []
    for y, u, v in (red, white, black):
        quad = (y, u, y, v) if luma_at == 0 else (u, y, v, y)
        rows.append(np.array(quad * 2, np.uint8).reshape(4, 2))
    found = images.to_rgb(message(np.stack(rows), encoding)).astype(int)
    assert found.shape == (3, 4, 3)
    for row, color in zip(found, [(255, 0, 0), (255, 255, 255), (0, 0, 0)], strict=True):
        assert np.abs(row - color).max() <= 2


@pytest.mark.parametrize(
    ("fields", "teaches"),
    [
        pytest.param({"height": 0}, "nothing in it", id="no rows"),
        pytest.param({"width": 0}, "nothing in it", id="no columns"),
        pytest.param({"data": array("B", [1, 2, 3])}, "3 bytes.*144", id="data too short"),
        pytest.param({"data": array("B")}, "0 bytes", id="no data"),
        pytest.param({"step": 23}, "step is 23.*24", id="step too small"),
        pytest.param({"encoding": "mono16"}, "more than 8 bits", id="16 bit gray"),
        pytest.param({"encoding": "16UC1"}, "depth", id="depth"),
        pytest.param({"encoding": "32FC1"}, "more than 8 bits", id="float"),
    ],
)
def test_a_message_that_contradicts_itself_or_is_no_picture(fields: dict[str, Any], teaches: str) -> None:
    with pytest.raises(ValueError, match=teaches):
        images.to_rgb(message(RGB, **{"encoding": "rgb8", **fields}))
    with pytest.raises(ValueError, match="pairs"):
        images.to_rgb(message(RGB[:, :5, :2], "yuv422"))


def test_fill_is_the_reverse_of_to_rgb() -> None:
    sent = images.fill(SimpleNamespace(), RGB[:, ::2])
    assert (sent.encoding, sent.step, sent.height, sent.width) == ("rgb8", 12, 6, 4)
    assert np.array_equal(images.to_rgb(sent), RGB[:, ::2])
    assert np.array_equal(images.to_rgb(images.fill(SimpleNamespace(), RGB, "bgr8")), RGB[..., ::-1])
    pixels = np.asfortranarray(RGB)  # pixels that lie in any order; none of them stays in use
    sent = images.fill(SimpleNamespace(), pixels)
    assert sent.data.typecode == "B" and len(sent.data) == RGB.size
    assert not np.shares_memory(np.frombuffer(sent.data, np.uint8), pixels)
    assert np.array_equal(images.to_rgb(sent), RGB)


def test_jpeg_of_a_view_is_that_of_its_copy() -> None:
    pytest.importorskip("cv2")
    bgr = np.random.default_rng(3).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    assert images.encode_jpeg(bgr[..., ::-1]) == images.encode_jpeg(np.ascontiguousarray(bgr[..., ::-1]))


def test_compressed_there_and_back() -> None:
    pytest.importorskip("cv2")
    smooth = np.zeros((32, 32, 3), np.uint8)
    smooth[:, :16], smooth[:, 16:] = (200, 30, 30), (30, 30, 200)
    coded = images.encode_jpeg(smooth, quality=95)
    found = images.to_rgb(SimpleNamespace(format="jpeg", data=array("B", coded)))
    assert np.abs(found.astype(int) - smooth).mean() < 4
    for data in (b"", b"not a picture"):
        with pytest.raises(ValueError, match="theora"):
            images.to_rgb(SimpleNamespace(format="theora", data=array("B", data)))


@pytest.mark.parametrize(
    ("format", "coded_in"),
    [
        ("jpeg", "bgr"),
        ("png", "bgr"),
        ("jpeg; png", "bgr"),
        ("rgb8; jpeg compressed bgr8", "bgr"),
        ("bgr8; jpeg compressed bgr8", "bgr"),
        ("rgba8; png compressed bgr8", "bgr"),
        ("rgb16; png compressed bgr16", "bgr"),
        ("bayer_rggb8; jpeg compressed bgr8", "bgr"),
        ("yuv422; jpeg compressed ", "bgr"),
        ("8UC3; jpeg compressed ", "bgr"),
        ("rgb8; jpeg compressed rgb8", "rgb"),
        ("bgr8; jpeg compressed rgb8", "rgb"),
        ("bgra8; png compressed rgb8", "rgb"),
        ("rgb8; jpeg compressed ", "rgb"),
        ("bgr8;png compressed ", "rgb"),
    ],
)
def test_compressed_colours(format: str, coded_in: str) -> None:
    """Colors come in the order that image_transport's compressed_subscriber.cpp reads from the format."""
    cv2 = pytest.importorskip("cv2")
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 250
    stored = red if coded_in == "rgb" else red[..., ::-1]  # what cv2 is given is what a decoder gives back
    coded = cv2.imencode(".png" if "png" in format else ".jpg", np.ascontiguousarray(stored))[1]
    found = images.to_rgb(SimpleNamespace(format=format, data=array("B", coded.tobytes())))
    assert np.abs(found.astype(int) - red).max() <= 4


@pytest.mark.parametrize(
    ("format", "bits"),
    [("16UC1; compressedDepth", 16), ("32FC1; compressedDepth png", 16), ("16UC1; png compressed ", 16)]
    + [("mono16; png compressed ", 16), ("png", 16), ("16UC1; jpeg compressed ", 8)],
)
def test_compressed_depth_is_refused(format: str, bits: int) -> None:
    cv2 = pytest.importorskip("cv2")
    depth = np.full((32, 32), 900 if bits == 16 else 90, np.uint16 if bits == 16 else np.uint8)
    coded = cv2.imencode(".png" if bits == 16 else ".jpg", depth)[1].tobytes()
    data = array("B", (bytes(12) if "compressedDepth" in format else b"") + coded)
    with pytest.raises(ValueError, match=f"{format}.*depth.*color stream"):
        images.to_rgb(SimpleNamespace(format=format, data=data))
    gray = cv2.imencode(".png", np.full((32, 32), 90, np.uint8))[1].tobytes()
    assert (
        images.to_rgb(SimpleNamespace(format="mono8; png compressed ", data=array("B", gray)))[5, 5].tolist()
        == [90] * 3
    )


def test_an_orientation_in_a_jpeg_is_ignored_as_image_transport_does() -> None:
    cv2 = pytest.importorskip("cv2")
    coded = cv2.imencode(".jpg", np.zeros((16, 32, 3), np.uint8))[1].tobytes()
    # EXIF: big-endian TIFF with one entry, orientation (0x112) = 6, "turn by 90 degrees"
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    segment = b"Exif\0\0" + tiff
    turned = coded[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + coded[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape == (32, 16, 3)
    assert images.to_rgb(SimpleNamespace(format="jpeg", data=array("B", turned))).shape == (16, 32, 3)
