"""CoTcn: a step is the offline network, features are what the formula says, and learners answer each group."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from co_perception.continual.check import check_streaming
from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import Pose, Status
from co_perception.learners.metadata import FILE, Metadata
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.networks.temporal import FASTEST, CoTcn, JointMotion
from co_perception.networks.variants_skeleton import COTCN
from co_perception.skeletons.layouts import BODY13, COCO17
from co_perception.skeletons.normalize import normalize, placed

SMALL = dataclasses.replace(
    COTCN, width=16, dilations=(1, 3), classes=5, groups=("body", "body", "arms", "arms", "arms"), labels=""
)
CLASSES = ("up", "down", "no_gesture", "wave", "clap")


def people(count: int, frames: int, seed: int = 0) -> np.ndarray:
    """Joints (count, frames, 13, 3) of bodies that wander through a picture and lose joints."""
    rng = np.random.default_rng(seed)
    still = rng.uniform(0, 60, (count, 1, 13, 2)) + rng.uniform(100, 500, (count, 1, 1, 2))
    points = still + np.cumsum(rng.normal(0, 2, (count, frames, 13, 2)), 1)
    return np.concatenate([points, (rng.random((count, frames, 13, 1)) < 0.8) * 0.7], -1).astype(np.float32)


def network_input(joints: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(placed(joints, BODY13).transpose(0, 3, 1, 2)[..., None].copy())


def randomized(network: CoTcn) -> CoTcn:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.3)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    return network.eval()


def test_a_step_is_the_offline_network_and_nothing_is_late() -> None:
    torch.manual_seed(0)
    network = randomized(CoTcn(SMALL))
    assert (network.receptive_field, network.delay) == (1 + 2 * 4 + 1, 0)
    check_streaming(network, network.frame_shape)
    clip = network_input(people(2, 30))
    state, answers = network.init_state(2, network.frame_shape), []
    for frame in clip.split(1, 2):
        answer, state = network(frame, state)
        answers.append(answer)
    torch.testing.assert_close(torch.cat(answers, 2), network.clip(clip), atol=1e-5, rtol=1e-5)


def test_features_are_places_presence_and_motion_in_torsos() -> None:
    joints = people(1, 6)
    features = JointMotion(13).clip(network_input(joints))[0].T.numpy()
    now, before = placed(joints[0, 3], BODY13), placed(joints[0, 2], BODY13)
    for joint in range(13):
        assert features[3, 2 * joint] == pytest.approx(now[joint, 0], abs=1e-5)
        both = joints[0, 2, joint, 2] > 0 and joints[0, 3, joint, 2] > 0
        moved = (joints[0, 3, joint, 0] - joints[0, 2, joint, 0]) / now[:, 5].max() * both
        assert features[3, 3 * 13 + 2 * joint] == pytest.approx(np.clip(moved / FASTEST, -1, 1), abs=1e-3)
    travelled = (now[:, 3].max() - before[:, 3].max()) / now[:, 5].max()
    assert features[3, -2] == pytest.approx(np.clip(travelled / FASTEST, -1, 1), abs=1e-3)


def test_scores_and_the_unit_of_length_do_not_matter() -> None:
    joints = people(1, 5)
    metres = joints * np.array([0.005, 0.005, 0.3], np.float32)
    metres[..., 2] = np.where(joints[..., 2] > 0, 1.0, 0.0)
    one, other = (JointMotion(13).clip(network_input(each)) for each in (metres, joints))
    torch.testing.assert_close(one, other, atol=1e-3, rtol=0)


def test_placed_is_body_with_place_and_size() -> None:
    joints = people(1, 4)[0]
    values = placed(joints, BODY13)
    np.testing.assert_allclose(values[..., :2], normalize(joints, BODY13, "body")[..., :2], atol=1e-6)
    seen = joints[..., 2] > 0
    assert (values[..., 2] == seen).all()
    back = values[..., 3:5] + values[..., :2] * values[..., 5:]
    np.testing.assert_allclose(back[seen], joints[..., :2][seen], rtol=1e-5)
    assert not placed(np.full((13, 3), np.nan, np.float32), BODY13).any()


def test_each_group_of_labels_has_an_answer(tmp_path: Path) -> None:
    learner = ContinualSkeletonLearner(SMALL, classes=CLASSES, min_progress=0.1)
    torch.manual_seed(1)
    learner.model.load_state_dict(randomized(CoTcn(dataclasses.replace(SMALL))).state_dict())
    learner._loaded = True
    learner.save(tmp_path)
    again = ContinualSkeletonLearner(SMALL)
    again.load(tmp_path)
    joints = np.zeros((8, 17, 3), np.float32)
    joints[:, [COCO17.index(name) for name in BODY13.joints]] = people(1, 8)[0]
    for frame in joints:
        (answer,) = again.infer([Pose(frame, id="a")])
    (arms,) = answer.others
    assert (answer.group, arms.group, answer.status) == ("body", "arms", Status.VALID)
    assert answer.data in (0, 1) and arms.data in (2, 3, 4)
    assert answer.probabilities is not None and arms.probabilities is not None
    assert answer.probabilities.sum() == pytest.approx(1) and not answer.probabilities[2:].any()
    assert arms.probabilities.sum() == pytest.approx(1) and not arms.probabilities[:2].any()
    assert again.variant.groups == SMALL.groups and again.labels == learner.labels


def test_each_group_has_its_own_threshold_and_the_option_is_that_of_all(tmp_path: Path) -> None:
    own = {"arms": 0.25, "body": 1.0}
    learner = ContinualSkeletonLearner(SMALL, classes=CLASSES, min_progress=0.1, threshold=own)
    learner._loaded = True
    learner.save(tmp_path)
    saved = Metadata.read(tmp_path)
    assert (saved.threshold, saved.thresholds) == (0.25, (1.0, 0.25))

    def statuses(threshold: float | None = None) -> tuple[list[Status], ContinualSkeletonLearner]:
        made = ContinualSkeletonLearner(SMALL, threshold=threshold)
        made.load(tmp_path)
        for frame in people(1, 8)[0]:
            (answer,) = made.infer([Pose(frame, "body13", id="a")])
        return [each.status for each in answer.each_group()], made

    answers, made = statuses()
    assert answers == [Status.UNCERTAIN, Status.VALID] and (made.thresholds, made.threshold) == (own, 0.25)
    answers, made = statuses(threshold=0.1)
    assert answers == [Status.VALID, Status.VALID] and (made.thresholds, made.threshold) == ({}, 0.1)
    assert statuses(threshold=1.0)[0] == [Status.UNCERTAIN, Status.UNCERTAIN]
    old = json.loads((tmp_path / FILE).read_text())
    del old["thresholds"]  # of earlier versions
    (tmp_path / FILE).write_text(json.dumps(old | {"threshold": 0.3}))
    answers, made = statuses()
    assert answers == [Status.VALID, Status.VALID] and (made.thresholds, made.threshold) == ({}, 0.3)
    (tmp_path / FILE).write_text(json.dumps(old | {"thresholds": [0.3]}))
    with pytest.raises(ValueError, match="thresholds are one of each group of labels, 2, or none"):
        Metadata.read(tmp_path)


def test_thresholds_of_other_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="a threshold by group is of each group, body, arms; got legs"):
        ContinualSkeletonLearner(SMALL, classes=CLASSES, threshold={"legs": 0.5})
    with pytest.raises(ValueError, match=r"threshold is a share 0..1, got 1.5"):
        ContinualSkeletonLearner(SMALL, classes=CLASSES, threshold={"body": 0.5, "arms": 1.5})


def test_each_group_is_warming_up_while_there_are_no_scores() -> None:
    """A clip in which nobody is found, and a clip whose frames are few: progress is that of all groups."""
    learner = ContinualSkeletonLearner(SMALL, classes=CLASSES)
    learner._loaded = True
    empty, half = np.zeros((1, 12, 13, 3), np.float32), people(1, 12)
    half[:, :6] = 0
    for joints in (empty, half):
        (answer,) = learner.infer(SkeletonSequence(joints.transpose(3, 1, 2, 0), "body13", rate_hz=learner.rate_hz))
        found = [(each.group, each.status, each.progress) for each in answer.each_group()]
        assert [group for group, *_ in found] == ["body", "arms"] and len({each[1:] for each in found}) == 1
    assert answer.data >= 0 and answer.progress < 1


def test_one_class_of_each_example_cannot_teach_groups() -> None:
    learner = ContinualSkeletonLearner(SMALL, classes=CLASSES)
    with pytest.raises(ValueError, match=r"answers in 2 groups \(body, arms\).*one class of each example"):
        learner.fit([])


def test_a_step_runs_in_onnx_runtime_whatever_is_dropped_in_training() -> None:
    pytest.importorskip("onnxruntime")
    learner = ContinualSkeletonLearner(SMALL, classes=CLASSES, min_progress=0.1)
    learner.model.load_state_dict(randomized(CoTcn(SMALL)).state_dict())
    learner._loaded = True
    frames = [Pose(frame, "body13", id="a") for frame in people(1, 8)[0]]
    plain = [learner.infer([frame])[0].probabilities for frame in frames]
    learner.optimize("onnxruntime")
    fast = [learner.infer([frame])[0].probabilities for frame in frames]
    for mine, theirs in zip(fast, plain, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)  # type: ignore[arg-type]
