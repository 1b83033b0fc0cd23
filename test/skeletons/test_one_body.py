"""Halves of one person, and a person found twice, are one body; people beside each other are not."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.drawn_people import Figure
from numpy.typing import NDArray

from co_perception.data.messages.people import TWICE, from_skeletons, once_each
from co_perception.engine.target import Pose
from co_perception.pose.tracker import Tracker
from co_perception.skeletons.layouts import layout
from co_perception.skeletons.one_body import LEAST, MOST, bodies, body_sizes, joined
from co_perception.skeletons.separate_people import APART, MOST_PAIRS, SeparatePeople

COCO = layout("coco17")
Joints = NDArray[np.float32]
ARMS = [7, 8, 9, 10]
HALVES = {
    "wrists in both": (range(11), range(9, 17)),
    "nothing in both": (range(11), range(11, 17)),
    "legs from the knees on": (range(13), range(13, 17)),
    "left and right": ([0, *range(1, 17, 2)], [0, *range(2, 17, 2)]),
}


def figure(seed: int = 3, at: float = 0.0, activity: str = "stand") -> Joints:
    joints = Figure(activity, seed).frame(at)[:, [0, 1, 3]].copy()
    joints[:, 2] = 0.9
    return joints


def part(joints: Joints, numbers: object) -> Joints:
    retained = np.isin(np.arange(17), list(numbers))  # type: ignore[call-overload]
    return np.where(retained[:, None], joints, 0).astype(np.float32)


@pytest.mark.parametrize("halves", HALVES.values(), ids=list(HALVES))
@pytest.mark.parametrize("activity", ["stand", "squat", "wave"])
@pytest.mark.parametrize("seed", [3, 5, 8])
def test_two_halves(halves: tuple[range, range], activity: str, seed: int) -> None:
    joints = figure(seed, 0.7, activity)
    parts = np.stack([part(joints, numbers) for numbers in halves])
    assert bodies(parts, COCO) == [[0, 1]]
    np.testing.assert_array_equal(joined(parts), joints)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_person_found_twice(noise: float) -> None:
    one = figure()
    error = np.random.default_rng(1).normal(0, noise * np.ptp(one[:, 1]), (17, 2))
    other = np.column_stack([one[:, :2] + error, one[:, 2]]).astype(np.float32)
    assert bodies(np.stack([one, other, one + [150, 0, 0]]), COCO) == [[0, 1], [2]]


@pytest.mark.parametrize("aside", [0.35, 0.6, 1.0, 3.0])
@pytest.mark.parametrize("cut", [range(17), range(11), range(11, 17)])
def test_people_beside_each_other_are_several(aside: float, cut: range) -> None:
    one = figure()
    torso = float(np.linalg.norm(one[[5, 6], :2].mean(0) - one[[11, 12], :2].mean(0)))
    other = one + np.array([aside * torso, 0.1 * torso, 0], np.float32)
    assert bodies(np.stack([one, part(other, cut)]), COCO) == [[0], [1]]
    assert bodies(np.stack([part(one, cut), part(other, cut)]), COCO) == [[0], [1]]


def test_upper_body_and_the_legs_of_another_person_are_two() -> None:
    one = figure()
    for away in ([120, 0, 0], [0, 130, 0], [-110, 60, 0]):
        legs = part(one + np.array(away, np.float32), range(11, 17))
        assert bodies(np.stack([part(one, range(11)), legs]), COCO) == [[0], [1]]


@pytest.mark.parametrize("far", [1.6, 2.0, 2.4])
def test_a_bone_between_the_halves_does_not_measure_itself(far: float) -> None:
    """The fault: such a bone gave the size that it was compared with, so legs anywhere near a body fitted it."""
    one = figure()
    torso = float(np.linalg.norm(one[[5, 6], :2].mean(0) - one[[11, 12], :2].mean(0)))
    other = one + np.array([far * torso, 0, 0], np.float32)
    for halves in HALVES.values():
        parts = [part(each, numbers) for each, numbers in zip((one, other), halves, strict=True)]
        assert bodies(np.stack(parts), COCO) == [[0], [1]]


def facing(joints: Joints, apart: float) -> Joints:
    """Two people (2, 17, 3) seen from the side who face each other, `apart` torsos between their hips."""
    torso = float(np.linalg.norm(joints[[5, 6], :2].mean(0) - joints[[11, 12], :2].mean(0)))
    pair = np.stack([joints, joints])
    for person, sign in zip(pair, (-1, 1), strict=True):
        middle = person[[11, 12], 0].mean()
        person[:, 0] = sign * (apart / 2 * torso + 0.3 * (person[:, 0] - middle))
        person[[0, 1, 2], 0] -= sign * 0.2 * torso
    return pair


@pytest.mark.parametrize("hidden", ["nothing", "what the other covers", "the far arms"])
@pytest.mark.parametrize("apart", [0.4, 0.7, 1.5])
@pytest.mark.parametrize("contact", ["hug", "shake hands", "stand close"])
def test_two_people_in_contact_are_two(contact: str, apart: float, hidden: str) -> None:
    pair = facing(figure(), apart)
    shoulders = pair[:, [5, 6], :2].mean(1)
    if contact == "hug":  # the hands are on the other's back
        pair[:, 9:11, :2] = (shoulders[::-1] + (pair[::-1, 11:13, :2].mean(1) - shoulders[::-1]) / 3)[:, None]
    elif contact == "shake hands":
        pair[:, 10, :2] = pair[:, [5, 6, 11, 12], :2].mean((0, 1))
    if hidden == "what the other covers":
        low, high = pair[0, :, :2].min(0), pair[0, :, :2].max(0)
        pair[1, ((pair[1, :, :2] >= low) & (pair[1, :, :2] <= high)).all(1)] = 0
    elif hidden == "the far arms":
        pair[0, 7:11:2], pair[1, 8:11:2] = 0, 0
    assert bodies(pair, COCO) == [[0], [1]]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 3, 1, 2), (1, 2, 0, 3), (3, 0, 2, 1)])
@pytest.mark.parametrize("apart", [0.35, 0.5, 0.8])
@pytest.mark.parametrize("halves", list(HALVES.values())[:3], ids=list(HALVES)[:3])
def test_halves_of_two_people_in_contact_go_to_their_own(
    halves: tuple[range, range], apart: float, order: tuple[int, ...]
) -> None:
    """The fault: upper and lower bodies of two who hug, four poses, became one person or two crossed ones."""
    pair = facing(figure(), apart)
    parts = [part(pair[person], numbers) for person in (0, 1) for numbers in halves]
    found = bodies(np.stack([parts[n] for n in order]), COCO)
    assert sorted({tuple(sorted(order[n] for n in body)) for body in found}) == [(0, 1), (2, 3)]


def test_two_halves_are_one_track() -> None:
    """The fault two_halves: one person of whom the estimator gives two partial skeletons had two ids."""
    tracker = Tracker()
    for frame in range(20):
        joints = figure(3, frame / 15)
        halves = [part(joints, numbers) for numbers in HALVES["wrists in both"]]
        poses = [Pose(each, confidence=0.6 - 0.1 * n) for n, each in enumerate(halves)]
        tracked = tracker.update(poses, 10**18 + frame * 66 * 10**6)
    assert [pose.id for pose in tracked.poses] == ["p1"] and tracked.ignored == 1
    np.testing.assert_allclose(tracked.poses[0].data, joints)


def test_halves_and_doubles_in_a_message_are_joined_told_and_counted() -> None:
    joints = figure()
    poses: dict[str, Joints] = {
        "p2": part(joints, range(11)),
        "p1": part(joints, range(9, 17)),
        "p3": joints + np.array([0.5, 0.5, 0], np.float32),
    }
    poses["p10"] = joints + np.array([200, 0, 0], np.float32)
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    people = [
        SimpleNamespace(
            subject_id=id, layout="coco17", score=0.9, roi=roi,
            keypoints=[SimpleNamespace(x=x, y=y, z=np.nan, score=s) for x, y, s in each.tolist()],
        )
        for id, each in poses.items()
    ]  # fmt: skip
    header = SimpleNamespace(frame_id="camera")
    sizes = {"image_width": 1000, "image_height": 800}
    found = from_skeletons(SimpleNamespace(header=header, coordinates=0, skeletons=people, **sizes))
    assert [pose.id for pose in found.poses] == ["p1", "p10"] and set(found.regions) == {"p1", "p10"}
    assert [refusal.kind for refusal in found.refused] == [TWICE, TWICE] and found.poses[0].found.all()
    assert found.regions["p1"].height >= np.ptp(joints[:, 1])


HUG = [part(pose, numbers) for pose, numbers in zip(facing(figure(), 0.4), (range(11), range(11, 17)), strict=True)]


def test_crossed_halves_of_two_who_were_seen_apart_are_two_tracks() -> None:
    """The fault: two who hug, of whom the estimator gives the upper body of one and the legs of the other."""
    tracker, pair = Tracker(), facing(figure(), 0.4)
    for frame in range(30):
        tracked = tracker.update([Pose(each) for each in (pair if frame < 5 else HUG)], 10**18 + frame * 66 * 10**6)
        assert frame < 2 or [pose.id for pose in tracked.poses] == ["p1", "p2"]


def test_halves_of_one_of_two_who_were_seen_apart_are_one_track() -> None:
    tracker, one = Tracker(), figure()
    other = one + np.array([150, 0, 0], np.float32)
    for frame in range(20):
        halves = [part(one, range(11)), part(one, range(11, 17))]
        poses = [one, other] if frame < 5 else [*halves, other] if frame < 10 else halves
        tracked = tracker.update([Pose(each) for each in poses], 10**18 + frame * 66 * 10**6)
        assert frame < 2 or len(tracked.poses) == 1 + (frame < 10)


def test_messages_are_joined_by_what_was_seen_before() -> None:
    """Ids that showed whole people apart keep their halves, for ten seconds; others are joined."""
    separate, pair, now_ns = SeparatePeople(), facing(figure(), 0.4), 10**18

    def ids(joints: object, at_s: float) -> list[str]:
        poses = [Pose(each, id=id) for each, id in zip(joints, ("a", "b"), strict=True)]  # type: ignore[call-overload]
        return [pose.id for pose in once_each(poses, separate, now_ns + round(at_s * 1e9))[0]]

    assert ids(HUG, 0) == ["a"] and ids(pair, 1) == ["a", "b"]
    assert ids(HUG, 2) == ids(HUG, 10.9) == ["a", "b"] and ids(HUG, 11.1) == ["a"]
    assert ids(np.stack([pair[0], pair[0]]), 2) == ["a"], "one person found twice is one, whoever was there before"


def test_what_is_remembered_of_people_is_bounded() -> None:
    separate, one = SeparatePeople(), figure()
    people = np.stack([one + np.array([150 * n, 0, 0], np.float32) for n in range(64)])
    for run in range(4):
        separate.note([f"{run}_{n}" for n in range(64)], people, COCO, 0)
    assert len(separate._seen_ns) == MOST_PAIRS
    assert separate.two("3_0", "3_63", 0) and not separate.two("0_0", "0_1", 0) and not separate.two("", "3_0", 0)


def test_people_who_were_seen_apart_are_those_whose_joints_are_far_from_each_other_in_the_median() -> None:
    rng, names = np.random.default_rng(0), [f"p{n}" for n in range(6)]
    joints = rng.uniform(0, 100, (6, len(COCO), 3)).astype(np.float32) * [0.2, 1, 1]
    joints[..., 2] = rng.random((6, len(COCO))) < 0.4
    people = SeparatePeople()
    people.note(names, joints, COCO, 0)
    for one, other in combinations(range(6), 2):
        both = (joints[one, :, 2] > 0) & (joints[other, :, 2] > 0)
        size = body_sizes(joints[[one, other], :, :2], joints[[one, other], :, 2] > 0, COCO).max()
        apart = np.linalg.norm(joints[one, both, :2] - joints[other, both, :2], axis=-1)
        wanted = both.sum() >= LEAST and 0 < size * APART < np.median(apart)
        assert people.two(names[one], names[other], 0) == wanted


def test_crowds_are_not_compared() -> None:
    people, names = SeparatePeople(), [f"p{n}" for n in range(MOST + 1)]
    joints = np.arange(MOST + 1)[:, None, None] * 100 + np.random.default_rng(0).random((MOST + 1, len(COCO), 3)) + 1
    people.note(names, joints, COCO, 0)
    assert not people.two("p0", "p1", 0)
    people.note(names[:MOST], joints[:MOST], COCO, 0)
    assert people.two("p0", "p1", 0)
