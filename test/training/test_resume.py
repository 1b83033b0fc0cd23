"""A training that is killed and resumed ends bit-equal; damaged checkpoints are noticed."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.tiny_training import CLASSES, CONFIG, MOMENTS, Noise, small, train

from co_perception.training import checkpoints
from co_perception.training.fit import fit

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_weights(tmp_path: Path) -> None:
    """Real processes, each killed by SIGKILL: within epochs, in validation, half through writing a checkpoint, ..."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'test'}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "test/helpers/tiny_training.py"), str(tmp_path)]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    digests = dict(line.split(": ") for line in answer.stdout.splitlines())
    assert list(digests) == ["whole", *MOMENTS], answer.stderr
    assert set(digests.values()) == {digests["whole"]}
    assert len({path.name for path in tmp_path.rglob("*.part")}) == 0
    assert answer.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path, damage: str) -> None:
    whole = train(tmp_path / "whole")
    train(tmp_path / "run")
    last, before = checkpoints.list_checkpoints(tmp_path / "run/checkpoints")
    content = bytearray(last.read_bytes())
    content[content.index(_weight(last))] ^= 16  # torch alone would read it and train on
    last.write_bytes({"cut": bytes(content[:-100]), "flipped": bytes(content), "empty": b""}[damage])
    with pytest.warns(UserWarning, match="epoch-00004.ckpt is not a whole checkpoint .* going back to the one before"):
        assert train(tmp_path / "run", resume=True) == whole
    for path in (last, before):
        path.write_bytes(b"")
    with pytest.warns(UserWarning) as reported:
        assert train(tmp_path / "run", resume=True) == whole
    # Whatever the garbage collector finds unclosed of earlier tests is reported in here, too.
    said = [str(warning.message) for warning in reported if warning.category is UserWarning]
    assert [message.split(" ")[0] for message in said] == [str(last), str(before), "no"]


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
    assert checkpoints.list_checkpoints(tmp_path / "checkpoints")[0].name == "epoch-00006.ckpt"


def test_other_examples_or_another_start_are_refused_and_change_nothing(tmp_path: Path) -> None:
    """As many examples of the same classes, with one number changed in one of them."""
    train(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    examples, others = Noise(18, 1), Noise(9, 2)
    others.x[4] = others.x[4] + np.eye(4, 6, dtype=np.float32) * 1e-3
    with pytest.raises(
        ValueError, match=r"another training: the digest of the examples was '\w+', is '\w+'. Resume with"
    ):
        fit(small(), examples, others, CONFIG.replace(epochs=6), CLASSES, tmp_path, resume=True)
    with pytest.raises(ValueError, match="the starting model was '', is 'net/own@1'"):
        fit(small(), examples, Noise(9, 2), CONFIG, CLASSES, tmp_path, resume=True, start="net/own@1")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_early_stopping_stands_after_a_resume(tmp_path: Path) -> None:
    """A network that stopped for want of progress does not train on because it is asked again."""
    stopped = train(tmp_path, patience=1, epochs=40, lr=1e-9)
    epochs = len(list(checkpoints.read(checkpoints.list_checkpoints(tmp_path / "checkpoints")[0])["course"]["history"]))
    assert epochs < 40
    assert train(tmp_path, patience=1, epochs=40, lr=1e-9, resume=True) == stopped


def test_a_checkpoint_that_needs_code_is_not_read(tmp_path: Path) -> None:
    torch.save({"x": np.float64(1.0), "y": object}, tmp_path / "epoch-00001.ckpt")
    with pytest.raises(ValueError, match="not a whole checkpoint"):
        checkpoints.read(tmp_path / "epoch-00001.ckpt")
    with warnings.catch_warnings(record=True):
        assert checkpoints.newest(tmp_path) is None


def test_a_checkpoint_on_a_full_disk_is_named_and_the_one_before_stays(tmp_path: Path) -> None:
    before, path = tmp_path / "epoch-00001.ckpt", tmp_path / "epoch-00002.ckpt"
    state = {"weights": torch.zeros(100_000)}
    checkpoints.write(state, before)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))  # the system refuses more, as a full disk does
    try:
        with pytest.raises(OSError, match=r"the checkpoint cannot be written: File too large: '.*epoch-00002\.ckpt'"):
            checkpoints.write(state, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [file.name for file in tmp_path.iterdir()] == [before.name]
    assert checkpoints.newest(tmp_path) == before


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_checkpoint_is_as_readable_as_the_umask_says(tmp_path: Path, umask: int) -> None:
    earlier = os.umask(umask)
    try:
        checkpoints.write({"weights": torch.zeros(2)}, tmp_path / "epoch-00001.ckpt")
    finally:
        os.umask(earlier)
    assert (tmp_path / "epoch-00001.ckpt").stat().st_mode & 0o777 == 0o666 & ~umask
