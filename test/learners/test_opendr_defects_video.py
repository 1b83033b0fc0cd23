"""What was found wrong with OpenDR 3.0.0's X3DLearner and CoX3DLearner, one test each: it must not happen here."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.answers import scores
from helpers.motion_videos import DIRECTIONS, Moving, moving
from helpers.small_video_networks import network, small
from torch.optim import SGD

from co_perception.engine.target import Status
from co_perception.learners.video import ContinualVideoLearner
from co_perception.networks.variants import COX3D_S, ResidualVariant
from co_perception.training.config import TrainConfig
from co_perception.training.lightning_run import make_optimizer

QUICK = TrainConfig(epochs=1, batch_size=3, accelerator="cpu")


@pytest.fixture(autouse=True)
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    variants = {"cox3d_s": small(COX3D_S, blocks=(1, 1, 1, 1), features=32, short_side=36)}
    monkeypatch.setattr("co_perception.networks.variants.VIDEO_VARIANTS", variants)


@pytest.fixture
def learner(tmp_path: Path) -> ContinualVideoLearner:
    """Two classes, window 4, weights worth comparing."""
    learner = ContinualVideoLearner("cox3d_s", classes=DIRECTIONS)
    assert isinstance(learner.variant, ResidualVariant)
    torch.save({"model_state": network(learner.variant).float().state_dict()}, tmp_path / "weights.pyth")
    learner.load(tmp_path / "weights.pyth")
    return learner


def test_the_window_takes_effect() -> None:
    """`temporal_window_size=64` was set after the model was built, and changed nothing."""
    fields = [ContinualVideoLearner("cox3d_s", window=window).receptive_field for window in (4, 13, 64)]
    assert fields == [16, 25, 76]


def test_every_frame_is_answered_while_it_warms_up(learner: ContinualVideoLearner) -> None:
    """`infer` returned None for the first 40 frames, and the node took its length."""
    answers = learner.infer(list(moving(0, learner.receptive_field, 0)))
    assert len(answers) == learner.receptive_field
    assert answers[0].status == Status.WARMING_UP and answers[-1].status == Status.VALID


def test_reset_forgets(learner: ContinualVideoLearner) -> None:
    """`reset` was `pass`: scores moved by up to 0.98 with what was seen before."""
    fresh = learner.infer(list(moving(0, 20, 0)))
    learner.infer(list(moving(1, 20, 1)))
    remembering = learner.infer(list(moving(0, 20, 0)))
    learner.reset()
    again = learner.infer(list(moving(0, 20, 0)))
    assert [answer.top(2) for answer in again] == [answer.top(2) for answer in fresh]
    assert [answer.progress for answer in remembering] != [answer.progress for answer in fresh]


@pytest.mark.slow
def test_a_stream_keeps_no_autograd_graph(learner: ContinualVideoLearner) -> None:
    """Every step hung on the one before: 6 MB a frame, for ever. Here the count of tensors and their graph stay."""
    for parameter in learner.model.parameters():
        parameter.requires_grad_(True)  # as it is while somebody trains it
    learner.infer(list(moving(0, 30, 0)))
    gc.collect()
    before = sum(issubclass(type(value), torch.Tensor) for value in gc.get_objects())
    learner.infer(list(moving(0, 30, 1)))
    gc.collect()
    after = sum(issubclass(type(value), torch.Tensor) for value in gc.get_objects())
    assert after == before
    assert not any(value.requires_grad for stage in learner.snapshot().stages for value in stage.waiting)
    logits = learner.snapshot().logits
    assert logits is not None and logits.grad_fn is None


def test_what_is_saved_loads_whatever_its_number_of_classes(learner: ContinualVideoLearner, tmp_path: Path) -> None:
    """CoX3D's save and load failed always, X3D's for other than 400 classes; window and class count were not in the
    JSON; a second save left the first to be read."""
    wide = ContinualVideoLearner("cox3d_s", window=9, classes=tuple("abcdefg"), threshold=0.25, min_progress=0.5)
    wide.fit([Moving(2, 14, 1)[0], Moving(2, 14, 1)[1]], config=QUICK)
    learner.save(tmp_path / "saved")
    wide.save(tmp_path / "saved")
    other = ContinualVideoLearner("cox3d_s")
    other.load(tmp_path / "saved")
    assert (other.labels, other.receptive_field, other.variant.classes) == (tuple("abcdefg"), wide.receptive_field, 7)
    assert (other.threshold, other.min_progress, other.rate_hz) == (0.25, 0.5, 5.0)
    frames = list(moving(0, 30, 0))
    assert [answer.top(7) for answer in other.infer(frames)] == [answer.top(7) for answer in wide.infer(frames)]


def test_labels_are_those_of_the_weights(learner: ContinualVideoLearner) -> None:
    """A learner of NTU classes spoke Kinetics names. Here names come with weights, and another count is refused."""
    assert {answer.description for answer in learner.infer(list(moving(0, 30, 0)))[20:]} <= set(DIRECTIONS)
    with pytest.raises(ValueError, match="different names"):
        ContinualVideoLearner("cox3d_s", classes=("walk", "walk"))
    with pytest.raises(ValueError, match="different names"):
        ContinualVideoLearner("cox3d_s", classes="walk")


@pytest.mark.slow
def test_optimize_works_twice_and_leaves_a_clean_state(learner: ContinualVideoLearner) -> None:
    """Its guard read an attribute that nobody set; the state that was exported had seen noise and had no way back."""
    frames = list(moving(0, 20, 0))
    wanted = learner.infer(frames)
    learner.optimize()
    learner.optimize()
    got = learner.infer(frames)
    assert [answer.progress for answer in got] == [answer.progress for answer in wanted]
    np.testing.assert_allclose(scores(got), scores(wanted), atol=1e-4)


def test_a_stream_goes_on_in_an_optimized_network(learner: ContinualVideoLearner, tmp_path: Path) -> None:
    frames = list(moving(0, 40, 0))
    learner.infer(frames[:20])
    learner.save_streams(tmp_path / "streams", {"one": learner.snapshot()}, {})
    wanted = learner.infer(frames[20:])
    learner.optimize()
    learner.restore(learner.load_streams(tmp_path / "streams")["one"][0])
    assert len(scores(wanted)) == 20
    np.testing.assert_allclose(scores(learner.infer(frames[20:])), scores(wanted), atol=1e-4)


def test_foreign_snapshot_of_video_streams_is_refused(
    learner: ContinualVideoLearner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner.infer(next(iter(moving(0, 1, 0))))
    learner.save_streams(tmp_path / "streams", {"one": learner.snapshot()}, {})
    monkeypatch.setattr(learner, "labels", tuple(reversed(learner.labels)))
    with pytest.raises(ValueError, match="another model"):
        learner.load_streams(tmp_path / "streams")


def test_fit_runs_with_sgd_on_pairs() -> None:
    """`optimizer="sgd"` built an Adam with a momentum, a TypeError; a dataset of (input, answer) could not be
    unpacked; and no current Lightning took the arguments."""
    learner = ContinualVideoLearner("cox3d_s", classes=DIRECTIONS)
    pairs = [Moving(6, 9, 1)[index] for index in range(6)]
    others = [Moving(6, 9, 2)[index] for index in range(6)]
    result = learner.fit(pairs, others, config=QUICK.replace(optimizer="sgd", lr=0.1))
    assert result["epochs"] == 1 and 0 <= result["val_accuracy"] <= 1
    assert set(learner.eval(pairs)) >= {"accuracy", "loss"}
    parameters = learner.model.requires_grad_(True).parameters()
    assert isinstance(make_optimizer(parameters, QUICK.replace(optimizer="sgd")), SGD)


def test_the_schedule_is_used_and_checkpoints_are_written(tmp_path: Path) -> None:
    """`lr_schedule` and `checkpoint_after_iter` were accepted and ignored."""
    found = {}
    for schedule in ("cosine", "constant"):
        learner = ContinualVideoLearner("cox3d_s", classes=DIRECTIONS)
        config = QUICK.replace(epochs=2, schedule=schedule)
        found[schedule] = learner.fit(Moving(6, 9, 1), config=config, folder=tmp_path / schedule)["loss"]
        assert len(list((tmp_path / schedule / "checkpoints").glob("*.ckpt"))) == 2
    assert found["cosine"] != found["constant"]


def test_settings_take_the_numbers_people_write() -> None:
    """`lr=1` and `np.float32` were a TypeError, a `Path` for a folder too."""
    assert TrainConfig(lr=1, weight_decay=np.float32(0.5)).lr == 1  # type: ignore[arg-type]
