"""Bundles of video networks: what runs without torch answers as torch does, from the first frame on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.forbidden_imports import WITHOUT_TORCH
from helpers.refusals import assert_refused
from helpers.small_video_networks import network, small
from numpy.typing import NDArray

from co_perception.engine.data import Video
from co_perception.engine.target import Category
from co_perception.learners.bundle_skeleton import BundleSkeletonLearner
from co_perception.learners.bundle_video import BundleVideoLearner
from co_perception.learners.recognizers import KINDS, VideoSettings
from co_perception.learners.trainable import TrainableLearner
from co_perception.learners.video import ContinualVideoLearner
from co_perception.networks.variants import COI3D_R50, COX3D_S, PooledVariant
from co_perception.runtime.steppers import optimized_cache

SMALL = {"coi3d_r50": small(COI3D_R50), "cox3d_s": small(COX3D_S)}  # the first in two stages


class SmallVideoLearner(ContinualVideoLearner):
    """A learner of a record of one's own, with random weights."""

    def __init__(self, variant: PooledVariant) -> None:
        TrainableLearner.__init__(self, variant, classes=("walk", "run", "jump", "sit", "wave"), min_progress=0.2)
        self.model.load_state_dict(network(self.variant).float().state_dict())  # type: ignore[arg-type]
        self._loaded = True


def pictures(count: int, seed: int = 0) -> list[NDArray[np.uint8]]:
    return list(np.random.default_rng(seed).integers(0, 256, (count, 40, 56, 3), dtype=np.uint8))


def same(one: Sequence[Category], other: Sequence[Category]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert (a.status, a.progress, a.delay, a.description) == (b.status, b.progress, b.delay, b.description)
        assert (a.probabilities is None) == (b.probabilities is None)
        if a.probabilities is not None and b.probabilities is not None:
            np.testing.assert_allclose(a.probabilities, b.probabilities, atol=1e-4)


@pytest.fixture(scope="module", params=[pytest.param("coi3d_r50"), pytest.param("cox3d_s", marks=pytest.mark.slow)])
def pair(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallVideoLearner, BundleVideoLearner, Path]:
    """A learner, its bundle, and where that lies."""
    folder = tmp_path_factory.mktemp("bundle")
    made, bundled = SmallVideoLearner(SMALL[request.param]), BundleVideoLearner()
    made.bundle(folder)
    bundled.load(folder)
    return made, bundled, folder


Pair = tuple[SmallVideoLearner, BundleVideoLearner, Path]


def test_it_answers_as_torch_from_the_first_frame_on(pair: Pair) -> None:
    made, bundled, _ = pair
    field = made.receptive_field
    assert (bundled.name, bundled.labels, bundled.rate_hz) == (made.name, made.labels, made.rate_hz)
    assert (bundled.receptive_field, bundled.stride) == (field, made.stride)
    for frames in (pictures(field + 20), pictures(field // 2, 1)):  # the second one after a reset
        made.reset()
        bundled.reset()
        answers = bundled.infer(frames)
        same(answers, made.infer(frames))
        assert any(answer.data >= 0 for answer in answers) == (len(frames) > field)
    assert bundled.stream_bytes == made.stream_bytes


def test_streams_go_on_in_either(pair: Pair, tmp_path: Path) -> None:
    made, bundled, _ = pair
    made.reset()
    bundled.reset()
    before, after = pictures(made.receptive_field + 3), pictures(9, 2)
    made.infer(before)
    bundled.infer(before)
    held = made.snapshot(), bundled.snapshot()
    wanted = made.infer(after)
    made.save_streams(tmp_path / "torch", {"scene": held[0]}, {"scene": [1, 2]})
    bundled.save_streams(tmp_path / "numpy", {"scene": held[1]}, {})
    for file in ("torch", "numpy"):
        for learner in (made, bundled):
            [(stream, note)] = learner.load_streams(tmp_path / file).values()
            assert note == ([1, 2] if file == "torch" else None)
            learner.restore(stream)
            same(learner.infer(after), wanted)
    for learner, stream in ((made, held[1]), (bundled, held[0])):
        learner.restore(stream)
        same(learner.infer(after), wanted)


def test_what_it_does_not_do_is_said(pair: Pair) -> None:
    made, bundled, folder = pair
    clip = Video(np.zeros((3, 16, 40, 56), np.uint8), made.rate_hz)
    assert_refused("ContinualVideoLearner", bundled.infer, clip)
    assert_refused("expected a frame", bundled.infer, "frame.png")
    assert_refused("expected what snapshot", bundled.restore, None)
    assert_refused("kind 'video', expected 'skeleton'", BundleSkeletonLearner().load, folder)
    with pytest.raises(FileNotFoundError, match="co-perception bundle"):
        BundleVideoLearner("cox3d_m").load(folder / "nowhere")


def test_a_node_takes_the_bundle_unless_it_is_asked_for_something_else(pair: Pair) -> None:
    _, bundled, folder = pair
    values = VideoSettings(network=bundled.variant.name, model_path=str(folder))
    KINDS["video"].find_weights(values)
    assert KINDS["video"].loaded(values).name == bundled.name
    other = VideoSettings(network=bundled.variant.name, model_path=str(folder), backend="eager")
    assert_refused("is a bundle", KINDS["video"].learner, other)


RECOGNIZES = """
import numpy as np
from co_perception.learners.recognizers import KINDS, VideoSettings
from co_perception.engine.data import Image

kind, values = KINDS["video"], VideoSettings(network=sys.argv[2], model_path=sys.argv[1], model_rate_hz=0.0)
kind.find_weights(values)
recognizer = kind.recognizer(kind.loaded(values), values)
for number in range(1, 6):
    stamp = number * 40_000_000
    found = recognizer.answer(Image(np.zeros((48, 64, 3), np.uint8), stamp), stamp, recognizer.admit(stamp))
print(found.answers[0].category.status.name, recognizer.learner.backend)
"""


@pytest.mark.slow
def test_it_recognizes_without_torch(pair: Pair) -> None:
    _, bundled, folder = pair
    code = [sys.executable, "-c", WITHOUT_TORCH + RECOGNIZES, str(folder), bundled.variant.name]
    done = subprocess.run(code, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "onnxruntime in float32 from a bundle" in done.stdout


@pytest.mark.slow
def test_the_published_network_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inception: ContinualVideoLearner
) -> None:
    """Inception-I3D with its Kinetics weights, on real video, optimized once."""
    from co_perception.data.video import VideoReader
    from co_perception.runtime.store import store

    inception.bundle(tmp_path / "bundle")
    video = store.locate("sports2d_demo")
    frames = [frame.pixels for frame, _ in zip(VideoReader(str(video)), range(130), strict=False)]
    monkeypatch.setenv("CO_PERCEPTION_CACHE", str(tmp_path))
    wanted = inception.infer(frames)
    for _ in range(2):
        learner = BundleVideoLearner()
        learner.load(tmp_path / "bundle")
        same(learner.infer(frames), wanted)
    kept = len(list((tmp_path / "optimized").iterdir()))  # one or two programs of each stage
    assert len(learner._facts.stage_shapes) <= kept <= 2 * len(learner._facts.stage_shapes)
    assert optimized_cache.LARGE < 50_000_000 and torch.is_grad_enabled()


@pytest.fixture
def inception() -> ContinualVideoLearner:
    learner = ContinualVideoLearner()
    learner.load()
    return learner
