"""Depth pictures in messages: both encodings, byte orders, padding, and what is no depth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.depth_scenes import depth_message

from co_perception.data.messages.depth_image import read_depth

DEPTH = np.array([[0.5, 1.234, 0.0], [np.nan, 4.0, 59.0]])
EVERYWHERE = np.array([(across, down) for down in range(2) for across in range(3)])


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
def test_metres_come_out(encoding: str, big_endian: bool) -> None:
    depth = read_depth(depth_message(np.nan_to_num(DEPTH) if encoding == "16UC1" else DEPTH, encoding, big_endian))
    assert depth.size == (3, 2)
    expected = [0.5, 1.234, np.nan, np.nan, 4.0, 59.0]
    np.testing.assert_allclose(depth.at(EVERYWHERE), expected, rtol=1e-6)
    assert np.isnan(depth.at(np.array([(-1, 0), (3, 0), (0, 2)]))).all(), "outside of the picture"


def test_rows_may_be_padded() -> None:
    rows = np.arange(1000, 1012, dtype="<u2").reshape(2, 6)
    message = depth_message(np.zeros((2, 3)), step=12, data=rows.tobytes())
    np.testing.assert_allclose(read_depth(message).at(EVERYWHERE), rows[:, :3].ravel() / 1000)


def test_infinite_and_absurd_numbers_are_no_measurement() -> None:
    depth = read_depth(depth_message(np.array([[np.inf, -np.inf, -1.0, 1e9, 0.01]]), "32FC1"))
    assert np.isnan(depth.at(np.array([(n, 0) for n in range(5)]))).all()


@pytest.mark.parametrize(
    ("fields", "teaches"),
    [
        ({"encoding": "rgb8"}, "16UC1 .millimeters. or 32FC1"),
        ({"encoding": "16UC1; compressedDepth"}, "raw and not compressed"),
        ({"height": 0}, "nothing in it"),
        ({"step": 4}, "need 6 a row"),
        ({"data": b"\0" * 11}, "holds 11 bytes"),
        ({"width": 1 << 31}, "pixels of 16UC1 need"),
    ],
)
def test_what_is_no_depth_is_refused(fields: dict[str, Any], teaches: str) -> None:
    with pytest.raises(ValueError, match=teaches):
        read_depth(depth_message(np.ones((2, 3)), **fields))
