"""Layouts: every joint reaches the center, sides mirror each other, names are unique; and their graph matrices."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from co_perception.skeletons.layouts import (
    BLAZEPOSE33,
    BODY25,
    COCO17,
    HRI18,
    LAYOUTS,
    NTU25,
    OPENPOSE18,
    Layout,
    spatial_partition,
)
from co_perception.skeletons.layouts import layout as layout_called

ALL = pytest.mark.parametrize("skeleton", LAYOUTS.values(), ids=list(LAYOUTS))


@ALL
def test_joints_and_links_are_consistent(skeleton: Layout) -> None:
    joints = len(skeleton)
    assert skeleton.name == f"{skeleton.name.rstrip('0123456789')}{joints}"
    assert len(set(skeleton.joints)) == joints
    assert len(skeleton.links) == joints - 1 and len(skeleton.bone_starts) == joints
    assert {joint for joint, _ in skeleton.links} == set(range(joints)) - {skeleton.center}
    assert all(0 <= towards < joints for _, towards in skeleton.links)


@ALL
def test_every_joint_reaches_the_center(skeleton: Layout) -> None:
    towards = dict(skeleton.links)
    for joint in range(len(skeleton)):
        for _ in range(len(skeleton)):
            joint = towards.get(joint, joint)
        assert joint == skeleton.center


@ALL
def test_links_mirror_each_other(skeleton: Layout) -> None:
    mirror = skeleton.mirror
    assert [mirror[mirror[joint]] for joint in range(len(skeleton))] == list(range(len(skeleton)))
    assert {(mirror[a], mirror[b]) for a, b in skeleton.links} == set(skeleton.links)
    for left, right in skeleton.sides:
        assert skeleton.joints[left].replace("left", "right") == skeleton.joints[right]
    middle = [joint for joint, other in enumerate(mirror) if joint == other]
    assert 2 * len(skeleton.sides) + len(middle) == len(skeleton)


def test_the_published_numbers_of_joints() -> None:
    assert (len(NTU25), len(OPENPOSE18), len(COCO17)) == (25, 18, 17)
    assert [NTU25.joints[j] for j in (0, 4, 8, 20, 22, 24)] == [
        "spine_base", "left_shoulder", "right_shoulder", "spine_shoulder", "left_thumb", "right_thumb",
    ]  # fmt: skip
    assert OPENPOSE18.index("right_wrist") == 4 and OPENPOSE18.index("left_ear") == 17
    assert COCO17.index("left_shoulder") == 5 and COCO17.index("right_ankle") == 16
    for joint, number in {"neck": 1, "middle_hip": 8, "left_ankle": 14, "right_eye": 15, "left_heel": 21}.items():
        assert BODY25.index(joint) == number
    # MediaPipe: left is odd from the ears down, and the three eye corners of a side run outward.
    assert all(left % 2 == 1 and right == left + 1 for left, right in BLAZEPOSE33.sides if left >= 7)
    assert [BLAZEPOSE33.index(f"left_eye{where}") for where in ("_inner", "", "_outer")] == [1, 2, 3]
    assert BLAZEPOSE33.index("left_wrist") == 15 and BLAZEPOSE33.index("right_foot_index") == 32


def test_hri_is_openpose_with_the_eyes_and_the_ears_swapped() -> None:
    """The constants of hri_msgs/Skeleton2D: LEFT_EYE 14, RIGHT_EYE 15, LEFT_EAR 16, RIGHT_EAR 17."""
    assert HRI18.joints[:14] == OPENPOSE18.joints[:14]
    assert HRI18.joints[14:] == ("left_eye", "right_eye", "left_ear", "right_ear")
    for skeleton in (HRI18, OPENPOSE18):
        assert skeleton.bone_starts[skeleton.index("left_ear")] == skeleton.index("left_eye")
        assert (skeleton.index("left_ear"), skeleton.index("left_eye")) in skeleton.links


@ALL
def test_the_documentation_says_the_same(skeleton: Layout) -> None:
    page = (Path(__file__).parents[2] / "docs/skeletons.md").read_text()
    assert f"| `{skeleton.name}` | {len(skeleton)} | {skeleton.center}, " in page


def test_lookup_teaches_and_records_are_frozen() -> None:
    assert layout_called("coco17") is COCO17
    with pytest.raises(ValueError, match="blazepose33, body13, body25, coco17, hri18, ntu25, openpose18"):
        layout_called("coco")
    with pytest.raises(ValueError, match="right_wrist"):
        OPENPOSE18.index("wrist")
    with pytest.raises(dataclasses.FrozenInstanceError):
        COCO17.center = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("skeleton", "sums"), [(OPENPOSE18, (18, 17, 12)), (NTU25, (25, 24, 20)), (COCO17, (17, 16, 11))]
)
def test_sums(skeleton: Layout, sums: tuple[int, ...]) -> None:
    assert np.allclose(spatial_partition(skeleton).sum((1, 2)), sums)


@ALL
def test_a_joint_takes_the_mean_of_its_neighbors(skeleton: Layout) -> None:
    x = np.random.default_rng(0).normal(size=(2, len(skeleton)))
    itself, inward, outward = (x @ kind for kind in spatial_partition(skeleton))
    assert np.allclose(itself, x)
    for joint in range(len(skeleton)):
        towards = [b for a, b in skeleton.links if a == joint]
        away = [a for a, b in skeleton.links if b == joint]
        for got, neighbors in ((inward, towards), (outward, away)):
            wanted = x[:, neighbors].mean(1) if neighbors else np.zeros(2)
            assert np.allclose(got[:, joint], wanted)
