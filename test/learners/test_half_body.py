"""Whole-body labels need a body: people of whom parts are missing are UNCERTAIN, however the parts are told missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from helpers.drawn_people import Figure
from numpy.typing import NDArray

from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import Pose, Status
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.skeletons.body import PARTS, whole
from co_perception.skeletons.layouts import LAYOUTS, layout
from co_perception.skeletons.mapping import convert
from co_perception.training.config import TrainConfig

Joints = NDArray[np.float32]
COCO = layout("coco17")


def chosen(words: Iterable[str]) -> list[int]:
    return [number for number, joint in enumerate(COCO.joints) if any(word in joint for word in words)]


CUTS = {
    "head and shoulders": chosen(["elbow", "wrist", "hip", "knee", "ankle"]),
    "at a table": chosen(["knee", "ankle"]),
    "legs alone": chosen(["nose", "eye", "ear", "shoulder", "elbow", "wrist"]),
    "left half": chosen(["right"]),
    "right half": chosen(["left"]),
}


def at_origin(joints: Joints, hidden: list[int]) -> None:
    joints[hidden] = 0


def at_origin_with_a_score(joints: Joints, hidden: list[int]) -> None:
    joints[hidden] = 0, 0, 0.4  # YOLO


def without_a_score(joints: Joints, hidden: list[int]) -> None:
    joints[hidden, 2] = 0


def unlikely(joints: Joints, hidden: list[int]) -> None:
    joints[hidden, 2] = 0.02  # MediaPipe


def not_a_number(joints: Joints, hidden: list[int]) -> None:
    joints[hidden] = np.nan


HIDING: list[Callable[[Joints, list[int]], None]] = [
    at_origin, at_origin_with_a_score, without_a_score, unlikely, not_a_number
]  # fmt: skip


@pytest.fixture(scope="module")
def learner() -> ContinualSkeletonLearner:
    made = ContinualSkeletonLearner("costgcn_short")
    made.load("costgcn_short_poses")
    return made


def figure(frame: int) -> Joints:
    joints = Figure("stand", 3).frame(frame / 15)[:, [0, 1, 3]].copy()
    joints[:, 2] = 0.9
    return joints


def statuses(learner: ContinualSkeletonLearner, poses: Iterable[Joints], name: str = "coco17") -> list[Status]:
    learner.reset()
    return [learner.infer(Pose(joints, name, id="p"))[0].status for joints in poses]


@pytest.mark.parametrize("hide", HIDING)
@pytest.mark.parametrize("cut", CUTS)
def test_half_body(learner: ContinualSkeletonLearner, cut: str, hide: Callable[[Joints, list[int]], None]) -> None:
    def half(frame: int) -> Joints:
        joints = figure(frame)
        hide(joints, CUTS[cut])
        return joints

    seen = Counter(statuses(learner, map(half, range(40))))
    assert Status.VALID not in seen and seen[Status.UNCERTAIN] == 25


@pytest.mark.parametrize("name", sorted(set(LAYOUTS) - {"ntu25"}))
def test_half_bodies_of_every_layout(learner: ContinualSkeletonLearner, name: str) -> None:
    for cut, wanted in ((CUTS["at a table"], Status.UNCERTAIN), ([], Status.VALID)):
        poses = np.stack([figure(frame) for frame in range(30)])
        poses[:, cut] = 0
        assert statuses(learner, convert(poses, COCO, layout(name)).astype(np.float32), name)[-1] == wanted


def test_a_body_that_is_hidden_for_a_while(learner: ContinualSkeletonLearner) -> None:
    def walks_behind_a_table(frame: int) -> Joints:
        joints = figure(frame)
        if 30 <= frame < 45:
            joints[CUTS["at a table"]] = 0
        return joints

    found = statuses(learner, map(walks_behind_a_table, range(75)))
    assert found[31] == Status.VALID and set(found[32:45]) == {Status.UNCERTAIN}
    assert found[45] == Status.UNCERTAIN and found[57:] == [Status.VALID] * 18  # 12 of 16 frames show a body again


def test_clips(learner: ContinualSkeletonLearner) -> None:
    data = np.stack([figure(frame) for frame in range(16)]).transpose(2, 0, 1)[..., None].copy()
    assert learner.infer(SkeletonSequence(data, rate_hz=15.0))[0].status == Status.VALID
    data[:, :, CUTS["at a table"]] = 0
    assert learner.infer(SkeletonSequence(data, rate_hz=15.0))[0].status == Status.UNCERTAIN


def test_profile_is_a_whole_body() -> None:
    visible = np.ones(17, bool)
    visible[[COCO.index(f"right_{part}") for part in ("elbow", "wrist", "knee", "ankle")]] = False
    assert whole(visible, COCO) and not whole(np.zeros(17, bool), COCO) and whole(np.zeros(17, bool), COCO, ())


def test_needs_are_a_setting_that_a_model_keeps(tmp_path: Path) -> None:
    own = ContinualSkeletonLearner("costgcn_short", needs=("shoulder", "elbow"))
    own.load("costgcn_short_poses")
    table = [figure(frame) for frame in range(30)]
    for joints in table:
        joints[CUTS["at a table"]] = 0
    assert statuses(own, table)[-1] == Status.VALID
    own.save(tmp_path)
    again = ContinualSkeletonLearner("costgcn_short")
    assert again.variant.needs == PARTS
    again.load(tmp_path)
    assert again.variant.needs == ("shoulder", "elbow")
    with pytest.raises(ValueError, match="coco17 has no left and right 'tail'; it has eye, ear, shoulder"):
        ContinualSkeletonLearner("costgcn_short", needs=("tail",))


def test_training_needs_what_its_examples_show() -> None:
    samples = []
    for label, activity in enumerate(("wave", "stand")):
        joints = np.stack([Figure(activity, 5).frame(frame / 15)[:, [0, 1, 3]] for frame in range(32)])
        joints[:, CUTS["at a table"]] = 0
        sequence = SkeletonSequence(np.ascontiguousarray(joints.transpose(2, 0, 1)[..., None]), rate_hz=15.0)
        samples += [Sample(sequence, label, group=str(n), source=activity) for n in range(4)]
    learner = ContinualSkeletonLearner("costgcn_short", classes=("wave", "stand"))
    learner.fit(Samples(samples, ("wave", "stand")), config=TrainConfig(epochs=1, batch_size=4))
    assert learner.variant.needs == ("shoulder", "elbow", "hip")
