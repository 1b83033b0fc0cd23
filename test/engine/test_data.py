"""Inputs are checked where they are made, and say what was expected."""

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
    ("data", "teaches"),
    [
        pytest.param([[1]], "numpy array", id="a list"),
        pytest.param(np.zeros((4, 4), np.uint8), "3 axes", id="grey"),
        pytest.param(np.zeros((0, 4, 3), np.uint8), "length 0", id="empty"),
        pytest.param(np.zeros((3, 4, 5), np.uint8), "channels-first", id="channels first"),
        pytest.param(np.zeros((4, 4, 4), np.uint8), r"\(4, 4, 4\)", id="four channels"),
        pytest.param(np.zeros((4, 4, 3), np.float32), "Multiply by 255", id="floats"),
        pytest.param(np.zeros((4, 4, 3), np.uint16), "uint16", id="16 bit"),
    ],
)
def test_an_image_refuses(data: object, teaches: str) -> None:
    with pytest.raises(ValueError, match=teaches):
        Image(data)  # type: ignore[arg-type]


def test_a_video_is_made_of_frames() -> None:
    video = Video.from_frames([Image(FRAME), Image(FRAME + 1)], rate_hz=25.0)
    assert video.data.shape == (3, 2, 2, 4)
    assert np.array_equal(video.data[:, 1].transpose(1, 2, 0), FRAME + 1)
    assert video.rate_hz == 25.0


def test_a_video_refuses() -> None:
    with pytest.raises(ValueError, match="one size"):
        Video.from_frames([Image(FRAME), Image(FRAME[:1])])
    with pytest.raises(ValueError, match="at least one"):
        Video.from_frames([])
    with pytest.raises(ValueError, match="frame-first"):
        Video(np.zeros((5, 4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="float64"):
        Video(np.zeros((3, 4, 4, 4)))
    with pytest.raises(ValueError, match="rate_hz"):
        Video(np.zeros((3, 4, 4, 4), np.uint8), rate_hz=0.0)


def test_vectors_and_timeseries() -> None:
    assert Vector(np.ones(3, np.float32), stamp_ns=1).stamp_ns == 1
    assert Timeseries(np.ones((5, 3), np.float32), rate_hz=10.0).rate_hz == 10.0
    with pytest.raises(ValueError, match="astype"):
        Vector(np.ones(3))
    with pytest.raises(ValueError, match="2 axes"):
        Timeseries(np.ones(3, np.float32))
    with pytest.raises(ValueError, match="rate_hz"):
        Timeseries(np.ones((5, 3), np.float32), rate_hz=float("nan"))


def test_a_skeleton_sequence_has_its_score_last() -> None:
    sequence = SkeletonSequence(np.zeros((4, 9, 25, 2), np.float32), layout="ntu25", rate_hz=30.0)
    assert sequence.numpy().shape == (4, 9, 25, 2)
    with pytest.raises(ValueError, match="OpenDR"):
        SkeletonSequence(np.zeros((2, 9, 18, 1), np.float32))
