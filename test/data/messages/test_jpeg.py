"""JPEG of pictures of messages: small ones as they are, others coded, scaled, and with their colors in order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")

from co_perception.data.messages.jpeg import to_jpeg  # noqa: E402


def red_left(width: int = 64, height: int = 32) -> Any:
    """RGB: red on the left, blue on the right."""
    made = np.zeros((height, width, 3), np.uint8)
    made[:, : width // 2, 0] = made[:, width // 2 :, 2] = 220
    return made


def coded(rgb: Any) -> bytes:
    """As a decoder that takes BGR expects it."""
    return bytes(cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


def compressed(data: bytes, format: str) -> Any:
    return SimpleNamespace(format=format, data=data)


def colors(jpeg: bytes) -> tuple[Any, Any]:
    """Mean color of the left and of the right quarter, RGB, by OpenCV."""
    rgb = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    quarter = rgb.shape[1] // 4
    return rgb[:, :quarter].mean((0, 1)), rgb[:, -quarter:].mean((0, 1))


def assert_red_left(jpeg: bytes) -> None:
    left, right = colors(jpeg)
    assert left[0] > 180 and left[2] < 40 and right[2] > 180 and right[0] < 40


@pytest.mark.parametrize("format", ["jpeg", "rgb8; jpeg compressed bgr8", "mono8; jpeg compressed "])
def test_a_small_jpeg_is_given_as_it_is(format: str) -> None:
    data = coded(red_left())
    assert to_jpeg(compressed(data, format)) == data


def test_a_large_one_is_made_smaller() -> None:
    data = to_jpeg(compressed(coded(red_left(640, 320)), "jpeg"), longest=160)
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (80, 160, 3)
    assert_red_left(data)


def test_colors_in_another_order_are_put_right() -> None:
    assert_red_left(to_jpeg(compressed(coded(red_left()[..., ::-1]), "rgb8; jpeg compressed rgb8")))


@pytest.mark.parametrize(("encoding", "order"), [("rgb8", slice(None)), ("bgr8", slice(None, None, -1))])
def test_raw_pictures_are_coded(encoding: str, order: slice) -> None:
    pixels = np.ascontiguousarray(red_left()[..., order])
    message = SimpleNamespace(height=32, width=64, encoding=encoding, is_bigendian=0, step=192, data=pixels.reshape(-1))
    assert_red_left(to_jpeg(message))


def test_gray_is_coded_too() -> None:
    message = SimpleNamespace(
        height=8, width=8, encoding="mono8", is_bigendian=0, step=8, data=np.full(64, 77, np.uint8)
    )
    assert abs(cv2.imdecode(np.frombuffer(to_jpeg(message), np.uint8), cv2.IMREAD_COLOR).mean() - 77) < 2


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="readable JPEG"):
        to_jpeg(compressed(b"\xff\xd8\xff rubbish", "jpeg"))
