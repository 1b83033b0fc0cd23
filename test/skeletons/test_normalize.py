"""Normalized joints: independent of place and size in the picture, bounded, never NaN; bone and motion streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.random_search import examples
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from co_perception.skeletons.layouts import COCO17, LAYOUTS, NTU25, OPENPOSE18, Layout
from co_perception.skeletons.normalize import HOW, KINDS, REACH, as_stream, bones, normalize, normalize_sequence

Floats = NDArray[Any]
ALL = pytest.mark.parametrize("skeleton", LAYOUTS.values(), ids=list(LAYOUTS))

# A person with a torso of 1 who faces the camera with the arms down, x to the image's right, y downwards from the hips.
STANDING = {
    "nose": (0.0, -1.40), "left_eye": (0.06, -1.45), "right_eye": (-0.06, -1.45), "left_ear": (0.15, -1.40),
    "right_ear": (-0.15, -1.40), "left_shoulder": (0.35, -1.0), "right_shoulder": (-0.35, -1.0),
    "left_elbow": (0.37, -0.42), "right_elbow": (-0.37, -0.42), "left_wrist": (0.37, 0.1), "right_wrist": (-0.37, 0.1),
    "left_hip": (0.20, 0.0), "right_hip": (-0.20, 0.0), "left_knee": (0.20, 0.83), "right_knee": (-0.20, 0.83),
    "left_ankle": (0.20, 1.65), "right_ankle": (-0.20, 1.65),
}  # fmt: skip


def person(**scores: float) -> Floats:
    """(17, 3) of COCO joints in pixels; `scores` of single joints, 0.9 otherwise."""
    where = np.array([STANDING[joint] for joint in COCO17.joints]) * 115 + (320, 240)
    score = [scores.get(joint, 0.9) for joint in COCO17.joints]
    return np.column_stack([where, score]).astype(np.float32)


def without(*joints: str) -> Floats:
    return person(**dict.fromkeys(joints, 0.0))


def place(normalized: Floats, joint: str) -> Floats:
    return normalized[COCO17.index(joint), :2]


def test_a_standing_person_in_torsos() -> None:
    found = normalize(person(), COCO17, "body")
    assert found.shape == (17, 3) and found.dtype == np.float32
    wanted = np.array([STANDING[joint] for joint in COCO17.joints])
    assert np.allclose(found[:, :2], wanted, atol=0.01)
    assert np.allclose(found[:, 2], 0.9)


@examples(30)
@given(st.integers(0, 10**6), st.floats(0.01, 50), st.floats(-3000, 3000), st.floats(-3000, 3000))
def test_neither_place_nor_size_of_the_person_is_left(seed: int, scale: float, dx: float, dy: float) -> None:
    rng = np.random.default_rng(seed)
    some = rng.normal(size=(17, 3)) * 100
    some[:, 2] = rng.uniform(0, 1, 17)
    moved = some * (scale, scale, 1) + (dx, dy, 0)
    assert np.allclose(normalize(moved, COCO17, "body"), normalize(some, COCO17, "body"), atol=1e-4)


@pytest.mark.parametrize(
    "unseen",
    [
        ("left_hip",), ("right_hip",), ("left_hip", "right_hip"), ("left_shoulder",),
        ("left_shoulder", "right_shoulder"), ("left_ear", "right_ear", "nose"),
        ("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
    ],
)  # fmt: skip
def test_what_is_seen_stays_where_it_is_when_something_else_is_unseen(unseen: tuple[str, ...]) -> None:
    whole, part = normalize(person(), COCO17, "body"), normalize(without(*unseen), COCO17, "body")
    for joint in COCO17.joints:
        if joint in unseen:
            assert not part[COCO17.index(joint)].any()
        else:
            assert np.allclose(place(part, joint), place(whole, joint), atol=0.05), joint


def test_with_one_side_alone_the_middle_is_out_by_half_the_hips_and_no_more() -> None:
    left = [joint for joint in COCO17.joints if joint.startswith("left")]
    whole, part = normalize(person(), COCO17, "body"), normalize(without(*left), COCO17, "body")
    for joint in set(COCO17.joints) - set(left):
        assert np.allclose(place(part, joint), place(whole, joint) + (0.2, 0), atol=0.01)


def turned(yaw: float, pitch: float) -> Floats:
    """The standing person as a far camera sees them, turned about the vertical axis and bent towards it, degrees."""
    joints = np.array([(*STANDING[joint], 0.0) for joint in COCO17.joints])
    a, b = np.deg2rad([yaw, pitch])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    trunk = [j for j, joint in enumerate(COCO17.joints) if STANDING[joint][1] < 0 and "knee" not in joint]
    joints[trunk] = joints[trunk] @ about_x.T
    return np.column_stack([(joints @ about_y.T)[:, :2] * 115, np.ones(17)])


@pytest.mark.parametrize(("yaw", "pitch"), [(90, 0), (0, 90), (45, 45), (0, 75), (90, 75), (30, 90)])
def test_the_scale_does_not_explode_when_the_torso_is_foreshortened(yaw: float, pitch: float) -> None:
    """A thigh keeps its length in the picture: it may grow by a third at most, whatever the torso does."""
    shown = normalize(turned(yaw, pitch), COCO17, "body")
    thigh = np.linalg.norm(place(shown, "left_hip") - place(shown, "left_knee"))
    assert 0.9 * 0.83 < thigh < 1.33 * 0.83


def test_the_scale_is_smooth_while_a_person_turns() -> None:
    shown = [normalize(turned(yaw, 0), COCO17, "body") for yaw in range(180)]
    thighs = [np.linalg.norm(place(one, "left_hip") - place(one, "left_knee")) for one in shown]
    assert np.abs(np.diff(thighs)).max() < 0.005


def test_even_shoulders_seen_from_the_side_alone_do_not_explode() -> None:
    visible = {"left_shoulder", "right_shoulder", "nose", "left_wrist"}
    only = without(*(set(COCO17.joints) - visible))
    only[COCO17.index("left_shoulder"), 0] = only[COCO17.index("right_shoulder"), 0] + 0.01
    assert np.abs(normalize(only, COCO17, "body")[:, :2]).max() <= REACH + 1


def test_a_joint_below_the_score_is_as_if_it_had_never_been_there() -> None:
    low = person(left_wrist=0.05)
    low[COCO17.index("left_wrist"), :2] = 1e6
    assert np.array_equal(normalize(low, COCO17, "body"), normalize(without("left_wrist"), COCO17, "body"))
    assert normalize(low, COCO17, "body", min_score=0.01)[COCO17.index("left_wrist"), 2] == np.float32(0.05)


@pytest.mark.parametrize("joints", [(), ("nose", "left_eye"), ("left_ankle", "right_ankle")])
def test_a_person_without_a_body_is_zeros(joints: tuple[str, ...]) -> None:
    assert not normalize(without(*(set(COCO17.joints) - set(joints))), COCO17, "body").any()
    assert not normalize(np.zeros((2, 17, 3)), COCO17, "body").any()


@examples(60)
@given(st.data())
def test_never_nan_and_bounded(data: st.DataObject) -> None:
    """Whatever an estimator sends: NaN, infinities, huge and tiny numbers, all joints in one point."""
    number = st.sampled_from([np.nan, np.inf, -np.inf, 1e30, -1e30, 1e-38, 0.0, 1.0, 320.0])
    keypoints = np.array(data.draw(st.lists(number, min_size=17 * 3, max_size=17 * 3)), dtype=np.float32).reshape(17, 3)
    keypoints[:, 2] = data.draw(st.lists(st.sampled_from([0, 0.5, 1, np.nan, -1]), min_size=17, max_size=17))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        found = normalize(keypoints, COCO17, "body")
    assert np.isfinite(found).all() and np.abs(found[:, :2]).max() <= REACH + 1.001


@ALL
def test_every_layout_and_any_leading_axes(skeleton: Layout) -> None:
    rng = np.random.default_rng(0)
    joints = rng.normal(size=(2, 5, 3, len(skeleton), 4)).astype(np.float32)
    joints[..., 3] = rng.uniform(0, 1, joints.shape[:-1])
    for how in HOW:
        together = normalize(joints, skeleton, how, image_size=(640, 480))
        assert together.shape == (2, 5, 3, len(skeleton), 3)
        alone = [normalize(one, skeleton, how, image_size=(640, 480)) for one in joints.reshape(-1, len(skeleton), 4)]
        assert np.array_equal(together.reshape(-1, len(skeleton), 3), alone)


def test_a_sequence_is_its_frames() -> None:
    sequence = np.random.default_rng(0).uniform(0.2, 1, size=(3, 6, 17, 2)).astype(np.float32)
    clip = normalize_sequence(sequence, COCO17, "body")
    assert clip.shape == (3, 6, 17, 2)
    for t in range(6):
        for m in range(2):
            assert np.array_equal(clip[:, t, :, m].T, normalize(sequence[:, t, :, m].T, COCO17, "body"))


def published_spine(data: Floats) -> Floats:
    """(3, T, V, M) as ST-GCN's preparation of NTU RGB+D centers it, rotation left out: joint 1 (from 0) of the first
    person, every frame."""
    return np.stack([data[..., m] - data[:, :, 1:2, 0] for m in range(data.shape[-1])], -1)


def test_spine_as_published() -> None:
    data: Floats = np.random.default_rng(0).normal(size=(4, 6, 25, 2)).astype(np.float32)
    data[3] = 1
    assert np.allclose(normalize_sequence(data, NTU25, "spine"), published_spine(data[:3]), atol=1e-6)
    # The spine is that of the first who is there, and absent joints stay zeros.
    data = np.random.default_rng(0).normal(size=(4, 2, 25, 2))
    data[3] = 1
    data[:, 0, :, 0] = 0  # nobody first in frame 0
    data[:, 1, 7, 1] = 0  # a hand that is not visible
    found = normalize_sequence(data, NTU25, "spine")
    assert not found[:, 0, :, 0].any() and not found[:, 1, 7, 1].any()
    assert np.allclose(found[:, 0, :, 1], data[:3, 0, :, 1] - data[:3, 0, 1:2, 1], atol=1e-6)
    assert np.allclose(found[:, 1, 8, 1], data[:3, 1, 8, 1] - data[:3, 1, 1, 0], atol=1e-6)


def test_spine_of_everybody_on_their_own_and_without_a_spine() -> None:
    data = np.random.default_rng(0).normal(size=(3, 25, 4))
    data[..., 3] = 1
    data[1, 1] = 0
    found = normalize(data, NTU25, "spine")
    assert np.allclose(found[0], data[0, :, :3] - data[0, 1, :3], atol=1e-6)
    trunk = data[1, [4, 8, 12, 16], :3].mean(0)
    assert np.allclose(found[1, 0], data[1, 0, :3] - trunk, atol=1e-6)


def test_image_as_kinetics_skeleton_has_it() -> None:
    rng = np.random.default_rng(0)
    relative = rng.uniform(0, 1, size=(3, 7, 18, 2)).astype(np.float32)
    relative[2, :, 4] = 0
    wanted = relative.copy()
    wanted[0:2] -= 0.5
    wanted[1] *= -1
    for row in (0, 1):
        wanted[row][wanted[2] == 0] = 0
    pixels = relative * np.array([340, 256, 1], np.float32)[:, None, None, None]
    found = normalize_sequence(pixels, OPENPOSE18, "image", min_score=0, image_size=(340, 256))
    assert np.allclose(found, wanted, atol=1e-6)


def test_errors_teach() -> None:
    with pytest.raises(ValueError, match="body, spine, image"):
        normalize(person(), COCO17, "torso")
    with pytest.raises(ValueError, match="normalize_sequence"):
        normalize(np.zeros((3, 10, 17, 1)), COCO17, "body")
    with pytest.raises(ValueError, match=r"25, 4\)"):
        normalize(np.zeros((25, 3)), NTU25, "spine")
    with pytest.raises(ValueError, match="image_size"):
        normalize(person(), COCO17, "image")
    with pytest.raises(ValueError, match="persons"):
        normalize_sequence(np.zeros((10, 17, 3)), COCO17, "body")


def sequence(layout: Layout) -> Floats:
    return np.random.default_rng(0).normal(size=(3, 6, len(layout), 2)).astype(np.float32)


@ALL
def test_joints_bones_and_motion(skeleton: Layout) -> None:
    joints = sequence(skeleton)
    assert np.array_equal(as_stream(joints, "joint", skeleton), joints)
    assert np.array_equal(as_stream(joints, "bone", skeleton), bones(joints, skeleton))
    published = np.zeros_like(joints)  # MS-AAGCN: frame t has what frame t + 1 adds
    for t in range(5):
        published[:, t] = joints[:, t + 1] - joints[:, t]
    assert np.allclose(as_stream(joints, "motion", skeleton)[:, 1:], published[:, :-1])
    assert not as_stream(joints, "motion", skeleton)[:, 0].any()
    both = bones(as_stream(joints, "motion", skeleton), skeleton)
    assert np.allclose(as_stream(joints, "bone_motion", skeleton), both, atol=1e-5)


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


def test_errors_of_streams_teach() -> None:
    with pytest.raises(ValueError, match="joint, bone, motion"):
        as_stream(sequence(NTU25), "bones", NTU25)
    with pytest.raises(ValueError, match="17"):
        as_stream(sequence(NTU25), "joint", COCO17)
    with pytest.raises(ValueError, match="axis"):
        bones(np.zeros((3, 25)), NTU25)


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


@ALL
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
