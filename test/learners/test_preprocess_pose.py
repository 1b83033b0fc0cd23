"""What a training of skeletons draws: the same preparation as on the robot, and augmentation that keeps the class."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from helpers.synthetic_poses import body, sequence

from co_perception.engine.data import Data, SkeletonSequence, Timeseries
from co_perception.engine.target import Category
from co_perception.learners.pose_examples import PoseExamples
from co_perception.learners.preprocess_pose import to_input
from co_perception.networks.variants_skeleton import COSTGCN_SHORT
from co_perception.training.augment import SkeletonAugment

CLASSES = ("wave", "wave left hand")
LONG = sequence([body(1, frame) for frame in range(40)])


def examples(data: Data, label: int = 0, augment: SkeletonAugment | None = None) -> PoseExamples:
    return PoseExamples([(data, Category(label))], [label], CLASSES, COSTGCN_SHORT, augment)


def wanted(part: SkeletonSequence) -> torch.Tensor:
    return torch.from_numpy(to_input(part.data.transpose(1, 3, 2, 0), "coco17", COSTGCN_SHORT).values)


def test_a_long_recording_gives_its_middle_and_in_training_any_part() -> None:
    assert torch.equal(examples(LONG).tensor(0, None), wanted(sequence([body(1, frame) for frame in range(12, 28)])))
    drawn = [examples(LONG).tensor(0, np.random.default_rng(seed)) for seed in range(30)]
    parts = [wanted(sequence([body(1, first + frame) for frame in range(16)])) for first in range(25)]
    found = {next(first for first, part in enumerate(parts) if torch.equal(part, one)) for one in drawn}
    assert len(found) > 10


def test_a_stretch_that_is_shorter_than_an_example_ends_with_zeros() -> None:
    short = sequence([body(1, frame) for frame in range(12)])
    found = PoseExamples([(short, Category(0))], [0], CLASSES, COSTGCN_SHORT, None, 20).tensor(0, None)
    assert found.shape == (3, 20, 17, 1)
    assert torch.equal(found[:, :12], wanted(short)) and not found[:, 12:].any()
    long = PoseExamples([(LONG, Category(0))], [0], CLASSES, COSTGCN_SHORT, None, 40).tensor(0, None)
    assert torch.equal(long, wanted(LONG))


def test_augmentation_is_a_function_of_the_generator_and_changes_training_alone() -> None:
    some = examples(LONG, augment=SkeletonAugment(rotation=20, jitter=0.05, joint_dropout=0.3))
    one, two, other = (some.tensor(0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, other) and one.shape == (3, 16, 17, 1)
    assert torch.equal(some.tensor(0, None), examples(LONG).tensor(0, None))


@pytest.mark.parametrize(("label", "mirrored"), [(0, True), (1, False)])
def test_only_a_class_that_is_its_own_mirror_image_is_mirrored(label: int, mirrored: bool) -> None:
    clip = sequence([body(1, frame) for frame in range(16)])
    drawn = examples(clip, label, SkeletonAugment(mirror=1.0)).tensor(0, np.random.default_rng(0))
    assert torch.allclose(drawn, wanted(clip), atol=1e-5) != mirrored
    if mirrored:  # left wrist (9) where the right one (10) was, on the other side of the body
        assert torch.allclose(drawn[0, :, 9], -wanted(clip)[0, :, 10], atol=1e-5)
        assert torch.allclose(drawn[1:, :, 9], wanted(clip)[1:, :, 10], atol=1e-5)


def test_other_joints_are_augmented_as_they_come_and_mapped_after() -> None:
    body25 = np.random.default_rng(0).uniform(50, 200, (3, 16, 25, 1)).astype(np.float32)
    body25[2] = 1
    data = SkeletonSequence(body25, "body25", 15.0)
    drawn = examples(data, augment=SkeletonAugment(rotation=5)).tensor(0, np.random.default_rng(0))
    assert drawn.shape == (3, 16, 17, 1)


def test_what_is_no_recording_of_poses_is_named() -> None:
    with pytest.raises(ValueError, match="example 0: expected a SkeletonSequence, got Timeseries"):
        examples(Timeseries(np.zeros((16, 6), np.float32))).tensor(0, None)
    with pytest.raises(ValueError, match="example 0: 40 frames do not tell their rate, .* give rate_hz"):
        examples(dataclasses.replace(LONG, rate_hz=None)).tensor(0, None)
    two = dataclasses.replace(COSTGCN_SHORT, persons=2)
    assert PoseExamples([(LONG, Category(0))], [0], CLASSES, two, None).tensor(0, None).shape == (3, 16, 17, 2)
