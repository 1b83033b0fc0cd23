"""What a training knows besides the network's weights: its settings, how each epoch went, and the best weights."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from co_perception.training.config import TrainConfig, asdict

# Settings that may change between a kill and the resume; others would make it another training.
FREE = frozenset({"epochs", "patience", "workers", "accelerator", "devices", "nodes", "strategy"})


@dataclass
class Course:
    """history: the measures of each epoch so far, those of validation with the prefix `val_`; best: the weights that
    `fit` ends with, and after how many epochs they stood."""

    config: TrainConfig
    classes: tuple[str, ...]
    examples: str  # a digest of their classes, to notice others
    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_epoch: int = 0

    def record(self, measures: Mapping[str, float], network: nn.Module) -> None:
        """One epoch is over. Without validation the last weights are the best there are.

        Raises: RuntimeError where the loss is no longer a number.
        """
        if not math.isfinite(measures["loss"]):
            raise RuntimeError(
                f"the loss of epoch {len(self.history) + 1} is {measures['loss']}: training has diverged. Lower lr, "
                "set clip_gradient, or use precision '32'; and look for NaN in the examples"
            )
        better = self._better(measures)
        self.history.append(dict(measures))
        if better:
            self.best_epoch = len(self.history)
            self.best = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}

    @property
    def stalled(self) -> bool:
        """Whether `patience` epochs have brought nothing better."""
        patience = self.config.patience
        return patience is not None and len(self.history) - self.best_epoch >= patience

    def result(self) -> dict[str, Any]:
        """What `fit` returns."""
        reached = self.history[self.best_epoch - 1] if self.best_epoch else {}
        return {**reached, "epochs": len(self.history), "best_epoch": self.best_epoch, "history": list(self.history)}

    def state(self) -> dict[str, Any]:
        """Numbers, texts and tensors for a checkpoint."""
        return {
            "config": asdict(self.config),
            "classes": list(self.classes),
            "examples": self.examples,
            "history": [dict(measures) for measures in self.history],
            "best": dict(self.best),
            "best_epoch": self.best_epoch,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state()` was taken. Raises: ValueError where that was another training."""
        saved, own = self._identity(state), self._identity(self.state())
        differing = sorted(name for name in own if saved.get(name) != own[name])
        if differing:
            raise ValueError(
                "this folder holds another training: "
                + "; ".join(f"{name} was {saved.get(name)!r}, is {own[name]!r}" for name in differing)
                + ". Resume with the same settings and examples, or begin in another folder"
            )
        self.history, self.best = list(state["history"]), dict(state["best"])
        self.best_epoch = state["best_epoch"]

    def _better(self, measures: Mapping[str, float]) -> bool:
        key = f"val_{self.config.select}"
        if not self.best_epoch or key not in measures:
            return True
        before = self.history[self.best_epoch - 1]
        sign = -1 if self.config.select == "loss" else 1
        # Few validation examples give many ties.
        return (sign * measures[key], -measures["val_loss"]) > (sign * before[key], -before["val_loss"])

    @staticmethod
    def _identity(state: Mapping[str, Any]) -> dict[str, Any]:
        settings = {name: value for name, value in state["config"].items() if name not in FREE}
        return {**settings, "classes": list(state["classes"]), "examples": state["examples"]}


def digest(labels: Sequence[int]) -> str:
    """A short name for examples of these classes in this order."""
    return hashlib.sha256(repr([int(label) for label in labels]).encode()).hexdigest()[:16]
