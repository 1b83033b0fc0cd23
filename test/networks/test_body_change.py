"""BodyChange: its features are those of a plain loop over frames, and a stream is the clip."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from co_perception.continual.check import check_streaming
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.networks.body_change import MOST, BodyChange
from co_perception.networks.temporal import CoTcn
from co_perception.networks.variants_skeleton import COTCN, TemporalVariant
from co_perception.skeletons.layouts import BODY13
from co_perception.skeletons.normalize import placed

MEMORY = 20


def walkers(frames: int = 30, seed: int = 0) -> np.ndarray:
    """Joints (2, frames, 13, 3) in pixels of bodies that move and shrink; the second is lost for a while."""
    rng = np.random.default_rng(seed)
    shape = rng.uniform(-60, 60, (2, 1, 13, 2)) * np.linspace(1, 0.4, frames)[:, None, None]
    points = shape + np.cumsum(rng.normal(0, 8, (2, frames, 1, 2)), 1) + 300
    seen = rng.random((2, frames, 13, 1)) < 0.9
    seen[1, 9:14] = False
    return np.concatenate([points, seen * 0.6], -1).astype(np.float32)


def network_input(joints: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(placed(joints, BODY13).transpose(0, 3, 1, 2)[..., None].copy())


def expected(joints: np.ndarray, memory: int) -> np.ndarray:
    """(T, 5), written down frame by frame in pixels."""
    values, rows = placed(joints, BODY13), []
    size0 = top0 = bottom0 = None
    for frame in values:
        seen = frame[:, 2] > 0
        if not seen.any():
            rows.append([0.0] * 5)
            continue
        height, size = frame[seen][0, 4], frame[seen][0, 5]
        keep = 1 - 1 / memory
        size0 = size if size0 is None else max(size, size + keep * (size0 - size))
        top0 = height if top0 is None else min(height, height + keep * (top0 - height))
        bottom0 = height if bottom0 is None else max(height, height + keep * (bottom0 - height))
        extent = np.ptp(frame[:, :2], 0) * size
        lengths = np.minimum(np.array([height - top0, bottom0 - height, *extent]) / size0, MOST)
        rows.append([size / size0, *lengths])
    return np.array(rows)


def test_features_are_those_of_a_loop_over_frames() -> None:
    joints = walkers()
    found = BodyChange(13, MEMORY).clip(network_input(joints))
    for person in range(2):
        np.testing.assert_allclose(found[person].T.numpy(), expected(joints[person], MEMORY), atol=2e-4)
    assert found[1, :, 9:14].abs().max() == 0 and found[1, 0, 14] < 1  # who is lost is remembered


def test_a_stream_is_the_clip() -> None:
    layer, clip = BodyChange(13, MEMORY), network_input(walkers())
    check_streaming(layer, (6, 13, 1))
    for chunk in (1, 7):
        state, answers = layer.init_state(2, (6, 13, 1)), []
        for part in clip.split(chunk, 2):
            answer, state = layer(part, state)
            answers.append(answer)
        torch.testing.assert_close(torch.cat(answers, 2), layer.clip(clip), atol=1e-5, rtol=0)


def test_the_unit_and_the_place_in_the_picture_do_not_matter() -> None:
    joints = walkers()
    scale, shift = np.array([0.01, 0.01, 1], np.float32), np.array([9, 7, 0], np.float32)
    elsewhere = joints * scale - shift * (joints[..., 2:] > 0)
    one, other = (BodyChange(13, MEMORY).clip(network_input(each)) for each in (joints, elsewhere))
    torch.testing.assert_close(one, other, atol=2e-4, rtol=0)


def test_a_network_with_it_answers_at_once_and_has_the_field_of_one_without() -> None:
    torch.manual_seed(0)
    variant = dataclasses.replace(COTCN, width=16, dilations=(1, 3), classes=5, labels="")
    plain, network = (CoTcn(dataclasses.replace(variant, body_memory=n)).eval() for n in (0, MEMORY))
    assert (network.receptive_field, network.delay) == (plain.receptive_field, 0)
    check_streaming(network, network.frame_shape)


def test_what_it_cannot_take_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one frame, got 0"):
        BodyChange(13, 0)
    with pytest.raises(ValueError, match="expected skeletons"):
        BodyChange(13, 4).init_state(1, (3, 13, 1))


def test_a_learner_begins_with_the_shipped_model_and_has_its_memory(tmp_path: Path) -> None:
    learner = ContinualSkeletonLearner("cotcn", classes=("walk", "wave"))
    assert isinstance(learner.variant, TemporalVariant) and learner.variant.body_memory == 0
    learner.start_from("cotcn_everyday")
    known = ContinualSkeletonLearner("cotcn")
    known.load("cotcn_everyday")
    assert isinstance(known.variant, TemporalVariant) and known.variant.body_memory > 0
    sizes = {"width": 128, "dilations": (1, 2, 4, 8), "body_memory": known.variant.body_memory}
    assert {name: getattr(learner.variant, name) for name in sizes} == sizes and learner.variant.classes == 2
    body = {name: value for name, value in known.model.state_dict().items() if not name.startswith("fc.")}
    own = learner.model.state_dict()
    assert all(torch.equal(own[name], value) for name, value in body.items())
    learner._loaded = True
    learner.save(tmp_path)
    again = ContinualSkeletonLearner("cotcn")
    again.load(tmp_path)
    assert isinstance(again.variant, TemporalVariant) and again.variant.body_memory == known.variant.body_memory
    assert again.labels == ("walk", "wave")
