"""Inputs are checked where they are made, and say what was expected."""

from typing import Any

import numpy as np
import pytest

from co_perception.engine.data import Image, SkeletonSequence, Timeseries, Vector, Video

FRAME = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)


def test_an_image_holds_the_array_it_was_given() -> None:
    image = Image(FRAME, stamp_ns=7)
    assert image.numpy() is FRAME
    assert np.asarray(image) is FRAME
    assert image.stamp_ns == 7


def test_opencv_order_there_and_back() -> None:
    image = Image(FRAME)
    assert np.array_equal(image.opencv()[0, 0], FRAME[0, 0, ::-1])
    assert image.opencv().flags.c_contiguous
    assert np.array_equal(Image.from_opencv(image.opencv(), 3).data, FRAME)


def test_convert_gives_opendrs_layouts() -> None:
    image = Image(FRAME)
    assert image.convert().shape == (3, 2, 4)
    assert np.array_equal(image.convert()[0], FRAME[..., 0])
    assert np.array_equal(image.convert(channel_order="bgr")[0], FRAME[..., 2])
    assert np.array_equal(image.convert("channels_last", "rgb"), FRAME)
    with pytest.raises(ValueError, match="channels_first"):
        image.convert("chw")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="channel_order"):
        image.convert(channel_order="rbg")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "data", "rate_hz", "teaches"),
    [
        (Image, [[1]], None, "numpy array"),
        (Image, np.zeros((4, 4), np.uint8), None, "3 axes"),
        (Image, np.zeros((0, 4, 3), np.uint8), None, "length 0"),
        (Image, np.zeros((3, 4, 5), np.uint8), None, "channels-first"),
        (Image, np.zeros((4, 4, 4), np.uint8), None, r"\(4, 4, 4\)"),
        (Image, np.zeros((4, 4, 3), np.float32), None, "Multiply by 255"),
        (Image, np.zeros((4, 4, 3), np.uint16), None, "uint16"),
        (Video, np.zeros((5, 4, 4, 3), np.uint8), None, "frame-first"),
        (Video, np.zeros((3, 4, 4, 4)), None, "float64"),
        (Video, np.zeros((3, 4, 4, 4), np.uint8), 0.0, "rate_hz"),
        (Vector, np.ones(3), None, "astype"),
        (Timeseries, np.ones(3, np.float32), None, "2 axes"),
        (Timeseries, np.ones((5, 3), np.float32), float("nan"), "rate_hz"),
        (SkeletonSequence, np.zeros((2, 9, 18, 1), np.float32), None, "OpenDR"),
    ],
)
def test_an_input_refuses(kind: Any, data: object, rate_hz: float | None, teaches: str) -> None:
    with pytest.raises(ValueError, match=teaches):
        kind(data) if rate_hz is None else kind(data, rate_hz=rate_hz)


def test_a_video_is_made_of_frames() -> None:
    video = Video.from_frames([Image(FRAME), Image(FRAME + 1)], rate_hz=25.0)
    assert video.data.shape == (3, 2, 2, 4)
    assert np.array_equal(video.data[:, 1].transpose(1, 2, 0), FRAME + 1)
    assert video.rate_hz == 25.0
    with pytest.raises(ValueError, match="one size"):
        Video.from_frames([Image(FRAME), Image(FRAME[:1])])
    with pytest.raises(ValueError, match="at least one"):
        Video.from_frames([])


def test_streams_of_features_and_joints() -> None:
    assert Vector(np.ones(3, np.float32), stamp_ns=1).stamp_ns == 1
    assert Timeseries(np.ones((5, 3), np.float32), rate_hz=10.0).rate_hz == 10.0
    sequence = SkeletonSequence(np.zeros((4, 9, 25, 2), np.float32), layout="ntu25", rate_hz=30.0)
    assert sequence.numpy().shape == (4, 9, 25, 2)
