"""MoViNet as a recognizer: a file of the port, the first frame of a stream, ONNX Runtime, a bundle, a head."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.answers import scores
from helpers.bright_videos import Brightnesses
from helpers.small_movinets import drawn, port_weights, small_movinet
from numpy.typing import NDArray

from co_perception.engine.data import Image, Video
from co_perception.engine.target import Status
from co_perception.learners.bundle_video import BundleVideoLearner
from co_perception.learners.video import ContinualVideoLearner
from co_perception.networks.variants import MOVINET_A0_STREAM, video_variant
from co_perception.training.config import TrainConfig

SMALL = {"movinet_a0_stream": small_movinet(window=12, labels="", classes=5, weights=None)}
CLASSES = ("walk", "run", "jump", "sit", "wave")


@pytest.fixture(autouse=True)
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("co_perception.networks.variants.VIDEO_VARIANTS", SMALL)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A file as the port's author publishes them: no suffix, tensors by name."""
    path = tmp_path / "modelA0_stream_statedict_v3"
    torch.save(port_weights(drawn(SMALL["movinet_a0_stream"])), path)
    return path


def made(checkpoint: Path) -> ContinualVideoLearner:
    learner = ContinualVideoLearner("movinet_a0_stream", classes=CLASSES, min_progress=0.05)
    learner.load(checkpoint)
    return learner


def pictures(count: int, seed: int = 0) -> list[NDArray[np.uint8]]:
    return list(np.random.default_rng(seed).integers(0, 256, (count, 50, 60, 3), dtype=np.uint8))


def test_records_have_what_the_networks_were_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for name, size, short_side in (("a0", 172, 192), ("a1", 172, 192), ("a2", 224, 256)):
        for kind in ("stream", "base"):
            variant = video_variant(f"movinet_{name}_{kind}")
            assert (variant.size, variant.short_side, variant.rate_hz) == (size, short_side, 5.0)
            assert (variant.mean, variant.std, variant.classes, variant.labels) == (0.0, 1.0, 600, "kinetics600")
            assert variant.weights == (f"movinet_{name}_stream_kinetics600" if kind == "stream" else None)
    assert MOVINET_A0_STREAM.window == 50


def test_without_weights_it_says_what_to_load() -> None:
    learner = ContinualVideoLearner("movinet_a0_stream", classes=CLASSES)
    with pytest.raises(FileNotFoundError, match=r"checkpoint of its authors .* load\(path\)"):
        learner.load()
    with pytest.raises(RuntimeError, match=r"load\(path of a checkpoint\)"):
        learner.infer(pictures(1)[0])


def test_the_first_frame_is_answered_and_a_stream_ends_as_its_clip(checkpoint: Path) -> None:
    learner, frames = made(checkpoint), pictures(12)
    answers = learner.infer(frames)
    assert [answer.status for answer in answers] == [Status.VALID] * 12
    [clip] = learner.infer(Video.from_frames([Image(frame) for frame in frames], learner.rate_hz))
    np.testing.assert_allclose(scores(answers[-1:]), scores([clip]), atol=1e-5)
    assert np.ptp(scores(answers), axis=0).max() > 1e-3


def test_onnx_runtime_answers_as_torch(checkpoint: Path) -> None:
    plain, fast, frames = made(checkpoint), made(checkpoint), pictures(30)
    fast.optimize(backend="onnxruntime")
    np.testing.assert_allclose(scores(fast.infer(frames)), scores(plain.infer(frames)), atol=1e-4)


@pytest.mark.slow
def test_a_bundle_answers_as_torch_from_the_first_frame_on(checkpoint: Path, tmp_path: Path) -> None:
    learner, bundled, frames = made(checkpoint), BundleVideoLearner("movinet_a0_stream"), pictures(30)
    learner.bundle(tmp_path / "bundle")
    bundled.load(tmp_path / "bundle")
    for _ in range(2):
        learner.reset()
        bundled.reset()
        np.testing.assert_allclose(scores(bundled.infer(frames)), scores(learner.infer(frames)), atol=1e-4)


def test_a_window_is_saved(checkpoint: Path, tmp_path: Path) -> None:
    learner = ContinualVideoLearner("movinet_a0_stream", window=3, classes=CLASSES, min_progress=0.05)
    learner.load(checkpoint)
    learner.save(tmp_path / "saved")
    other = ContinualVideoLearner("movinet_a0_stream")
    other.load(tmp_path / "saved")
    assert other.variant == dataclasses.replace(SMALL["movinet_a0_stream"], window=3, labels=other.variant.labels)
    frames = pictures(9)
    np.testing.assert_allclose(scores(other.infer(frames)), scores(learner.infer(frames)), atol=1e-6)
    assert np.abs(np.subtract(scores(learner.infer(frames)), scores(made(checkpoint).infer(frames)))).max() > 1e-4


def test_the_mean_of_the_authors_is_saved_too(checkpoint: Path, tmp_path: Path) -> None:
    learner = ContinualVideoLearner("movinet_a0_stream", window=1_000_000_000, classes=CLASSES)
    learner.load(checkpoint)
    learner.save(tmp_path / "saved")
    other = ContinualVideoLearner("movinet_a0_stream")
    other.load(tmp_path / "saved")
    assert other.variant == learner.variant
    assert other.min_progress == MOVINET_A0_STREAM.min_progress == 0.2


def test_a_head_is_trained_on_its_features(checkpoint: Path) -> None:
    pytest.importorskip("lightning")
    settings = TrainConfig(mode="head", epochs=25, batch_size=8, lr=1e-2, accelerator="cpu")
    learner = ContinualVideoLearner("movinet_a0_stream", head="linear", classes=Brightnesses.classes)
    learner.features = checkpoint.parent / "features"
    learner.start_from(checkpoint)
    learner.fit(Brightnesses(12, 14, 1), config=settings)
    assert learner.eval(Brightnesses(8, 14, 3), config=settings)["accuracy"] == 1
