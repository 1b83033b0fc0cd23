"""A head is trained on stored features of a trunk, answers as part of the network, and is saved without the trunk."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.answers import scores
from helpers.bright_videos import BRIGHTNESSES, Brightnesses
from helpers.small_video_networks import network, pyslowfast, small
from safetensors.torch import load_file, save_file

pytest.importorskip("lightning")

from co_perception.engine.data import Video
from co_perception.engine.target import Category, Status
from co_perception.learners import weights
from co_perception.learners.base import NetworkLearner
from co_perception.learners.bundle_video import BundleVideoLearner
from co_perception.learners.metadata import Metadata, VideoMetadata
from co_perception.learners.video import ContinualVideoLearner
from co_perception.networks.inception import InceptionCoI3D
from co_perception.networks.variants import COI3D_INCEPTION, COX3D_S, HEADS, HeadVariant
from co_perception.runtime.store import store
from co_perception.training.config import TrainConfig

SMALL = {
    "cox3d_s": small(COX3D_S, blocks=(1, 1, 1, 1), features=32, short_side=36),
    "coi3d_inception": dataclasses.replace(COI3D_INCEPTION, size=32, short_side=36),
}
HEAD = TrainConfig(mode="head", epochs=25, batch_size=8, lr=1e-2, accelerator="cpu")


@pytest.fixture(autouse=True)
def small_networks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("co_perception.networks.variants.VIDEO_VARIANTS", SMALL)
    monkeypatch.setattr(store, "root", lambda: tmp_path / "store")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Published weights of the small X3D, of five classes."""
    path = tmp_path_factory.mktemp("published") / "x3d.pyth"
    torch.save({"model_state": pyslowfast(network(SMALL["cox3d_s"]).float())}, path)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_learns_on_a_trunk_that_stays(kind: str, checkpoint: Path, tmp_path: Path) -> None:
    learner = ContinualVideoLearner("cox3d_s", head=kind, classes=BRIGHTNESSES)
    learner.start_from(checkpoint)
    trunk = {name: value.clone() for name, value in learner.model.trunk.state_dict().items()}
    learner.fit(Brightnesses(16, 20, 1), Brightnesses(8, 20, 2), config=HEAD, folder=tmp_path / "out")
    assert learner.eval(Brightnesses(10, 24, 3), config=HEAD)["accuracy"] == 1
    assert all(torch.equal(value, trunk[name]) for name, value in learner.model.trunk.state_dict().items())
    loaded = ContinualVideoLearner("cox3d_s")
    loaded.load(tmp_path / "out" / "model")
    assert loaded.variant.head == learner.variant.head and loaded.digest() == learner.digest()
    for label in (0, 1):
        loaded.reset()
        answers = loaded.infer(list(Brightnesses(2, 24, 4)[label][0].data.transpose(1, 2, 3, 0)))
        valid = [answer for answer in answers if answer.status == Status.VALID]
        # it stands when three quarters of the trunk's field of 21 frames are real, not of the head's longer one
        assert len(valid) >= 5 and {answer.description for answer in valid[-3:]} == {BRIGHTNESSES[label]}


@pytest.mark.parametrize(
    "head", [HeadVariant("attention", width=16, window=4), HeadVariant("deepcot", width=16, window=8, depth=1)]
)
def test_the_digest_names_what_weights_do_not_show(head: HeadVariant) -> None:
    """With the same numbers a head that looks back otherwise, or a mean of more frames, answers otherwise."""

    def digest(variant: HeadVariant | None, window: int | None = None, crop: str = "center") -> str:
        learner = ContinualVideoLearner("cox3d_s", head=variant, window=window, crop=crop, classes=BRIGHTNESSES)
        for value in learner.model.state_dict().values():
            value.zero_()
        return learner.digest()

    plain = HeadVariant("attention", width=16, window=8)
    assert digest(plain) == digest(HeadVariant("attention", width=16, window=8))
    others = [digest(head), digest(plain, 5), digest(plain, crop="squash"), digest(None), digest(None, 5)]
    assert len({digest(plain), *others}) == 6


@pytest.mark.parametrize("crop", ["squash", "pad"])
def test_the_crop_is_that_of_the_training_wherever_the_model_runs(crop: str, checkpoint: Path, tmp_path: Path) -> None:
    """In the features and in the loaded model: it sees what is at the side of a wide picture."""
    sides = [(Video(np.full((3, 20, 36, 80), 100 * side, np.uint8), 5.0), Category(side)) for side in (0, 1)]
    for video, category in sides:
        video.data[..., 30:50] = 50  # the same in both, and all that the middle shows
        video.data[0, 0, 0, 0] = int(category.data)
    learner = ContinualVideoLearner("cox3d_s", head="linear", crop=crop, classes=BRIGHTNESSES)
    learner.start_from(checkpoint)
    learner.fit(sides, config=HEAD.replace(batch_size=2), folder=tmp_path / "out")
    assert learner.eval(sides, config=HEAD)["accuracy"] == 1
    loaded = ContinualVideoLearner("cox3d_s")
    loaded.load(tmp_path / "out" / "model")
    assert loaded.variant.crop == crop and loaded.digest() == learner.digest()
    for side, (video, _) in enumerate(sides):
        loaded.reset()
        assert loaded.infer(list(video.data.transpose(1, 2, 3, 0)))[-1].description == BRIGHTNESSES[side]


def test_features_are_computed_once(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[tuple[str, int, int]]()
    learner = ContinualVideoLearner("cox3d_s", head="linear", classes=BRIGHTNESSES)
    learner.start_from(checkpoint)
    learner.progress = lambda *what: told.append(what)
    learner.fit(Brightnesses(4, 20, 1), config=HEAD.replace(epochs=1))
    assert [(done, whole) for _, done, whole in told] == [(20, 80), (40, 80), (60, 80), (80, 80)]
    assert told[0][0].startswith("features of recording 1 of 4, 0 min ") and told[-1][0].endswith("0 min 0 s to go")
    told.clear()
    monkeypatch.setattr("co_perception.continual.container.Sequential.clip", None)  # no network is asked
    learner.read_dataset(Brightnesses(4, 20, 1), HEAD)
    assert told == []


def test_what_a_head_cannot_be_trained_on_is_refused(checkpoint: Path) -> None:
    plain = ContinualVideoLearner("cox3d_s", classes=BRIGHTNESSES)
    with pytest.raises(ValueError, match="mode 'head' .* classifier of cox3d_s: build it with head= one of linear"):
        plain.fit(Brightnesses(4, 20, 1), config=HEAD)
    random = ContinualVideoLearner("cox3d_s", head="gru", classes=BRIGHTNESSES)
    with pytest.raises(ValueError, match="random weights: start_from"):
        random.fit(Brightnesses(4, 20, 1), config=HEAD)
    random.start_from(checkpoint)
    short = [Brightnesses(4, 20, 1)[0], Brightnesses(4, 2, 1, rate_hz=20.0)[1]]
    with pytest.raises(ValueError, match="example 1: 1 frames at 5 Hz are too short for an answer of cox3d_s"):
        random.fit(short, config=HEAD)
    with pytest.raises(ValueError, match="training examples show what the validation|validation examples show what"):
        random.fit(Brightnesses(4, 20, 1), Brightnesses(4, 20, 1), config=HEAD)


def test_a_head_is_a_function_of_the_seed(checkpoint: Path) -> None:
    def weight(seed: int) -> torch.Tensor:
        learner = ContinualVideoLearner("cox3d_s", head="gru", classes=BRIGHTNESSES)
        learner.start_from(checkpoint)
        learner.fit(Brightnesses(4, 20, 1), config=HEAD.replace(epochs=2, seed=seed))
        return learner.model.classifier_head.get_parameter("embed.weight")

    assert torch.equal(weight(0), weight(0)) and not torch.equal(weight(0), weight(1))


@pytest.mark.slow
def test_a_head_on_a_published_trunk_is_saved_with_a_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder has the head alone; with other weights in the store it is refused, with none it says what to fetch."""
    torch.manual_seed(0)
    published = InceptionCoI3D(SMALL["coi3d_inception"])
    file = tmp_path / "i3d.safetensors"
    save_file(published.state_dict(), file)
    monkeypatch.setattr(weights, "locate_converted", lambda name: file)
    learner = ContinualVideoLearner("coi3d_inception", head="linear", classes=BRIGHTNESSES)
    learner.start_from()
    learner.fit(Brightnesses(4, 40, 1, 25.0), config=HEAD.replace(epochs=1), folder=tmp_path / "out")
    saved = Metadata.read(tmp_path / "out" / "model")
    assert isinstance(saved, VideoMetadata) and saved.trunk == "i3d_kinetics400" and len(saved.trunk_digest) == 16
    held = load_file(tmp_path / "out" / "model" / saved.weights)
    assert held and all(name.startswith("activity_head.") for name in held)
    loaded = ContinualVideoLearner("coi3d_inception")
    loaded.load(tmp_path / "out" / "model")
    own, theirs = learner.model.state_dict(), loaded.model.state_dict()
    assert own.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in own.items())
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again" / saved.weights).stat().st_size < 100_000
    other = {name: value + 0.01 if value.is_floating_point() else value for name, value in load_file(file).items()}
    save_file(other, file)
    with pytest.raises(ValueError, match="head on a trunk of digest .* fetch the weights that it was trained on"):
        ContinualVideoLearner("coi3d_inception").load(tmp_path / "out" / "model")


def test_starting_from_other_weights_builds_few_networks(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It took a network for each of its tensors, 53 s for Inception-I3D."""
    built = list[str]()
    build = ContinualVideoLearner._network

    def counted(learner: ContinualVideoLearner) -> object:
        built.append(learner.variant.name)
        return build(learner)

    monkeypatch.setattr(ContinualVideoLearner, "_network", counted)
    learner = ContinualVideoLearner("cox3d_s", classes=BRIGHTNESSES)
    learner.start_from(checkpoint)
    assert len(built) <= 5 and isinstance(learner, NetworkLearner)


@pytest.mark.slow
@pytest.mark.parametrize("kind", HEADS)
def test_the_head_is_part_of_the_optimized_step(kind: str, checkpoint: Path) -> None:
    """ONNX Runtime steps trunk and head together, with the answers of torch."""
    pytest.importorskip("onnxruntime")
    learner = ContinualVideoLearner("cox3d_s", head=HeadVariant(kind, width=16, window=4), classes=BRIGHTNESSES)
    learner.start_from(checkpoint)
    learner.fit(Brightnesses(4, 20, 1), config=HEAD.replace(epochs=1))
    frames = list(Brightnesses(2, 40, 4)[1][0].data.transpose(1, 2, 3, 0))
    before = scores([answer for answer in learner.infer(frames) if answer.data >= 0])
    learner.optimize("onnxruntime")
    assert learner.backend.startswith("onnxruntime")
    after = scores([answer for answer in learner.infer(frames) if answer.data >= 0])
    assert len(before) > 10 and np.ptp(before[:, 0]) > 0
    np.testing.assert_allclose(before, after, atol=1e-4)


@pytest.mark.slow
def test_a_bundle_has_the_head(checkpoint: Path, tmp_path: Path) -> None:
    """Without torch it answers as the learner does, and sees as much of a picture."""
    pytest.importorskip("onnxruntime")
    learner = ContinualVideoLearner("cox3d_s", head=HeadVariant("gru", width=16), crop="pad", classes=BRIGHTNESSES)
    learner.start_from(checkpoint)
    learner.fit(Brightnesses(4, 20, 1), config=HEAD.replace(epochs=1))
    learner.bundle(tmp_path / "bundle")
    alone = BundleVideoLearner()
    alone.load(tmp_path / "bundle")
    frames = list(Brightnesses(2, 40, 4)[1][0].data.transpose(1, 2, 3, 0))
    own, theirs = ([answer for answer in each.infer(frames) if answer.data >= 0] for each in (learner, alone))
    assert len(own) > 10
    np.testing.assert_allclose(scores(own), scores(theirs), atol=1e-4)
