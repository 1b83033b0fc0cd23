"""The video learner: OpenDR's methods on a reduced network with random weights, which behaves like the published one
and is quick."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.answers import scores
from helpers.small_video_networks import LABELS, write_small_network
from numpy.typing import NDArray
from safetensors.torch import save_file

from co_perception.engine.data import Image, Video
from co_perception.engine.target import Status
from co_perception.learners.preprocess_video import to_input
from co_perception.learners.video import ContinualVideoLearner

Optimized = tuple[ContinualVideoLearner, NDArray[np.float32], NDArray[np.float32]]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_network(tmp_path_factory.mktemp("learner"))


@pytest.fixture(scope="module")
def loaded(saved: Path) -> ContinualVideoLearner:
    learner = ContinualVideoLearner()
    learner.load(saved)
    return learner


@pytest.fixture
def learner(loaded: ContinualVideoLearner) -> ContinualVideoLearner:
    """The same network for every test, with a fresh stream."""
    loaded.reset()
    return loaded


@pytest.fixture(scope="module")
def optimized(saved: Path) -> Optimized:
    """A learner that was optimized after 90 frames, and its answers to them before and after."""
    learner = ContinualVideoLearner()
    learner.load(saved)
    before = scores(learner.infer(video(90)))
    learner.optimize()
    return learner, before, scores(learner.infer(video(90)))


def video(frames: int, seed: int = 0, size: tuple[int, int] = (48, 64)) -> list[NDArray[np.uint8]]:
    return list(np.random.default_rng(seed).integers(0, 256, (frames, *size, 3), dtype=np.uint8))


def test_warm_up_is_said_not_hidden(learner: ContinualVideoLearner) -> None:
    answers = learner.infer(video(130))
    assert len(answers) == 130
    first = next(place for place, answer in enumerate(answers) if answer.data >= 0)
    # 62 frames must follow frame 0 (delay 62), the step is whole at 64, and the spread work is done 3 frames later.
    assert first == 66 and all(answer.status == Status.WARMING_UP for answer in answers[:first])
    progress = [answer.progress for answer in answers]
    assert progress == sorted(progress) and progress[0] < 0.01
    assert progress[first] == pytest.approx(63 / 107) and progress[-1] == 1
    valid = [answer.status == Status.VALID for answer in answers]
    assert valid == [answer.progress >= 0.75 and answer.data >= 0 for answer in answers]
    assert answers[first].delay == first and answers[first + 7].delay == first + 7 and answers[first + 8].delay == first


def test_answers_are_the_offline_networks(learner: ContinualVideoLearner) -> None:
    """Every answer of the stream that lies inside the clip equals the same position of the published network on the
    whole clip."""
    frames = video(128)
    answers = learner.infer(frames)
    inputs = torch.stack([to_input(frame, learner.variant) for frame in frames], dim=1)
    with torch.no_grad():
        offline = torch.softmax(learner.model.clip(inputs.unsqueeze(0))[0], 0).numpy().T
    streamed = scores(answers[66::8])
    np.testing.assert_allclose(streamed, offline[: len(streamed)], atol=1e-5)
    assert len(streamed) == 8


def test_a_clip_is_answered_once_and_leaves_the_stream_alone(learner: ContinualVideoLearner) -> None:
    frames = video(70)
    learner.infer(frames[:30])
    before = learner.snapshot()
    clip = Video.from_frames([Image(frame) for frame in frames], learner.rate_hz)
    [answer] = learner.infer(clip)
    assert learner.snapshot() is before and answer.status == Status.VALID and answer.description in LABELS
    inputs = torch.stack([to_input(frame, learner.variant) for frame in frames[:64]], dim=1)
    with torch.no_grad():
        wanted = torch.softmax(learner.model.clip(inputs.unsqueeze(0))[0].mean(1), 0).numpy()
    np.testing.assert_allclose(scores([answer])[0], wanted, atol=1e-6)


@pytest.mark.slow
def test_reset_forgets_and_restore_goes_on_bit_equal(learner: ContinualVideoLearner) -> None:
    frames = video(90 + 20 * learner.stride)
    first = learner.infer(frames)
    learner.reset()
    assert learner.infer(frames[0])[0].progress == pytest.approx(1 / 107)
    learner.reset()
    learner.infer(frames[:90])
    snapshot = learner.snapshot()
    one = learner.infer(frames[90:])
    learner.infer(video(40, seed=9))
    learner.restore(snapshot)
    two = learner.infer(frames[90:])
    np.testing.assert_array_equal(scores(one), scores(two))
    np.testing.assert_array_equal(scores(one), scores(first[90:]))


@pytest.mark.slow
def test_optimize_keeps_the_answers(optimized: Optimized) -> None:
    _, before, after = optimized
    np.testing.assert_allclose(after, before, atol=1e-4)


@pytest.mark.slow
def test_save_and_load_keep_everything(optimized: Optimized, tmp_path: Path) -> None:
    learner = optimized[0]  # what is saved is the network, not its folded form
    learner.reset()
    learner.save(tmp_path / "copy")
    learner.save(tmp_path / "copy")
    other = ContinualVideoLearner()
    other.load(tmp_path / "copy")
    picky = ContinualVideoLearner(min_progress=1.0, threshold=0.5)
    picky.load(tmp_path / "copy")
    assert (other.min_progress, other.threshold, picky.min_progress, picky.threshold) == (0.75, 0.0, 1.0, 0.5)
    assert other.labels == LABELS and other.name == learner.name and other.variant.size == 32
    frames = video(75)
    np.testing.assert_allclose(scores(other.infer(frames)), scores(learner.infer(frames)), atol=1e-4)


def test_threshold_makes_uncertain(learner: ContinualVideoLearner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learner, "threshold", 1.0)
    assert {answer.status for answer in learner.infer(video(100))[90:]} == {Status.UNCERTAIN}


def test_construction_loads_nothing() -> None:
    with pytest.raises(RuntimeError, match="weights fetch i3d_kinetics400"):
        ContinualVideoLearner().infer(video(1)[0])
    with pytest.raises(ValueError, match="share"):
        ContinualVideoLearner(min_progress=75)


def test_missing_weights_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CO_PERCEPTION_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="co-perception weights fetch"):
        ContinualVideoLearner().load()


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (np.zeros((4, 4), np.uint8), "list of frames|RGB frame"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        (np.zeros((4, 4, 3), np.float32), "uint8"),
        (np.zeros((3, 4, 4), np.uint8), "RGB frame"),
        (["frame.png"], "got str"),
        (torch.zeros(3, 4, 4), "got Tensor"),
    ],
)
def test_wrong_frames_are_refused_and_the_stream_goes_on(
    learner: ContinualVideoLearner, frame: object, message: str
) -> None:
    before = learner.snapshot()
    with pytest.raises(ValueError, match=message):
        learner.infer(frame)  # type: ignore[arg-type]
    assert learner.snapshot() is before


def test_weights_of_another_network_are_refused(saved: Path, tmp_path: Path) -> None:
    for name, content in (("metadata.json", (saved / "metadata.json").read_text()), ("weights.safetensors", "short")):
        (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match="too small for the network"):
        ContinualVideoLearner().load(tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(bytes(13_000_000))
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        ContinualVideoLearner().load(tmp_path)
    save_file({"w": torch.zeros(13_000_000, dtype=torch.uint8)}, tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match="is not for coi3d_inception"):
        ContinualVideoLearner().load(tmp_path)
    (tmp_path / "metadata.json").write_text("{")
    with pytest.raises(ValueError, match="not JSON"):
        ContinualVideoLearner().load(tmp_path)
    with pytest.raises(FileNotFoundError, match="save"):
        ContinualVideoLearner().load(tmp_path / "nowhere")
