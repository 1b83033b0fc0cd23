"""MoveNet on real frames. That its joints are where people have them is shown beside MediaPipe, in test_mediapipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.stick_figures import frames

from co_perception.engine.data import Image
from co_perception.pose import movenet
from co_perception.pose.movenet import MoveNet
from co_perception.runtime.store import store

CLIP = "pose2sim_multi_cam02"


@pytest.fixture(scope="module")
def frame() -> Image:
    return frames(CLIP)[0]


def test_two_people_in_pixels_of_the_picture(frame: Image) -> None:
    poses = MoveNet().estimate(frame)
    assert [(pose.layout, pose.id, len(pose)) for pose in poses] == [("coco17", "", 17)] * 2
    assert poses[0].confidence >= poses[1].confidence > 0.4
    athlete = max(poses, key=lambda pose: float(pose.data[0, 0]))  # in the middle; the other is at the left edge
    hips, shoulders, ankles = (athlete.data[joints, :2].mean(0) for joints in ((11, 12), (5, 6), (15, 16)))
    assert np.abs(shoulders - (252, 234)).max() < 12  # where they are when one looks
    assert shoulders[1] < hips[1] < ankles[1]


@pytest.mark.parametrize("size", [256, 320])
def test_a_frame_around_the_picture_moves_the_people_and_nothing_else(frame: Image, size: int) -> None:
    height, width = frame.data.shape[:2]
    framed = np.zeros((height + 60, width + 300, 3), np.uint8)
    framed[60:, 200:-100] = frame.data
    estimator = MoveNet(size)
    for plain, moved in zip(estimator.estimate(frame), estimator.estimate(Image(framed)), strict=True):
        both = (plain.data[:, 2] > 0.3) & (moved.data[:, 2] > 0.3)
        assert both.sum() >= 12
        off = np.abs(moved.data[both, :2] - plain.data[both, :2] - (200, 60))
        assert np.median(off) < 0.02 * height


def test_thresholds(frame: Image) -> None:
    assert MoveNet(person_threshold=0.9).estimate(frame) == []
    (pose, *_) = MoveNet(joint_threshold=0.5).estimate(frame)
    (every, *_) = MoveNet(joint_threshold=0.0).estimate(frame)
    weak = every.data[:, 2] < 0.5
    assert 0 < weak.sum() < 17
    assert not pose.data[weak].any()
    assert np.array_equal(pose.data[~weak], every.data[~weak])


def test_tiles_find_who_is_small(frame: Image) -> None:
    """A woman stands far behind, at the right; the network sees her only in a part of the picture."""

    def far_behind(tiles: int) -> bool:
        noses = [pose.data[0] for pose in MoveNet(tiles=tiles).estimate(frame)]
        return any(345 < x < 380 and 210 < y < 250 for x, y, _ in noses)

    assert (far_behind(1), far_behind(2)) == (False, True)
    assert len(MoveNet(tiles=2).estimate(frame)) == 3  # and nobody twice


@pytest.mark.parametrize(("length", "count"), [(640, 2), (641, 3), (994, 4), (7, 2)])
def test_tiles_cover_the_picture_and_overlap(length: int, count: int) -> None:
    spans = movenet._spans(length, count)
    assert (spans[0][0], spans[-1][1], len(spans)) == (0, length, count)
    for (_, end), (start, _) in zip(spans, spans[1:], strict=False):
        assert abs((end - start) - 0.25 * (spans[0][1] - spans[0][0])) <= 2


def test_pictures_may_change_their_size(frame: Image) -> None:
    estimator = MoveNet()
    first = estimator.estimate(frame)
    estimator.estimate(Image(np.ascontiguousarray(frame.data[:300])))
    again = estimator.estimate(frame)
    assert [pose.data.tobytes() for pose in first] == [pose.data.tobytes() for pose in again]


def test_an_empty_room_and_a_single_pixel() -> None:
    estimator = MoveNet(tiles=2)
    for size in ((480, 640), (1, 1), (1, 2000)):
        assert estimator.estimate(Image(np.zeros((*size, 3), np.uint8))) == []


@pytest.mark.parametrize(
    "wrong",
    [dict(input_size=100), dict(tiles=0), dict(threads=0), dict(person_threshold=2.0), dict(joint_threshold=-1.0)],
)
def test_options_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="got"):
        MoveNet(**wrong)  # type: ignore[arg-type]


def test_another_network_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"not MoveNet MultiPose: expected one input and one output \(1, 6, 56\)"):
        MoveNet(model_path=store.locate("blazepose_detector"))
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(store.locate("movenet_multipose").read_bytes()[:1000])
    with pytest.raises(ValueError, match="not a TensorFlow Lite file"):
        MoveNet(model_path=broken)
    monkeypatch.setenv("CO_PERCEPTION_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="co-perception weights fetch movenet_multipose"):
        MoveNet()


def test_closed(frame: Image) -> None:
    estimator = MoveNet()
    for call in (estimator.reset, estimator.close, estimator.close):
        call()
    with pytest.raises(ValueError, match="closed"):
        estimator.estimate(frame)
