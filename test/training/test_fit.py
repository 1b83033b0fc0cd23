"""Training: it learns, keeps the best weights, says nothing, and writes where it was told."""

from __future__ import annotations

import importlib
import os
import signal
from pathlib import Path

import pytest
import torch
from helpers.tiny_training import CLASSES, CONFIG, Noise, small, train

from co_perception.training.config import TrainConfig
from co_perception.training.fit import evaluate, fit, predict


def test_it_learns_and_returns_what_the_weights_give() -> None:
    network = small()
    config = CONFIG.replace(epochs=12, batch_size=12)
    result = fit(network, Noise(60, 1), Noise(29, 2), config, CLASSES)  # batches of 9, 10, 10
    assert result["val_accuracy"] > 0.9 and result["epochs"] == len(result["history"]) == 12
    found = evaluate(network, Noise(29, 2), CLASSES, batch_size=7)
    assert found == pytest.approx({name: result[f"val_{name}"] for name in found}, abs=1e-6)
    assert not network.training and next(network.parameters()).device.type == "cpu"


def test_the_best_epochs_weights_are_kept() -> None:
    """Trained on wrong labels from a good start, the first epoch is the best."""
    network = small()
    fit(network, Noise(60, 1), None, CONFIG.replace(epochs=12, batch_size=12), CLASSES)
    wrong = Noise(60, 1)
    wrong.labels = [(label + 1) % 3 for label in wrong.labels]
    result = fit(network, wrong, Noise(30, 2), CONFIG.replace(epochs=4, batch_size=12, lr=0.01), CLASSES)
    best = max(result["history"], key=lambda measures: measures["val_balanced_accuracy"])
    assert result["best_epoch"] < 4 and result["val_balanced_accuracy"] == best["val_balanced_accuracy"]
    assert evaluate(network, Noise(30, 2), CLASSES)["accuracy"] == pytest.approx(best["val_accuracy"])


@pytest.mark.slow
def test_two_runs_are_equal_whatever_loads_the_examples() -> None:
    assert train(None) == train(None, workers=2) != train(None, seed=1)


def test_one_example_more_than_a_batch_trains() -> None:
    """A last batch of one has no variance for a batch norm."""
    torch.manual_seed(0)

    class Flat(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.fc = torch.nn.BatchNorm1d(24), torch.nn.Linear(24, 3)

        def classify(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.norm(x.flatten(1)))

    assert fit(Flat(), Noise(9, 0), None, CONFIG.replace(batch_size=8, epochs=1), CLASSES)["epochs"] == 1


def test_nothing_is_printed_and_nothing_written_outside_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.chdir(tmp_path)
    train(None)
    assert not list(tmp_path.iterdir())
    train(tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["checkpoints", "config.yaml", "logs"]
    retained = sorted(path.name for path in (tmp_path / "run/checkpoints").iterdir())
    assert retained == ["epoch-00003.ckpt", "epoch-00004.ckpt"]
    assert TrainConfig.from_yaml(tmp_path / "run/config.yaml") == CONFIG
    # Whatever the garbage collector finds unclosed of earlier tests is reported in here, too.
    assert not [warning for warning in recwarn if warning.category is not ResourceWarning]
    assert capfd.readouterr() == ("", "")


def test_the_log_holds_the_history(tmp_path: Path) -> None:
    events = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    result = fit(small(), Noise(18, 1), Noise(9, 2), CONFIG, CLASSES, tmp_path)
    log = events.EventAccumulator(str(tmp_path / "logs")).Reload()
    for name in ("loss", "val_accuracy"):
        logged = [event.value for event in log.Scalars(name)]
        assert logged == pytest.approx([measures[name] for measures in result["history"]])


def test_on_epoch_is_told_and_may_end_it() -> None:
    reported: list[int] = []

    def stop(epoch: int, measures: object) -> None:
        reported.append(epoch)
        if epoch == 2:
            raise InterruptedError("enough")

    with pytest.raises(InterruptedError, match="enough"):
        fit(small(), Noise(18, 1), Noise(9, 2), CONFIG, CLASSES, on_epoch=stop)
    assert reported == [1, 2]


def test_ctrl_c_stays_a_keyboard_interrupt() -> None:
    """Lightning makes a SystemExit of it and leaves the signal switched off."""
    handler = signal.default_int_handler
    before = signal.signal(signal.SIGINT, handler)  # a test of nodes may have left another

    def interrupt(epoch: int, measures: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fit(small(), Noise(18, 1), None, CONFIG, CLASSES, on_epoch=interrupt)
    assert signal.getsignal(signal.SIGINT) is handler
    signal.signal(signal.SIGINT, before)


def test_a_loss_that_is_no_number_is_an_error_with_advice() -> None:
    examples = Noise(18, 1)
    examples.x[3][:] = float("nan")
    with pytest.raises(RuntimeError, match=r"loss of epoch 1 is nan.*Lower lr.*look for NaN"):
        fit(small(), examples, None, CONFIG, CLASSES)


def test_examples_must_fit_the_classes() -> None:
    with pytest.raises(ValueError, match=r"training examples lie outside the 2 classes: \[2\]"):
        fit(small(), Noise(18, 1), None, CONFIG, CLASSES[:2])
    with pytest.raises(ValueError, match="no validation examples"):
        fit(small(), Noise(18, 1), Noise(0, 1), CONFIG, CLASSES)


def test_mixed_precision_trains() -> None:
    result = fit(small(), Noise(18, 1), Noise(9, 2), CONFIG.replace(precision="bf16-mixed"), CLASSES)
    assert result["loss"] < result["history"][0]["loss"]


def test_predict_leaves_the_network_as_it_is() -> None:
    network = small().train()
    network.norm.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    logits = predict(network, Noise(10, 0), batch_size=3)
    assert logits.shape == (10, 3) and not logits.requires_grad
    assert network.training and network.drop.training and not network.norm.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    torch.testing.assert_close(logits, predict(network, Noise(10, 0), batch_size=10))
