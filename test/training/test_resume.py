"""A training that is killed and resumed ends bit-equal; damaged checkpoints are noticed."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import MOMENTS, train

from co_perception.training import checkpoints

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_weights(tmp_path: Path) -> None:
    """Real processes, each killed by SIGKILL: within epochs, in validation, half through writing a checkpoint, ..."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'test'}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "test/tiny_training.py"), str(tmp_path)]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    digests = dict(line.split(": ") for line in answer.stdout.splitlines())
    assert list(digests) == ["whole", *MOMENTS], answer.stderr
    assert set(digests.values()) == {digests["whole"]}
    assert len({path.name for path in tmp_path.rglob("*.part")}) == 0
    assert answer.stderr == ""


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path, damage: str) -> None:
    whole = train(tmp_path / "whole")
    train(tmp_path / "run")
    last, before = checkpoints.found(tmp_path / "run/checkpoints")
    content = bytearray(last.read_bytes())
    content[content.index(_weight(last))] ^= 16  # torch alone would read it and train on
    last.write_bytes({"cut": bytes(content[:-100]), "flipped": bytes(content), "empty": b""}[damage])
    with pytest.warns(UserWarning, match="epoch-00004.ckpt is not a whole checkpoint .* going back to the one before"):
        assert train(tmp_path / "run", resume=True) == whole
    for path in (last, before):
        path.write_bytes(b"")
    with pytest.warns(UserWarning) as told:
        assert train(tmp_path / "run", resume=True) == whole
    assert [str(warning.message).split(" ")[0] for warning in told] == [str(last), str(before), "no"]


def _weight(path: Path) -> bytes:
    """The bytes of a tensor as they lie in the file."""
    return checkpoints.read(path)["state_dict"]["network.conv.weight"].numpy().tobytes()


def test_a_folder_is_not_trained_in_twice_nor_resumed_as_another_training(tmp_path: Path) -> None:
    train(tmp_path)
    with pytest.raises(ValueError, match="resume=True"):
        train(tmp_path)
    with pytest.raises(ValueError, match=r"lr was 0.02, is 0.5"):
        train(tmp_path, resume=True, lr=0.5)
    train(tmp_path, resume=True, epochs=6)
    assert checkpoints.found(tmp_path / "checkpoints")[0].name == "epoch-00006.ckpt"


def test_early_stopping_stands_after_a_resume(tmp_path: Path) -> None:
    """A network that stopped for want of progress does not train on because it is asked again."""
    stopped = train(tmp_path, patience=1, epochs=40, lr=1e-9)
    epochs = len(list(checkpoints.read(checkpoints.found(tmp_path / "checkpoints")[0])["course"]["history"]))
    assert epochs < 40
    assert train(tmp_path, patience=1, epochs=40, lr=1e-9, resume=True) == stopped


def test_a_checkpoint_that_needs_code_is_not_read(tmp_path: Path) -> None:
    torch.save({"x": np.float64(1.0), "y": object}, tmp_path / "epoch-00001.ckpt")
    with pytest.raises(ValueError, match="not a whole checkpoint"):
        checkpoints.read(tmp_path / "epoch-00001.ckpt")
    with warnings.catch_warnings(record=True):
        assert checkpoints.newest(tmp_path) is None
