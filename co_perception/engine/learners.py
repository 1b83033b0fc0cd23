"""Base class of all learners: infer, reset, save, load, fit, eval, optimize, download, as in OpenDR."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from co_perception.engine.data import Data
from co_perception.engine.target import Target

Dataset: TypeAlias = Iterable[tuple[Data, Target]]  # (input, target) pairs; iterable more than once


class Learner(ABC):
    """A model that can be trained, evaluated, saved, and used for inference.

    A stateful learner owns the state of its streams: `infer` on single frames continues them and `reset` clears them.
    One thread at a time uses a learner. Two streams need two learners, or one that handles several.
    Construction takes keyword arguments only, reads no file and opens no connection. Only `download` may use the
    network.
    """

    @abstractmethod
    def infer(self, data: Any) -> Sequence[Target]:
        """Infers the targets of `data`, one per subject.

        A stateful learner returns targets for every frame. Until it has received enough frames, their status is
        `Status.WARMING_UP`. Raises ValueError for input of the wrong kind, shape or type, RuntimeError without weights.
        """

    @abstractmethod
    def reset(self) -> None:
        """Clears all streams: the next frame is the first one. Weights stay."""

    @abstractmethod
    def save(self, path: Path | str) -> None:
        """Writes what `load` needs into the folder `path`, which is created where it is missing."""

    @abstractmethod
    def load(self, path: Path | str | None = None) -> None:
        """Reads a saved folder, or (None) the published weights from the local store, without the network.

        Raises FileNotFoundError that says how to get what is missing.
        """

    def fit(self, dataset: Dataset, val_dataset: Dataset | None = None, *, epochs: int = 1) -> dict[str, Any]:
        """Trains on `dataset` for `epochs` passes, and selects the best weights by `val_dataset` where one is given.

        Returns figures, at least `loss`; with `val_dataset` also those of `eval`, prefixed `val_`. Raises
        NotImplementedError where this learner is for inference only.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot be trained: it only runs published weights.")

    def eval(self, dataset: Dataset) -> dict[str, float]:
        """Figures by name of this learner on `dataset`; weights and streams stay as they were.

        At least `accuracy` (0..1) where targets are a `Category`. Raises NotImplementedError without a metric.
        """
        raise NotImplementedError(f"{type(self).__name__} has no measure of its own: compare what infer() gives.")

    def optimize(self) -> None:
        """Speeds up inference on this machine; answers change by rounding only. Resets the streams.

        Raises NotImplementedError where there is no faster way.
        """
        raise NotImplementedError(f"{type(self).__name__} has no faster form: use it as it is.")

    def download(self, path: Path | str | None = None) -> None:
        """Downloads and verifies the published weights into `path`, or (None) into the local store that `load` reads.

        Raises NotImplementedError where nothing is published for this learner.
        """
        raise NotImplementedError(f"no weights are published for {type(self).__name__}: train it, or load() your own.")
