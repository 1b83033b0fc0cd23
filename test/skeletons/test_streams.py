"""Streams against their published definition, and frame by frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from co_perception.skeletons.bones import bones
from co_perception.skeletons.layouts import COCO17, LAYOUTS, NTU25, Layout
from co_perception.skeletons.streams import KINDS, as_stream


def sequence(layout: Layout) -> NDArray[Any]:
    return np.random.default_rng(0).normal(size=(3, 6, len(layout), 2)).astype(np.float32)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_joints_bones_and_motion(layout: Layout) -> None:
    joints = sequence(layout)
    assert np.array_equal(as_stream(joints, "joint", layout), joints)
    assert np.array_equal(as_stream(joints, "bone", layout), bones(joints, layout))
    published = np.zeros_like(joints)  # MS-AAGCN: frame t has what frame t + 1 adds
    for t in range(5):
        published[:, t] = joints[:, t + 1] - joints[:, t]
    assert np.allclose(as_stream(joints, "motion", layout)[:, 1:], published[:, :-1])
    assert not as_stream(joints, "motion", layout)[:, 0].any()
    assert np.allclose(
        as_stream(joints, "bone_motion", layout),
        bones(as_stream(joints, "motion", layout), layout), atol=1e-5,
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_no_frame_needs_a_later_one(kind: str) -> None:
    joints = sequence(NTU25)
    whole = as_stream(joints, kind, NTU25)
    for t in range(1, 7):
        assert np.array_equal(as_stream(joints[:, :t], kind, NTU25), whole[:, :t])


def test_a_joint_that_comes_or_goes_has_not_moved() -> None:
    joints = sequence(COCO17)
    joints[:, 3, 9, 0] = 0
    found = as_stream(joints, "motion", COCO17)
    assert not found[:, 3:5, 9, 0].any()
    assert found[:, 5, 9, 0].all() and found[:, 3:5, 9, 1].all()


def test_errors_teach() -> None:
    with pytest.raises(ValueError, match="joint, bone, motion"):
        as_stream(sequence(NTU25), "bones", NTU25)
    with pytest.raises(ValueError, match="17"):
        as_stream(sequence(NTU25), "joint", COCO17)
