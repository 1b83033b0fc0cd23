"""Layouts are whole: every joint reaches the centre, sides mirror each other, names are there once."""

from __future__ import annotations

import dataclasses

import pytest

from co_perception.skeletons.layouts import COCO17, LAYOUTS, NTU25, OPENPOSE18, Layout, layout

ALL = pytest.mark.parametrize("skeleton", LAYOUTS.values(), ids=list(LAYOUTS))


@ALL
def test_joints_and_links_are_consistent(skeleton: Layout) -> None:
    joints = len(skeleton)
    assert skeleton.name == f"{skeleton.name.rstrip('0123456789')}{joints}"
    assert len(set(skeleton.joints)) == joints
    assert len(skeleton.links) == joints - 1 and len(skeleton.bone_starts) == joints
    assert {joint for joint, _ in skeleton.links} == set(range(joints)) - {skeleton.centre}
    assert all(0 <= towards < joints for _, towards in skeleton.links)


@ALL
def test_every_joint_reaches_the_centre(skeleton: Layout) -> None:
    towards = dict(skeleton.links)
    for joint in range(len(skeleton)):
        for _ in range(len(skeleton)):
            joint = towards.get(joint, joint)
        assert joint == skeleton.centre


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


def test_lookup_teaches_and_records_are_frozen() -> None:
    assert layout("coco17") is COCO17
    with pytest.raises(ValueError, match="coco17, ntu25, openpose18"):
        layout("coco")
    with pytest.raises(ValueError, match="right_wrist"):
        OPENPOSE18.index("wrist")
    with pytest.raises(dataclasses.FrozenInstanceError):
        COCO17.centre = 5  # type: ignore[misc]
