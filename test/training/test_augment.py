"""Augmentations as geometry: what must change changes, what must not does not, and what was absent stays absent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.random_search import examples
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from co_perception.skeletons.layouts import COCO17, LAYOUTS, NTU25, Layout
from co_perception.skeletons.normalize import normalize_sequence
from co_perception.training.augment import SkeletonAugment, mirrored, mirrored_label

EVERYTHING = SkeletonAugment(
    rotation=20, scale=0.2, shift=0.5, time_warp=0.4, joint_dropout=0.2, flicker=0.1, frame_dropout=0.2, jitter=0.05,
    mirror=0.5,
)  # fmt: skip
generator = np.random.default_rng


def sequence(layout: Layout, channels: int = 3, frames: int = 12, persons: int = 2, seed: int = 0) -> NDArray[Any]:
    rng = generator(seed)
    joints = rng.normal(300, 60, size=(channels, frames, len(layout), persons)).astype(np.float32)
    joints[-1] = rng.uniform(0.3, 1, joints.shape[1:])
    joints[:, rng.random(joints.shape[1:]) < 0.15] = 0
    return joints


@examples(60)
@given(
    st.sampled_from(list(LAYOUTS.values())), st.sampled_from([3, 4]), st.integers(1, 9), st.integers(0, 10**6),
    st.builds(
        SkeletonAugment, rotation=st.floats(0, 180), scale=st.floats(0, 0.9), shift=st.floats(0, 3),
        time_warp=st.floats(0, 0.95), joint_dropout=st.floats(0, 1), frame_dropout=st.floats(0, 1),
        jitter=st.floats(0, 1), mirror=st.floats(0, 1),
    ),
)  # fmt: skip
def test_shape_finite_and_absent_is_zeros(
    layout: Layout, channels: int, frames: int, seed: int, augment: SkeletonAugment
) -> None:
    joints = sequence(layout, channels, frames, seed=seed)
    joints[0, 0, 0], joints[1, 0, 1] = np.nan, np.inf
    before = joints.copy()
    found = augment(joints, layout, generator(seed))
    assert found.shape == joints.shape and found.dtype == np.float32 and found.flags.c_contiguous
    assert np.isfinite(found).all() and (found[-1] >= 0).all() and (found[-1] <= 1).all()
    assert not found[:, found[-1] == 0].any()
    assert np.array_equal(joints, before, equal_nan=True), "the recording itself was changed"
    assert np.array_equal(found, augment(joints, layout, generator(seed))), "not a function of the generator"


def test_nothing_asked_nothing_changed() -> None:
    joints = sequence(COCO17)
    assert np.array_equal(SkeletonAugment()(joints, COCO17, generator(0)), joints)
    assert not np.allclose(EVERYTHING(joints, COCO17, generator(1)), EVERYTHING(joints, COCO17, generator(2)))


def bone_lengths(joints: NDArray[Any], layout: Layout) -> NDArray[Any]:
    lengths = [np.linalg.norm(joints[:-1, :, a] - joints[:-1, :, b], axis=0) for a, b in layout.links]
    there = [(joints[-1, :, a] > 0) & (joints[-1, :, b] > 0) for a, b in layout.links]
    return np.where(there, lengths, 0)


@pytest.mark.parametrize(("layout", "channels"), [(COCO17, 3), (NTU25, 4)])
def test_rotation_keeps_bones_and_turns_everybody_by_one_angle(layout: Layout, channels: int) -> None:
    joints = sequence(layout, channels)
    for seed in range(5):
        turned = SkeletonAugment(rotation=90)(joints, layout, generator(seed))
        assert np.allclose(bone_lengths(turned, layout), bone_lengths(joints, layout), atol=1e-2)
        assert not np.allclose(turned, joints, atol=1)
        # The distance between the two persons is a length too.
        assert np.allclose(
            np.linalg.norm(np.diff(turned[:-1], axis=-1), axis=0)[(turned[-1] > 0).all(-1)],
            np.linalg.norm(np.diff(joints[:-1], axis=-1), axis=0)[(joints[-1] > 0).all(-1)],
            atol=1e-2,
        )


def test_rotation_stays_within_its_degrees() -> None:
    joints = sequence(COCO17)
    joints[-1] = 1
    bone = joints[:2, 0, 5, 0] - joints[:2, 0, 7, 0]
    angles = []
    for seed in range(200):
        turned = SkeletonAugment(rotation=15)(joints, COCO17, generator(seed))
        other = turned[:2, 0, 5, 0] - turned[:2, 0, 7, 0]
        angles.append(np.rad2deg(np.angle(complex(*other) / complex(*bone))))
    assert -15.01 < min(angles) < -13 and 13 < max(angles) < 15.01


def test_scale_changes_proportions_which_normalization_keeps() -> None:
    joints = sequence(COCO17)
    stretched = SkeletonAugment(scale=0.3)(joints, COCO17, generator(0))
    visible = joints[-1] > 0
    middle = joints[:2, visible].mean(1, dtype=np.float64)[:, None]
    ratio = (stretched[:2, visible] - middle) / (joints[:2, visible] - middle)
    assert np.allclose(ratio, np.median(ratio, 1, keepdims=True), atol=0.05)
    factors = np.median(ratio, 1)
    assert abs(factors[0] - factors[1]) > 0.01 and (factors >= 0.7).all() and (factors <= 1.3).all()
    normal = normalize_sequence(joints, COCO17, "body")
    assert not np.allclose(normalize_sequence(stretched, COCO17, "body"), normal, atol=0.01)


def test_shift_moves_all_alike() -> None:
    joints = sequence(COCO17)
    moved = SkeletonAugment(shift=1)(joints, COCO17, generator(0))
    visible = joints[-1] > 0
    away = (moved - joints)[:2, visible]
    assert np.allclose(away, away[:, :1], atol=1e-3) and np.abs(away[:, 0]).max() > 1
    assert np.allclose(normalize_sequence(moved, COCO17, "body"), normalize_sequence(joints, COCO17, "body"), atol=1e-4)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_mirror_swaps_sides_about_the_middle_and_twice_is_nothing(layout: Layout) -> None:
    joints = sequence(layout)
    once = mirrored(joints, layout)
    assert np.allclose(mirrored(once, layout), joints, atol=1e-3)
    assert np.array_equal(once, SkeletonAugment(mirror=1)(joints, layout, generator(0)))
    middle = joints[0, joints[-1] > 0].mean(dtype=np.float64)
    left, right = layout.index("left_wrist"), layout.index("right_wrist")
    there = joints[-1, :, left] > 0
    assert np.allclose(once[0, :, right][there], 2 * middle - joints[0, :, left][there], atol=1e-3)
    assert np.array_equal(once[1:, :, right], joints[1:, :, left])


def test_mirror_comes_as_often_as_asked() -> None:
    joints, augment = sequence(COCO17), SkeletonAugment(mirror=0.3)
    count = sum(not np.array_equal(augment(joints, COCO17, generator(seed)), joints) for seed in range(400))
    assert 90 < count < 150


def walk(frames: int) -> NDArray[Any]:
    """Every joint at x = frame: where a frame was taken from can be read off."""
    joints = np.ones((3, frames, 17, 1), np.float32)
    joints[0] = np.arange(frames)[:, None, None] + 1
    return joints


def test_time_warp_is_smooth_increasing_and_keeps_the_ends() -> None:
    for seed in range(30):
        warped = SkeletonAugment(time_warp=0.5)(walk(40), COCO17, generator(seed))[0, :, 0, 0]
        speed = np.diff(warped)
        assert warped[0] == 1 and np.isclose(warped[-1], 40, atol=1e-4)
        assert (speed > 0.3).all() and (speed < 3).all()
        assert np.abs(np.diff(speed)).max() < 0.2
    assert np.abs(warped - np.arange(1, 41)).max() > 0.5


def test_time_warp_does_not_mix_a_joint_with_its_absence() -> None:
    joints = walk(40)
    joints[:, 10:20, 3] = 0
    for seed in range(10):
        warped = SkeletonAugment(time_warp=0.5)(joints, COCO17, generator(seed))
        lost = warped[2, :, 3, 0] == 0
        assert 4 < lost.sum() < 20
        assert not warped[:, lost, 3].any()
        assert np.allclose(warped[0, ~lost, 3, 0], warped[0, ~lost, 0, 0], atol=0.51)
        assert (warped[2, ~lost, 3] == 1).all()


def test_lost_joints_are_lost_for_one_stretch() -> None:
    joints = walk(50)
    lost = SkeletonAugment(joint_dropout=0.5)(joints, COCO17, generator(0))[2, :, :, 0] == 0
    changes = np.abs(np.diff(np.pad(lost, ((1, 1), (0, 0))).astype(int), axis=0)).sum(0)
    assert set(changes) == {0, 2}
    assert not SkeletonAugment(joint_dropout=1)(walk(1), COCO17, generator(0)).any()


def test_joints_flicker_each_frame_for_itself_up_to_a_share() -> None:
    joints = walk(400)
    shares = []
    for seed in range(20):
        lost = SkeletonAugment(flicker=0.4)(joints, COCO17, generator(seed))[2] == 0
        shares.append(lost.mean())
        assert np.ptp(lost.mean(0)) < 0.25  # no joint is spared, none is lost altogether
    assert 0 < min(shares) < 0.1 and 0.3 < max(shares) < 0.45


def test_lost_frames_show_nobody() -> None:
    joints = sequence(COCO17, frames=400)
    found = SkeletonAugment(frame_dropout=0.25)(joints, COCO17, generator(0))
    empty = ~found.any((0, 2, 3))
    assert 70 < empty.sum() < 130
    assert np.array_equal(found[:, ~empty], joints[:, ~empty])


@pytest.mark.parametrize("height", [1.7, 500.0])
def test_jitter_is_in_sizes_of_a_body_whatever_the_unit(height: float) -> None:
    joints = sequence(COCO17, frames=100)
    joints[:2] *= height / 300
    found = SkeletonAugment(jitter=0.1)(joints, COCO17, generator(0))
    noise = (found - joints)[:2, joints[-1] > 0].std()
    # Joints are spread by 60 / 300 on each of two axes about a person's middle.
    assert noise == pytest.approx(0.1 * np.sqrt(2) * 60 / 300 * height, rel=0.05)


def test_classes_of_mirror_images() -> None:
    classes = ("left arm raised", "right arm raised", "both arms", "kick_L", "kick_R", "LeftTurn", "RightTurn", "Run")
    assert mirrored_label(classes) == (1, 0, 2, 4, 3, 6, 5, 7)
    assert mirrored_label(("wave left", "sit")) == (None, 1)
    assert mirrored_label(("leftover", "bright", "RUN", "armLeft", "armRight")) == (0, 1, 2, 4, 3)
    assert mirrored_label(("LEFT UP", "RIGHT UP", "left up")) == (1, 0, None)
    assert mirrored_label(("left to right", "right to left")) == (1, 0)


def test_settings_teach() -> None:
    for wrong in ({"mirror": 2.0}, {"scale": 1.0}, {"time_warp": 1.0}, {"rotation": -1.0}, {"joint_dropout": -0.1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            SkeletonAugment(**wrong)
    with pytest.raises(ValueError, match="before you normalize"):
        EVERYTHING(np.zeros((3, 5, 18, 1)), COCO17, generator(0))
