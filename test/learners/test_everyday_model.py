"""The everyday model that comes with the package: its file, its groups, and what it says of people."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from co_perception.engine.target import Pose, Status
from co_perception.learners.metadata import Metadata, shipped, shipped_names
from co_perception.learners.recognizers import KINDS, SkeletonSettings
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.runtime.store import store
from recipes.everyday import bodies, gestures, video
from recipes.everyday.card import NAME
from recipes.everyday.labels import GROUPS, class_names

WEIGHTS = "b086ee3bca023cb927f144d0d15859dcff8598075c920c6d942fb52f334d78f7"
STANDING = np.array(
    [[0, -0.72, -0.05], [0.18, -0.5, 0], [-0.18, -0.5, 0], [0.24, -0.22, 0], [-0.24, -0.22, 0], [0.25, 0.03, -0.05],
     [-0.25, 0.03, -0.05], [0.1, 0, 0], [-0.1, 0, 0], [0.11, 0.43, 0], [-0.11, 0.43, 0], [0.11, 0.85, 0],
     [-0.11, 0.85, 0]], np.float32,
)  # fmt: skip


@pytest.fixture(scope="module")
def learner() -> ContinualSkeletonLearner:
    found = ContinualSkeletonLearner("cotcn")
    found.load(NAME)
    return found


def test_the_shipped_file_is_the_one_that_was_measured(learner: ContinualSkeletonLearner) -> None:
    folder = shipped(NAME)
    content = (folder / "weights.safetensors").read_bytes()
    assert NAME in shipped_names() and len(content) < 4_000_000
    assert hashlib.sha256(content).hexdigest() == WEIGHTS
    saved = Metadata.read(folder)
    assert tuple(saved.labels) == class_names() and saved.rate_hz == 15.0
    assert learner.threshold == saved.threshold and 0.2 < saved.threshold < 0.8
    card = (folder / "README.md").read_text("utf-8")
    assert all(label in card for label in class_names()) and f"{saved.threshold:.2f}" in card
    for chapter in ("Data", "Split", "License", "Not for: safety", "Where it breaks", "an hour"):
        assert chapter in card


def test_a_node_gets_it_by_name_with_its_own_threshold() -> None:
    made = KINDS["skeleton"].loaded(SkeletonSettings(model=NAME, optimize=False))
    assert made.labels == class_names() and made.threshold == Metadata.read(shipped(NAME)).threshold


def said(learner: ContinualSkeletonLearner, people: np.ndarray, yaw: float) -> list[str]:
    """The labels of all groups after the last frame of one person (T, 13, 3) whom a camera 3.5 m away sees."""
    one = np.ones(1)
    seen = bodies.picture(people[None], yaw * one, 0.1 * one, 3.5 * one, np.zeros((1, 2)), 0 * one)[0]
    learner.reset()
    for points in seen:
        joints = np.concatenate([points * 500 + 320, np.full((13, 1), 0.7)], 1).astype(np.float32)
        [answer] = learner.infer([Pose(joints, "body13", id="a")])
    return [str(each.description) for each in answer.each_group()]


def figure(name: str) -> np.ndarray:
    """Three seconds of somebody who stands, and waves, sits or lies."""
    people = np.repeat(STANDING[None], 45, 0)
    if name == "waving":
        hand = np.array([0.35, 0.2, -0.45]) + 0.25 * np.sin(np.arange(45) * 0.85)[:, None] * [1.0, 0, 0]
        hands = np.stack([hand, np.broadcast_to(gestures.REST[0] * [-1, 1, 1], (45, 3))], 1)
        elbows = np.array([[[0.5, -0.4, 0.6], [-0.5, -0.4, 0.6]]])
        people = bodies.with_wrists(people[None], hands[None].astype(np.float32), elbows)[0]
    if name == "sitting":
        level = np.zeros((1, 1))
        people = bodies.seated(people[None], level, np.full((1, 2), 0.1), np.zeros((1, 2)), level)[0]
    if name == "lying":
        about = bodies.middle(people[None], bodies.L_HIP, bodies.R_HIP)
        people = bodies.turned(people[None], np.array([[0, 0, 1.0]]), np.full((1, 45), np.pi / 2), about)[0]
    return people


@pytest.mark.parametrize("yaw", [-0.5, 0.0, 0.5])
@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("standing", ["standing", "no_motion", "no_gesture"]), ("waving", ["standing", "no_motion", "waving"]),
        ("sitting", ["sitting", "no_motion", "no_gesture"]), ("lying", ["lying", "no_motion", "no_gesture"]),
    ],
)  # fmt: skip
def test_figures_are_known_from_the_front(
    learner: ContinualSkeletonLearner, name: str, wanted: list[str], yaw: float
) -> None:
    assert said(learner, figure(name), yaw) == wanted


@pytest.fixture
def street(learner: ContinualSkeletonLearner) -> Iterator[Counter[tuple[str, str, str]]]:
    """Answers (id, group, label or status) to Sports2D's demo, in which a woman walks by."""
    frames = video.people(store.locate("sports2d_demo"))[60:140]
    yield Counter((subject, each.group, video.told(each)) for _, subject, each in video.answered(learner, frames))


@pytest.mark.slow
def test_a_woman_who_walks_by_stands_and_walks(street: Counter[tuple[str, str, str]]) -> None:
    walks = {subject: count for (subject, group, told), count in street.items() if told == "walking"}
    [woman] = [subject for subject, count in walks.items() if count == max(walks.values())]
    own = {key[1:]: count for key, count in street.items() if key[0] == woman}
    told = sum(count for (group, name), count in own.items() if group == "motion" and name not in Status.__members__)
    assert own["motion", "walking"] >= 0.75 * told > 0
    assert {name for group, name in own if group == "posture"} <= {"standing", *Status.__members__}
    assert set(GROUPS) == {group for group, _ in own}
