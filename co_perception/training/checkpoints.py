"""State of a training run and its checkpoint files.

A checkpoint is written under another name, forced to the disk and renamed, so that a kill leaves the one before. Files
are what `torch.save` writes; checksums are verified before they are read, and they are read with `weights_only`.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import math
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from co_perception.runtime.untrusted.torch_file import load_plain
from co_perception.training.config import TrainConfig
from co_perception.training.domain_adaptation import AdaptationSettings
from co_perception.training.examples import Examples

STATE_KEY = "course"  # of the run state in a checkpoint
WORDS = {
    "examples": "the digest of the examples",
    "start": "the starting model",
    "adaptation": "the domain adaptation",
}
MOST_READ = 4096
KEPT = 2  # a damaged one falls back to the one before
FOLDER = "checkpoints"  # in the folder of a training
_PART = ".part"

# Settings that may change between a kill and the resume; others would make it another training.
FREE = frozenset({"epochs", "patience", "workers", "accelerator", "devices", "nodes", "strategy"})


@dataclass
class RunState:
    """State of one training besides the network and the optimizer; it is part of every checkpoint."""

    config: TrainConfig
    classes: tuple[str, ...]  # class names in the order of their labels
    examples: str = ""  # digest of the examples' content, to notice others
    start: str = ""  # name of the model that it begins with, with its digest; empty: random weights
    adaptation: AdaptationSettings | None = None  # weights of the losses where there is a source to adapt from
    history: list[dict[str, float]] = field(default_factory=list)  # measures of each epoch; of validation: `val_...`
    best: dict[str, Tensor] = field(default_factory=dict)  # the weights that `fit` ends with
    best_epoch: int = 0  # number of epochs after which those weights were taken

    def record(self, measures: Mapping[str, float], network: nn.Module) -> None:
        """Add the measures of one finished epoch. Without validation the last weights are the best.

        Raises:
            RuntimeError: where the loss is no longer a number.
        """
        if not math.isfinite(measures["loss"]):
            raise RuntimeError(
                f"the loss of epoch {len(self.history) + 1} is {measures['loss']}: training has diverged. Lower lr, "
                "set clip_gradient, or use precision '32'; and look for NaN in the examples"
            )
        key, better = f"val_{self.config.select}", True
        if self.best_epoch and key in measures:
            before, sign = self.history[self.best_epoch - 1], -1 if self.config.select == "loss" else 1
            # Few validation examples give many ties, which the loss decides.
            better = (sign * measures[key], -measures["val_loss"]) > (sign * before[key], -before["val_loss"])
        self.history.append(dict(measures))
        if better:
            self.best_epoch = len(self.history)
            self.best = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}

    @property
    def stalled(self) -> bool:
        """Whether the last `patience` epochs brought no improvement."""
        patience = self.config.patience
        return patience is not None and len(self.history) - self.best_epoch >= patience

    def result(self) -> dict[str, Any]:
        """What `fit` returns."""
        reached = self.history[self.best_epoch - 1] if self.best_epoch else {}
        return {**reached, "epochs": len(self.history), "best_epoch": self.best_epoch, "history": list(self.history)}

    def state(self) -> dict[str, Any]:
        """Plain numbers, texts and tensors for a checkpoint."""
        return {
            "config": dataclasses.asdict(self.config),
            "classes": list(self.classes),
            "examples": self.examples,
            "start": self.start,
            "adaptation": self.adaptation and dataclasses.asdict(self.adaptation),
            "history": [dict(measures) for measures in self.history],
            "best": dict(self.best),
            "best_epoch": self.best_epoch,
        }

    def check(self, state: Mapping[str, Any]) -> None:
        """Raises ValueError where what `state()` gave is of another training: settings, classes, examples or start."""
        saved, own = self._identity(state), self._identity(self.state())
        differing = sorted(name for name in own if saved.get(name) != own[name])
        if differing:
            raise ValueError(
                "this folder holds another training: "
                + "; ".join(f"{WORDS.get(name, name)} was {saved.get(name)!r}, is {own[name]!r}" for name in differing)
                + ". Resume with the same settings, examples and starting model, or begin in another folder"
            )

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state()` gave. Raises as `check`."""
        self.check(state)
        self.history, self.best = list(state["history"]), dict(state["best"])
        self.best_epoch = state["best_epoch"]

    @staticmethod
    def _identity(state: Mapping[str, Any]) -> dict[str, Any]:
        settings = {name: value for name, value in state["config"].items() if name not in FREE}
        own = {name: state.get(name) for name in ("examples", "start", "adaptation")}
        return {**settings, "classes": list(state["classes"]), **own}


def digest(*parts: Examples | None) -> str:
    """Short hash of the examples' inputs, classes and order, and of how they are augmented.

    Of more than `MOST_READ` examples as many are read, evenly spread: each costs what reading it in an epoch does.
    """
    found = hashlib.sha256()
    for examples in parts:
        labels = [] if examples is None else [int(label) for label in examples.labels]
        found.update(repr(labels).encode())
        if examples is None:
            continue
        for index in range(0, len(labels), max(1, -(-len(labels) // MOST_READ))):
            found.update(examples.tensor(index, None).contiguous().numpy().tobytes())
        found.update(examples.tensor(0, np.random.default_rng(0)).contiguous().numpy().tobytes())
    return found.hexdigest()[:16]


def path_of(folder: Path, epochs: int) -> Path:
    """Checkpoint file after this many epochs; 0: before the first."""
    return folder / f"epoch-{epochs:05d}.ckpt"


def list_checkpoints(folder: Path) -> list[Path]:
    """Existing checkpoints, newest first."""
    return sorted(folder.glob("epoch-*.ckpt"), reverse=True)


def write(checkpoint: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint atomically, even where the machine stops in between.

    Raises:
        OSError: names the file that cannot be written, also where the disk is full; the ones before stay.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + _PART)
    try:
        with part.open("wb") as file:
            torch.save(dict(checkpoint), file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:  # torch words the errors of the system in its own way
        part.unlink(missing_ok=True)
        system = error if isinstance(error, OSError) else error.__context__
        code = system.errno if isinstance(system, OSError) else None
        why = os.strerror(code) if code else str(error).partition("\n")[0]
        raise OSError(code or errno.EIO, f"the checkpoint cannot be written: {why}", str(path)) from error
    part.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)  # the rename
    finally:
        os.close(handle)


def read(path: Path) -> dict[str, Any]:
    """A checkpoint that `write` wrote. Raises: ValueError where it is cut short, damaged, or needs code to be read."""
    try:
        return dict(load_plain(path, checksums=True))
    except FileNotFoundError:
        raise
    except Exception as error:  # what a broken archive raises depends on where it is broken
        why = str(error).partition("\n")[0] or type(error).__name__
    raise ValueError(f"{path} is not a whole checkpoint ({why})")


def newest(folder: Path) -> Path | None:
    """The newest whole checkpoint, with a warning for each newer one that is damaged; None where there is none."""
    for path in list_checkpoints(folder):
        try:
            read(path)
            return path
        except ValueError as error:
            warnings.warn(f"{error}; going back to the one before", stacklevel=3)
    return None


def tidy(folder: Path) -> None:
    """Remove all but the newest, and what a kill left half written."""
    for path in [*list_checkpoints(folder)[KEPT:], *folder.glob(f"*{_PART}")]:
        path.unlink()
