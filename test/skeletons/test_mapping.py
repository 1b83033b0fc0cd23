"""Conversion between layouts against published tables, and there and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from co_perception.skeletons.layouts import BLAZEPOSE33, BODY25, COCO17, HRI18, LAYOUTS, NTU25, OPENPOSE18, Layout
from co_perception.skeletons.mapping import absent, convert

Table = tuple[int | tuple[int, int], ...]

# Number of the source's joint for each joint of the target; two where it is their mean.
TABLES: list[tuple[Layout, Layout, Table]] = [
    (COCO17, OPENPOSE18, (0, (5, 6), 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)),
    (BLAZEPOSE33, OPENPOSE18, (0, (11, 12), 12, 14, 16, 11, 13, 15, 24, 26, 28, 23, 25, 27, 5, 2, 8, 7)),
    (BLAZEPOSE33, COCO17, (0, 2, 5, 7, 8, *range(11, 17), *range(23, 29))),
    (HRI18, OPENPOSE18, (*range(14), 15, 14, 17, 16)),
    (BODY25, COCO17, (0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11)),
    (BODY25, OPENPOSE18, (*range(8), *range(9, 19))),
]
PAIRS = [(a, b) for a in LAYOUTS.values() for b in LAYOUTS.values()]


def people(layout: Layout, channels: int = 3, seed: int = 0) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    keypoints = rng.normal(size=(2, 4, len(layout), channels)).astype(np.float32)
    keypoints[..., -1] = rng.uniform(0.1, 1, keypoints.shape[:-1])
    return keypoints


def ids(pair: Any) -> str:
    return pair.name if isinstance(pair, Layout) else ""


@pytest.mark.parametrize(("source", "target", "table"), TABLES, ids=ids)
@pytest.mark.parametrize("channels", [3, 4])
def test_published_tables(source: Layout, target: Layout, table: Table, channels: int) -> None:
    keypoints = people(source, channels)
    found = convert(keypoints, source, target)
    assert found.shape == (2, 4, len(target), channels) and found.dtype == np.float32
    assert not absent(source, target)
    for joint, entry in enumerate(table):
        numbers = [entry] if isinstance(entry, int) else list(entry)
        assert np.allclose(found[..., joint, :-1], keypoints[..., numbers, :-1].mean(-2), atol=1e-6)
        assert np.array_equal(found[..., joint, -1], keypoints[..., numbers, -1].min(-1))


def test_kinect_to_coco_is_what_both_have() -> None:
    keypoints = people(NTU25, 4)
    found = convert(keypoints, NTU25, COCO17)
    assert absent(NTU25, COCO17) == ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
    assert not found[..., :5, :].any()
    assert np.array_equal(found[..., 5:, :], keypoints[..., [4, 8, 5, 9, 6, 10, 12, 16, 13, 17, 14, 18], :])


def test_the_two_necks_are_not_one() -> None:
    """OpenPose's is the middle of the shoulders, the Kinect's joint 20; joint 2, the Kinect's own, lies above."""
    kinect = people(NTU25)
    for layout in (OPENPOSE18, HRI18, BODY25):
        assert np.array_equal(convert(kinect, NTU25, layout)[..., 1, :], kinect[..., 20, :])
    openpose = people(OPENPOSE18)
    found = convert(openpose, OPENPOSE18, NTU25)
    assert np.array_equal(found[..., 20, :], openpose[..., 1, :])
    ears = openpose[..., [16, 17], :2].mean(-2)
    assert np.allclose(found[..., 2, :2], (openpose[..., 1, :2] + ears) / 2, atol=1e-6)


def test_kinect_from_blazepose() -> None:
    keypoints = people(BLAZEPOSE33, 4)
    found = convert(keypoints, BLAZEPOSE33, NTU25)
    assert absent(BLAZEPOSE33, NTU25) == ("left_hand_tip", "right_hand_tip")
    hips, shoulders = keypoints[..., [23, 24], :].mean(-2), keypoints[..., [11, 12], :].mean(-2)
    assert np.allclose(found[..., 1, :3], ((hips + shoulders) / 2)[..., :3], atol=1e-6)
    assert np.array_equal(found[..., 1, 3], keypoints[..., [11, 12, 23, 24], 3].min(-1))
    assert np.allclose(found[..., 7, :3], keypoints[..., [17, 19], :3].mean(-2), atol=1e-6)


@pytest.mark.parametrize(
    ("layout", "through"),
    [(HRI18, OPENPOSE18), (OPENPOSE18, HRI18), (COCO17, OPENPOSE18), (COCO17, HRI18), (COCO17, BODY25)]
    + [(COCO17, BLAZEPOSE33), (OPENPOSE18, BODY25), (HRI18, BODY25)]
    + [(layout, layout) for layout in LAYOUTS.values()],
    ids=ids,
)
def test_there_and_back(layout: Layout, through: Layout) -> None:
    keypoints = people(layout)
    assert np.array_equal(convert(convert(keypoints, layout, through), through, layout), keypoints)


def mirrored(keypoints: NDArray[Any], layout: Layout) -> NDArray[Any]:
    flipped = keypoints[..., layout.mirror, :].copy()
    flipped[..., 0] *= -1
    return flipped


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=ids)
def test_a_mirror_before_is_a_mirror_after(source: Layout, target: Layout) -> None:
    keypoints = people(source)
    before = convert(mirrored(keypoints, source), source, target)
    assert np.allclose(before, mirrored(convert(keypoints, source, target), target), atol=1e-6)


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=ids)
def test_nothing_unseen_leaks_into_a_joint(source: Layout, target: Layout) -> None:
    """Where half of the joints are unseen, at a place that must not show, a joint is there whole or zeros."""
    keypoints = people(source)
    unseen = np.random.default_rng(1).random(keypoints.shape[:-1]) < 0.5
    zeros = keypoints.copy()
    zeros[unseen] = 0
    keypoints[unseen] = (np.nan, 1e9, 0)
    found = convert(keypoints, source, target)
    assert np.array_equal(found, convert(zeros, source, target))
    assert np.isfinite(found).all() and np.abs(found).max() < 10
    assert not found[found[..., -1] == 0].any()


def test_one_shoulder_is_no_neck_and_a_middle_between_whole_pixels_is_not_rounded() -> None:
    keypoints = people(COCO17)
    keypoints[..., 5, :] = 0
    assert not convert(keypoints, COCO17, OPENPOSE18)[..., 1, :].any()
    keypoints = np.zeros((17, 3), int)
    keypoints[5], keypoints[6] = (10, 20, 1), (15, 20, 1)
    assert np.array_equal(convert(keypoints, COCO17, OPENPOSE18)[1], (12.5, 20, 1))
    with pytest.raises(ValueError, match="transpose"):
        convert(np.zeros((3, 10, 17, 1)), COCO17, OPENPOSE18)
