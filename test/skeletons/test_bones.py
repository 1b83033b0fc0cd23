"""Bones: differences of joints, and joints again from bones."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.skeletons.bones import bones
from co_perception.skeletons.layouts import LAYOUTS, NTU25, OPENPOSE18, Layout

# (end, start) as the published data preparation has them, NTU from 1.
NTU_PAIRS = (
    (1, 2), (2, 21), (3, 21), (4, 3), (5, 21), (6, 5), (7, 6), (8, 7), (9, 21), (10, 9), (11, 10), (12, 11), (13, 1),
    (14, 13), (15, 14), (16, 15), (17, 1), (18, 17), (19, 18), (20, 19), (22, 23), (21, 21), (23, 8), (24, 25),
    (25, 12),
)  # fmt: skip
OPENPOSE_PAIRS = (
    (0, 0), (1, 0), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6), (8, 2), (9, 8), (10, 9), (11, 5), (12, 11),
    (13, 12), (14, 0), (15, 0), (16, 14), (17, 15),
)  # fmt: skip


@pytest.mark.parametrize(("skeleton", "pairs", "first"), [(NTU25, NTU_PAIRS, 1), (OPENPOSE18, OPENPOSE_PAIRS, 0)])
def test_published_pairs(skeleton: Layout, pairs: tuple[tuple[int, int], ...], first: int) -> None:
    joints = np.random.default_rng(0).normal(size=(3, 4, len(skeleton), 2))
    found = bones(joints, skeleton)
    for end, start in pairs:
        assert np.array_equal(found[:, :, end - first], joints[:, :, end - first] - joints[:, :, start - first])


@pytest.mark.parametrize("skeleton", LAYOUTS.values(), ids=list(LAYOUTS))
def test_joints_come_back_from_bones_and_one_joint(skeleton: Layout) -> None:
    joints = np.random.default_rng(0).normal(size=(len(skeleton), 3))
    found = bones(joints, skeleton, axis=0)
    (root,) = [joint for joint, start in enumerate(skeleton.bone_starts) if joint == start]
    assert not found[root].any()
    for joint in range(len(skeleton)):
        place, walk = joint, np.zeros(3)
        while place != root:
            walk, place = walk + found[place], skeleton.bone_starts[place]
        assert np.allclose(joints[root] + walk, joints[joint])


def test_the_wrong_axis_is_refused() -> None:
    with pytest.raises(ValueError, match="axis"):
        bones(np.zeros((3, 25)), NTU25)
