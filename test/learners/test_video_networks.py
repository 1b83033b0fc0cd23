"""The video learner on other networks: X3D answers every frame, CoI3D every other; weights from checkpoint files."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.answers import scores
from helpers.small_video_networks import network, pyslowfast, small, write_metadata
from numpy.typing import NDArray
from safetensors.torch import save_file

from co_perception.engine.data import Image, Video
from co_perception.engine.target import Status
from co_perception.learners.preprocess_video import to_input
from co_perception.learners.video import ContinualVideoLearner
from co_perception.learners.weights import read_checkpoint
from co_perception.networks.variants import COI3D_R50, COX3D_M, PooledVariant

# Blocks and width are the record's, not the file's: the learner builds published sizes, so these records are replaced.
SMALL = {record.name: small(record, blocks=(1, 1, 1, 1)) for record in (COX3D_M, COI3D_R50)}


@pytest.fixture(params=list(SMALL))
def learner(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ContinualVideoLearner:
    """A learner of a small network, loaded from a folder as `save` writes it: five classes, window 4."""
    monkeypatch.setattr("co_perception.networks.variants.VIDEO_VARIANTS", SMALL)
    variant = SMALL[request.param]
    learner = ContinualVideoLearner(request.param)
    net = network(variant).float()
    save_file(net.state_dict(), tmp_path / "weights.safetensors")
    timing = {"rate_hz": 6.0, "window": net.receptive_field, "stride": net.timing.stride, "pool_window": 4}
    write_metadata(tmp_path, tuple("abcde"), network=variant.name, mean=0.45, std=0.225, **timing)
    learner.load(tmp_path)
    return learner


def video(frames: int) -> list[NDArray[np.uint8]]:
    return list(np.random.default_rng(0).integers(0, 256, (frames, 40, 48, 3), dtype=np.uint8))


def test_the_stream_gives_the_clips_answers(learner: ContinualVideoLearner) -> None:
    frames = video(2 * learner.receptive_field + learner.receptive_field % 2)
    answers = learner.infer(frames)
    inputs = torch.stack([to_input(frame, learner.variant) for frame in frames], dim=1)
    with torch.no_grad():
        offline = torch.softmax(learner.model.clip(inputs.unsqueeze(0))[0], 0).numpy().T
    streamed = scores(answers)[:: learner.stride]
    assert len(streamed) > learner.receptive_field / learner.stride / 2
    np.testing.assert_allclose(streamed, offline[: len(streamed)], atol=1e-5)
    assert answers[0].status == Status.WARMING_UP and answers[-1].status == Status.VALID
    assert answers[-1].progress == 1.0


def test_clips_optimize_save_and_load(learner: ContinualVideoLearner, tmp_path: Path) -> None:
    clip = Video.from_frames([Image(frame) for frame in video(learner.model.shortest_clip)], learner.rate_hz)
    [answer] = learner.infer(clip)
    learner.optimize()
    np.testing.assert_allclose(scores(learner.infer(clip)), scores([answer]), atol=1e-4)
    learner.save(tmp_path / "copy")
    other = ContinualVideoLearner(learner.variant.name)
    other.load(tmp_path / "copy")
    assert other.variant == learner.variant and isinstance(other.variant, PooledVariant) and other.variant.window == 4
    np.testing.assert_allclose(scores(other.infer(clip)), scores([answer]), atol=1e-5)
    with pytest.raises(ValueError, match=f"at least {learner.model.shortest_clip}"):
        learner.infer(Video.from_frames([Image(frame) for frame in video(2)], learner.rate_hz))


@pytest.mark.parametrize(
    ("window", "message"),
    [(1_000_000, "pool_window has 1000000, of a network that keeps at most 65536 frames"),
     (0, "pool_window is a number of frames, got 0"), (-5, "pool_window is a number of frames, got -5")],
)  # fmt: skip
def test_a_window_that_a_network_cannot_keep_is_refused(tmp_path: Path, window: int, message: str) -> None:
    timing = {"rate_hz": 6.0, "window": 31, "stride": 1, "pool_window": window}
    write_metadata(tmp_path, tuple("abcde"), network="cox3d_m", mean=0.45, std=0.225, **timing)
    with pytest.raises(ValueError, match=message):
        ContinualVideoLearner("cox3d_m").load(tmp_path)


def test_the_window_is_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("co_perception.networks.variants.VIDEO_VARIANTS", SMALL)
    short, long = ContinualVideoLearner("cox3d_m"), ContinualVideoLearner("cox3d_m", window=9)
    assert long.receptive_field == short.receptive_field + 5
    with pytest.raises(FileNotFoundError, match="co-perception weights fetch x3d_m_kinetics400"):
        short.load()
    with pytest.raises(RuntimeError, match="weights fetch x3d_m_kinetics400"):
        short.infer(video(1)[0])


def test_published_checkpoint_files_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variant = dataclasses.replace(SMALL["cox3d_m"], classes=400)
    monkeypatch.setattr("co_perception.networks.variants.VIDEO_VARIANTS", {"cox3d_m": variant})
    net = network(variant).float()
    path = tmp_path / "x3d.pyth"
    torch.save({"epoch": 1, "model_state": pyslowfast(net), "cfg": "DATA: {}"}, path)
    learner = ContinualVideoLearner("cox3d_m")
    learner.load(path)
    assert all(torch.equal(value, learner.model.state_dict()[name]) for name, value in net.state_dict().items())
    (tmp_path / "short.pyth").write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ValueError, match="not a whole checkpoint"):
        learner.load(tmp_path / "short.pyth")
    torch.save({"model_state": {"s1.w": torch.zeros(1)}}, path)
    with pytest.raises(ValueError, match="x3d.pyth is not for cox3d_m"):
        learner.load(path)


class Trap:
    """Unpickled by ordinary means, makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, (str(self.folder),))


def test_a_checkpoint_that_would_run_something_is_refused(tmp_path: Path) -> None:
    torch.save({"model_state": {"w": torch.zeros(1)}, "extra": Trap(tmp_path / "sprung")}, tmp_path / "trap.pyth")
    with pytest.raises(ValueError, match="nothing of it was run"):
        read_checkpoint(tmp_path / "trap.pyth")
    assert not (tmp_path / "sprung").exists()
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="holds a list"):
        read_checkpoint(tmp_path / "list.pth")
