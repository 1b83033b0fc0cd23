"""What OpenDR 3.0's continual skeleton and transformer learners get wrong, and is right here. One test for each."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.synthetic_poses import STANDING, body, nobody, sequence

from co_perception.continual.state import leaves
from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import SkeletonSequence, Timeseries, Vector
from co_perception.engine.target import Category, Pose, Status, labels
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.learners.transformer import ContinualTransformerLearner
from co_perception.networks.variants_features import COTRANS_SHORT
from co_perception.networks.variants_skeleton import COSTGCN_SHORT
from co_perception.training.config import TrainConfig

SKELETON = dataclasses.replace(COSTGCN_SHORT, channels=(8, 8, 8, 8))
FEATURES = dataclasses.replace(COTRANS_SHORT, stem=(), depth=2, window=8, table=15, width=16, heads=2, feedforward=16)


def skeleton(classes: tuple[str, ...] = ("a", "b", "c")) -> ContinualSkeletonLearner:
    """With random weights, as if loaded; scores that are near to each other."""
    torch.manual_seed(0)
    learner = ContinualSkeletonLearner(SKELETON, classes=classes)
    for name, value in learner.model.named_parameters():
        if name.endswith("bn.weight"):
            value.uniform_(0.5, 1.5)
    learner.model.fc.weight *= 0.1  # type: ignore[operator, union-attr]
    learner._loaded = True
    return learner


def features(classes: tuple[str, ...] = ("a", "b", "c")) -> ContinualTransformerLearner:
    torch.manual_seed(0)
    learner = ContinualTransformerLearner(FEATURES, classes=classes)
    learner._loaded = True
    return learner


def vector_at(frame: int) -> Vector:
    return Vector(np.random.default_rng(frame).normal(size=6).astype(np.float32))


Frame = Callable[[int], Any]
EACH = pytest.mark.parametrize(
    ("make", "frame"), [(skeleton, partial(body, 1)), (features, vector_at)], ids=["poses", "vectors"]
)


@EACH
def test_reset_forgets_and_history_matters(make: Callable[[], Any], frame: Frame) -> None:
    """There: reset() is `pass`, and the next stream is answered with the past of the last one."""
    learner = make()
    first = [learner.infer(frame(place))[0] for place in range(20)]
    learner.infer(frame(99))
    learner.reset()
    again = [learner.infer(frame(place))[0] for place in range(20)]
    np.testing.assert_array_equal(again[-1].probabilities, first[-1].probabilities)
    assert [answer.progress for answer in again] == [answer.progress for answer in first]
    with_other_past = learner.infer(frame(19))[0]
    assert not np.allclose(with_other_past.probabilities, first[-1].probabilities, atol=1e-4)


@EACH
def test_every_frame_is_answered(make: Callable[[], Any], frame: Frame) -> None:
    """There: None while it warms up, on which the node's callback dies."""
    learner = make()
    for place in range(20):
        [answer] = learner.infer(frame(place))
        too_early = answer.data < 0 or answer.progress < 0.75
        assert isinstance(answer, Category) and (answer.status == Status.WARMING_UP) == too_early


@EACH
def test_a_stream_keeps_no_graph_and_does_not_grow(make: Callable[[], Any], frame: Frame) -> None:
    """There: autograd runs through the state buffers, 6 MB more with every frame."""
    learner = make()
    learner.model.requires_grad_(True)
    sizes = set()
    for place in range(40):
        learner.infer(frame(place))
        stream = learner.snapshot()
        tensors = leaves(stream.held.state if hasattr(stream, "held") else stream.state)
        assert not any(tensor.requires_grad for tensor in tensors)
        sizes.add(sum(tensor.untyped_storage().nbytes() for tensor in tensors) if place > 20 else 0)
    assert len(sizes - {0}) == 1


@EACH
def test_the_first_frame_is_not_shown_three_hundred_times(make: Callable[[], Any], frame: Frame) -> None:
    """There: the first call repeats the first frame until the field is full, and answers as if that had happened."""
    learner = make()
    [answer] = learner.infer(frame(0))
    assert answer.progress == 1 / learner.receptive_field and answer.status == Status.WARMING_UP
    frozen = make()
    frozen.model.load_state_dict(learner.model.state_dict())
    for _ in range(20):
        [still] = frozen.infer(frame(0))
    for place in range(1, 20):
        [moving] = learner.infer(frame(place))
    assert not np.allclose(moving.probabilities, still.probabilities, atol=1e-5)


@pytest.mark.parametrize("network", ["costgcn", "costgcn_mod", "coagcn", "costr_mod"])
def test_a_network_keeps_its_classes_whatever_the_joints_are(network: str) -> None:
    """There: graph_type="openpose" turns the labels of an NTU network into Kinetics', and falling into canoeing."""
    learner = ContinualSkeletonLearner(network, layout="openpose18")
    assert learner.labels == labels("ntu60") and learner.labels[42].startswith("falling")


def test_nobody_is_no_class() -> None:
    """There: a skeleton of zeros, that is nobody, is recognized as something."""
    learner = skeleton()
    for _ in range(30):
        [answer] = learner.infer([nobody()])
        assert (answer.data, answer.status, answer.progress) == (-1, Status.WARMING_UP, 0.0)
    [clip] = learner.infer(SkeletonSequence(np.zeros((3, 16, 17, 1), np.float32), rate_hz=15.0))
    assert (clip.data, clip.status) == (-1, Status.WARMING_UP)
    assert learner.infer([]) == []


def test_of_a_batch_nothing_is_dropped() -> None:
    """There: of several skeletons or clips in one call, all but the first are dropped without a word."""
    learner = skeleton()
    assert len(learner.infer([body(n, 0, str(n)) for n in range(5)])) == 5
    clips = [sequence([body(n, frame) for frame in range(16)]) for n in range(3)]
    together = learner.infer(clips)
    for answer, clip in zip(together, clips, strict=True):
        np.testing.assert_array_equal(answer.probabilities, learner.infer(clip)[0].probabilities)
    with pytest.raises(ValueError, match="got ndarray"):
        learner.infer(np.stack([clip.data for clip in clips]))  # type: ignore[arg-type]
    assert len(features().infer([vector_at(frame) for frame in range(4)])) == 4


@EACH
def test_saved_with_any_number_of_classes_it_loads(make: Callable[..., Any], frame: Frame, tmp_path: Path) -> None:
    """There: the number of classes is not in the JSON, and loading fails for all but the published one."""
    learner = make(("sit", "stand", "fall", "wave", "none of these"))
    learner.save(tmp_path)
    other = type(learner)(learner.variant.name)
    other.load(tmp_path)
    assert other.labels == learner.labels
    for place in range(20):
        [one], [two] = learner.infer(frame(place)), other.infer(frame(place))
        assert one == two and one.probabilities is None or np.array_equal(one.probabilities, two.probabilities)


@EACH
def test_saved_twice_the_second_is_loaded(make: Callable[[], Any], frame: Frame, tmp_path: Path) -> None:
    """There: the second save goes to a new name, and load() finds the first."""
    learner = make()
    learner.save(tmp_path)
    files = sorted(path.name for path in tmp_path.iterdir())
    list(learner.model.parameters())[-1].add_(1)
    learner.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == files == ["metadata.json", "weights.safetensors"]
    other = type(learner)(learner.variant.name)
    other.load(tmp_path)
    assert torch.equal(list(other.model.parameters())[-1], list(learner.model.parameters())[-1])


def test_metadata_says_all_that_is_needed(tmp_path: Path) -> None:
    """There: {backbone, network_head, threshold}. Window, rate, classes and joints are known to whoever trained it."""
    for made, kind, more in (
        (skeleton(), "skeleton", {"layout": "coco17", "persons": 1, "normalization": "body", "inputs": 3, "clip": 16}),
        (features(), "features", {"features": 6, "depth": 2, "width": 16, "standardized": True}),
    ):
        made.save(tmp_path / kind)
        metadata = json.loads((tmp_path / kind / "metadata.json").read_text())
        common = {"kind": kind, "labels": ["a", "b", "c"], "window": made.receptive_field, "rate_hz": made.rate_hz}
        assert {**metadata, **common, **more} == metadata
        del metadata["labels"]
        (tmp_path / kind / "metadata.json").write_text(json.dumps(metadata))
        with pytest.raises(ValueError, match=r"missing \['labels'\]"):
            made.load(tmp_path / kind)


def test_the_window_that_is_asked_for_is_the_one_there_is() -> None:
    """There: temporal_window_size is set after the model was built, without effect."""
    assert ContinualTransformerLearner("cooadtr_b1", features=6, window=32).receptive_field == 32
    longer = dataclasses.replace(COSTGCN_SHORT, pool=22, clip=30)
    assert ContinualSkeletonLearner(longer, classes=("a", "b")).receptive_field == 30


def armed(label: int, seed: int) -> SkeletonSequence:
    """Somebody who stands, with the arms down or up."""
    draw = np.random.default_rng(seed)
    joints = np.tile(STANDING, (16, 1, 1)) + draw.normal(0, 3, (16, 17, 2))
    if label:
        joints[:, [9, 10], 1] -= 130
    scores = np.ones((16, 17, 1))
    return SkeletonSequence(
        np.concatenate([joints, scores], -1).transpose(2, 0, 1)[..., None].astype(np.float32), rate_hz=15.0
    )


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_both_optimizers_train_from_plain_pairs_and_the_robot_sees_what_was_learnt(optimizer: Any) -> None:
    """There: "sgd" gives Adam a momentum and dies, and so does a dataset of pairs (input, answer)."""
    pairs = [(armed(place % 2, place), Category(place % 2)) for place in range(24)]
    learner = ContinualSkeletonLearner(SKELETON, classes=("arms down", "arms up"))
    config = TrainConfig(epochs=15, lr=0.03, batch_size=8, optimizer=optimizer, accelerator="cpu")
    learner.fit(pairs, config=config)
    held_out = Samples([Sample(armed(place % 2, 100 + place), place % 2) for place in range(20)], learner.labels)
    assert learner.eval(held_out)["accuracy"] >= 0.9
    poses = [Pose(frame.astype(np.float32)) for frame in armed(1, 7).data[..., 0].transpose(1, 2, 0)]
    [answer] = [learner.infer([pose]) for pose in poses][-1]
    assert (answer.description, answer.status) == ("arms up", Status.VALID)
    assert answer.confidence == pytest.approx(learner.infer(armed(1, 7))[0].confidence, abs=1e-5)


def test_settings_take_what_is_a_number() -> None:
    """There: lr=1 and a pathlib.Path are refused, because their type is not the very one."""
    assert TrainConfig(lr=1).lr == 1
    with pytest.raises(FileNotFoundError, match="give the folder"):
        skeleton().load(Path("nowhere"))


def test_a_clip_gives_one_answer_and_leaves_streams_alone() -> None:
    learner = features()
    learner.infer(vector_at(0))
    before = learner.snapshot()
    assert (
        len(learner.infer(Timeseries(np.zeros((12, 6), np.float32), learner.rate_hz))) == 1
        and learner.snapshot() is before
    )
