"""The video learner trains: it tells motion from motion, and keeps what it learned."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.motion_videos import DIRECTIONS, Moving, moving
from helpers.small_video_networks import network, pyslowfast, small

from co_perception.engine.data import Image, Video
from co_perception.engine.target import Category, Status
from co_perception.learners.preprocess_video import VideoExamples, clip_frames, to_input
from co_perception.learners.video import ContinualVideoLearner
from co_perception.networks.variants import COI3D_R50, COX3D_S
from co_perception.training.augment import ClipAugment, ClipView
from co_perception.training.config import TrainConfig

SMALL = {
    "cox3d_s": small(COX3D_S, blocks=(1, 1, 1, 1), features=32, short_side=36),
    "coi3d_r50": small(COI3D_R50, blocks=(1, 1, 1, 1), short_side=36),
}
QUICK = TrainConfig(epochs=10, batch_size=12, lr=5e-3, frames=8, accelerator="cpu")


@pytest.fixture(autouse=True)
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("co_perception.networks.variants.VIDEO_VARIANTS", SMALL)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training on bars that move left or right."""
    folder = tmp_path_factory.mktemp("training")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("co_perception.networks.variants.VIDEO_VARIANTS", SMALL)
        learner = ContinualVideoLearner("cox3d_s", classes=DIRECTIONS)
        result = learner.fit(Moving(48, 10, 1), Moving(24, 10, 2), config=QUICK, folder=folder)
        assert result["val_accuracy"] > 0.9 and learner.loaded
    return folder


@pytest.mark.slow
def test_it_learns_motion_and_a_stream_gives_the_right_label(trained: Path) -> None:
    learner = ContinualVideoLearner("cox3d_s", min_progress=1.0)
    learner.load(trained / "model")
    assert learner.labels == DIRECTIONS and learner.name.startswith("cox3d_s/own@")
    assert learner.eval(Moving(30, 20, 3))["accuracy"] > 0.9
    right = 0
    for seed in range(10):
        learner.reset()
        answers = learner.infer(list(moving(seed % 2, 30, 900 + seed)))
        settled = [answer.description for answer in answers if answer.status == Status.VALID]
        assert len(settled) == 30 - learner.receptive_field + 1
        right += settled[-1] == DIRECTIONS[seed % 2]
    assert right >= 9


def test_eval_is_infer_on_every_clip_and_touches_nothing(trained: Path) -> None:
    learner = ContinualVideoLearner("cox3d_s")
    learner.load(trained / "model")
    learner.infer(list(moving(0, 5, 0)))
    stream, weights = learner.snapshot(), {name: value.clone() for name, value in learner.model.state_dict().items()}
    clips = [Moving(12, frames, 5)[index] for index, frames in enumerate([8, 8, 11, 14, 9, 9])]  # lengths may differ
    found = learner.eval(clips)
    assert learner.snapshot() is stream
    assert all(torch.equal(value, weights[name]) for name, value in learner.model.state_dict().items())
    answers = [learner.infer(video)[0] for video, _ in clips]
    wanted = [target.data for _, target in clips]
    assert found["accuracy"] == pytest.approx(np.mean([answer.data for answer in answers] == np.array(wanted)))
    chances = [dict(answer.top(2))[label] for answer, label in zip(answers, wanted, strict=True)]
    assert found["loss"] == pytest.approx(-np.log(chances).mean(), rel=1e-3)


def test_fine_tuning_as_a_stream(trained: Path) -> None:
    """In step mode the loss is that of the answers on the stream; from a good start it stays good and moves weights."""
    learner = ContinualVideoLearner("cox3d_s")
    learner.load(trained / "model")
    before = {name: value.clone() for name, value in learner.model.state_dict().items()}
    step = QUICK.replace(mode="step", epochs=1, lr=1e-4, frames=None)
    streamed = learner.eval(Moving(12, 24, 3), config=step)
    result = learner.fit(Moving(12, 24, 1), Moving(12, 24, 3), config=step)
    assert streamed["accuracy"] > 0.8 and result["val_accuracy"] > 0.8
    after = learner.model.state_dict()
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert {name for name, _ in learner.model.named_parameters()} == moved  # and no running statistic


def test_a_failed_training_leaves_the_learner_as_it_was(trained: Path) -> None:
    learner = ContinualVideoLearner("cox3d_s")
    learner.load(trained / "model")
    learner.infer(list(moving(0, 5, 0)))
    stream, weight = learner.snapshot(), learner.model.get_parameter("s1.conv.weight").clone()
    broken = [
        *(Moving(8, 10, 1)[index] for index in range(8)),
        (Video(np.zeros((3, 2, 9, 9), np.uint8), 5.0), Category(0)),
    ]
    with pytest.raises(ValueError, match="example 8: expected a Video .* at least 8 frames at 5 Hz, got 2"):
        learner.fit(broken, config=QUICK)
    assert learner.snapshot() is stream and torch.equal(learner.model.get_parameter("s1.conv.weight"), weight)
    learner.fit(Moving(8, 10, 1), epochs=1, config=QUICK)
    assert learner.infer(moving(0, 1, 0)[0])[0].progress < 0.1  # training resets the stream


def test_a_strided_network_trains_too() -> None:
    learner = ContinualVideoLearner("coi3d_r50", classes=DIRECTIONS)
    learner.fit(Moving(4, 13, 1), Moving(4, 13, 2), config=QUICK.replace(epochs=1, batch_size=2))
    assert learner.infer(Moving(1, 13, 3)[0][0])[0].description in DIRECTIONS
    with pytest.raises(ValueError, match="coi3d_r50 answers after 4 frames in mode 'clip', got 2"):
        learner.fit(Moving(4, 13, 1), config=QUICK.replace(frames=2))


@pytest.mark.slow
def test_a_new_head_on_published_weights(tmp_path: Path, trained: Path) -> None:
    published = network(SMALL["cox3d_s"]).float()  # five classes
    torch.save({"model_state": pyslowfast(published)}, tmp_path / "x3d.pyth")
    learner = ContinualVideoLearner("cox3d_s", classes=DIRECTIONS)
    with pytest.raises(ValueError, match=r"knows 5 classes, the network 2.*start_from"):
        learner.load(tmp_path / "x3d.pyth")
    learner.start_from(tmp_path / "x3d.pyth")
    own, theirs = learner.model.state_dict(), published.state_dict()
    differing = {name for name in own if not torch.equal(own[name], theirs[name])}
    assert differing == {"head.projection.weight", "head.projection.bias"} and not learner.loaded
    with pytest.raises(RuntimeError, match="fit"):
        learner.infer(moving(0, 1, 0)[0])
    learner.fit(Moving(6, 8, 1), config=QUICK.replace(epochs=1, lr=1e-9))
    torch.testing.assert_close(learner.model.get_parameter("s1.conv.weight"), theirs["s1.conv.weight"])
    other = ContinualVideoLearner("cox3d_s", classes=tuple("xyz"))
    other.start_from(trained / "model")  # a saved learner's two classes
    assert other.labels == tuple("xyz") and other.model.get_parameter("head.projection.bias").shape == (3,)


def test_training_is_a_function_of_the_seed_and_resumes(tmp_path: Path) -> None:
    config = QUICK.replace(epochs=2)

    def weights(folder: Path | None, epochs: int, resume: bool = False, seed: int = 0) -> torch.Tensor:
        learner = ContinualVideoLearner("cox3d_s", classes=DIRECTIONS)
        changed = config.replace(epochs=epochs, seed=seed, schedule="constant")
        learner.fit(Moving(6, 9, 1), config=changed, folder=folder, resume=resume)
        return torch.cat([value.flatten().float() for value in learner.model.state_dict().values()])

    whole = weights(None, 2)
    weights(tmp_path, 1)
    assert torch.equal(weights(tmp_path, 2, resume=True), whole) and not torch.equal(weights(None, 2, seed=1), whole)


def test_names_of_classes_are_checked() -> None:
    learner = ContinualVideoLearner("cox3d_s", classes=("right", "left"))
    with pytest.raises(ValueError, match=r"\(left, right\) are not .* \(right, left\).*classes=dataset"):
        learner.fit(Moving(6, 9, 1))
    with pytest.raises(ValueError, match="labels .* outside the 2 classes"):
        learner.fit([(Moving(1, 9, 1)[0][0], Category(2))], config=QUICK)


def test_a_clip_is_taken_at_the_networks_rate() -> None:
    """5 Hz out of 15 Hz: every third frame; out of 2 Hz: some twice."""
    frames = np.broadcast_to(np.arange(30, dtype=np.uint8)[None, :, None, None], (3, 30, 4, 4)).copy()
    variant = SMALL["cox3d_s"]
    assert variant.rate_hz == 5
    taken = {rate: clip_frames(Video(frames, rate), variant, 1)[:, 0, 0, 0].tolist() for rate in (15.0, 5.0, 2.0)}
    assert taken[15.0] == list(range(0, 30, 3)) and taken[5.0] == list(range(30))
    assert taken[2.0][:6] == [0, 0, 1, 1, 2, 2] and len(taken[2.0]) == 75
    with pytest.raises(ValueError, match="at least 11 frames at 5 Hz, got 30 at 15 Hz, which is 10"):
        clip_frames(Video(frames, 15.0), variant, 11)
    with pytest.raises(ValueError, match="30 frames do not tell their rate.* have rate_hz=5"):
        clip_frames(Video(frames), variant, 11)


def test_augmentation_views() -> None:
    """The default view is the published center crop; a mirrored one is that crop mirrored; draws follow their rng."""
    video, variant = Moving(2, 20, 1)[1][0], SMALL["cox3d_s"]
    plain = VideoExamples([(video, Category(1))], [1], variant, 20, ClipAugment(1.0, 1.0, 0.0, 0.0))
    mirrored = plain.tensor(0, np.random.default_rng(0))
    assert mirrored.shape == (3, 20, 32, 32)
    examples = dataclasses.replace(plain, frames=6, augment=ClipAugment())
    one, two, three = (examples.tensor(0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, three)
    views = [ClipAugment(mirrored=0.5).draw(np.random.default_rng(seed)) for seed in range(200)]
    assert 60 < sum(view.mirrored for view in views) < 140
    assert all(1 <= view.scale <= 1.25 and 0.8 <= view.gain <= 1.2 for view in views)
    assert not any(ClipAugment().draw(np.random.default_rng(seed)).mirrored for seed in range(50))
    with pytest.raises(ValueError, match="scale is at least 1"):
        ClipAugment(scale=0.5)
    frame = Image(video.data[:, 0].transpose(1, 2, 0)).data
    brighter = to_input(frame, variant, view=ClipView(mirrored=True, gain=1.1, shift=0.05))
    pixels = to_input(frame, variant).flip(2) * variant.std + variant.mean
    torch.testing.assert_close(brighter, (pixels * 1.1 + 0.05 - variant.mean) / variant.std)
