"""A training so small that it can be done again and again, for tests that kill it. Run as a program, it does that:

    python tiny_training.py FOLDER

trains without interruption, then once for each of `MOMENTS` in a process that is killed there and in another one that
resumes, and prints each moment with a digest of everything that came out.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from co_perception.training import checkpoints
from co_perception.training.config import TrainConfig
from co_perception.training.fit import fit

CLASSES = ("a", "b", "c")
CONFIG = TrainConfig(epochs=4, batch_size=4, lr=0.02, balance=True, label_smoothing=0.1, accelerator="cpu")
MOMENTS = ("first step", "mid-epoch 1", "mid-epoch 3", "validation 2", "writing 1", "writing 3", "renamed 2", "end")


class Noise:
    """Classes that differ in one channel's mean; augmented by noise. `read` is told how many were read before."""

    def __init__(self, size: int, seed: int, read: Any = None) -> None:
        rng = np.random.default_rng(seed)
        self.labels = [int(label) for label in rng.integers(0, 3, size)]
        self.x = [(rng.normal(size=(4, 6)) + 3 * np.eye(4, 1, -label)).astype(np.float32) for label in self.labels]
        self.read, self.reads = read, 0

    def __len__(self) -> int:
        return len(self.labels)

    def tensor(self, index: int, rng: np.random.Generator | None) -> Tensor:
        if self.read is not None:
            self.read(self.reads)
        self.reads += 1
        noise = 0 if rng is None else rng.normal(size=(4, 6)) / 2
        return torch.from_numpy((self.x[index] + noise).astype(np.float32))


class Small(nn.Module):
    """Everything that a training must restore: weights, running statistics, dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(4, 8, 3), nn.BatchNorm1d(8)
        self.drop, self.fc = nn.Dropout(0.3), nn.Linear(8, 3)

    def classify(self, x: Tensor) -> Tensor:
        return self.fc(self.drop(self.norm(self.conv(x)).relu().mean(2)))


def small(seed: int = 0) -> Small:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Small()


def train(folder: Path | None, resume: bool = False, read: Any = None, read_val: Any = None, **changes: Any) -> str:
    """A digest of the weights and measures that a training ends with."""
    network = small()
    result = fit(
        network, Noise(18, 1, read), Noise(9, 2, read_val), CONFIG.replace(**changes), CLASSES, folder, resume=resume
    )
    digest = hashlib.sha256(repr(result["history"]).encode())
    for value in network.state_dict().values():
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def train_until(moment: str, folder: Path) -> None:
    """Train, and die at that moment. All examples are read once before, to compare what they show."""
    kind, _, number = moment.partition(" ")
    if kind in ("first", "mid-epoch"):
        first = 18 * (int(number) + 1) + 7 if kind == "mid-epoch" else 18
        train(folder, read=lambda reads: die() if reads == first else None)
    elif kind == "validation":
        train(folder, read_val=lambda reads: die() if reads == 9 * (int(number) + 1) + 4 else None)
    elif kind == "writing":
        _die_half_written(int(number))
        train(folder)
    elif kind == "renamed":
        checkpoints.tidy = lambda place: die() if checkpoints.path_of(place, int(number)).exists() else None  # type: ignore[assignment]
        train(folder)
    else:
        train(folder)
        die()


def _die_half_written(epochs: int) -> None:
    whole = torch.save

    def save(checkpoint: Any, file: Any) -> None:
        if str(checkpoints.path_of(Path(), epochs)) in file.name:
            with tempfile.TemporaryFile() as other:
                whole(checkpoint, other)
                other.seek(0)
                content = other.read()
            file.write(content[: len(content) // 2])
            file.flush()
            die()
        whole(checkpoint, file)

    torch.save = save  # type: ignore[assignment]


def _in_child(action: Any) -> int:
    """Exit status of a process that does it; negative: the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder: Path) -> None:
    """Prints `moment: digest` per line, "whole" first."""
    torch.set_num_threads(1)
    import lightning.pytorch  # noqa: F401  # once for all children

    _in_child(lambda: print("whole:", train(None), flush=True))
    for moment in MOMENTS:
        place = folder / moment.replace(" ", "-")
        status = _in_child(lambda moment=moment, place=place: train_until(moment, place))
        assert status == -signal.SIGKILL, (moment, status)
        _in_child(lambda place=place, moment=moment: print(f"{moment}:", train(place, resume=True), flush=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
