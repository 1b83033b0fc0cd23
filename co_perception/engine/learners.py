"""The interface of every tool that learns and infers, under OpenDR's names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from co_perception.engine.data import Data
from co_perception.engine.target import Target

Dataset: TypeAlias = Iterable[tuple[Data, Target]]
"""Anything that gives (input, answer) pairs and can be gone through more than once."""


class Learner(ABC):
    """A tool that can be trained, evaluated, stored, and asked.

    A learner that is stateful owns the state of its streams: `infer` on single frames continues them and `reset`
    forgets them. A learner is used by one thread at a time; two streams that must not meet take two learners, or one
    that says it keeps several.

    Construction takes keyword settings only, reads no file and opens no connection. `download` is the only method that
    may use the network.
    """

    @abstractmethod
    def infer(self, data: Any) -> Sequence[Target]:
        """Answers `data`; one target per thing asked about.

        Every frame is answered: while a stateful learner has seen too little, its targets say so
        (`Status.WARMING_UP`) instead of being absent.
        Raises: ValueError for input of the wrong kind, shape or type; RuntimeError where no weights are loaded.
        """

    @abstractmethod
    def reset(self) -> None:
        """Forgets all streams: the next frame is the first one. Weights stay."""

    @abstractmethod
    def save(self, path: Path | str) -> None:
        """Writes everything `load` needs into the folder `path`, which is made where it is missing."""

    @abstractmethod
    def load(self, path: Path | str | None = None) -> None:
        """Reads a saved folder, or (None) the published weights from the local store. Never uses the network.

        Raises: FileNotFoundError that says how to get what is missing.
        """

    def fit(self, dataset: Dataset, val_dataset: Dataset | None = None, *, epochs: int = 1) -> dict[str, Any]:
        """Trains on `dataset` for `epochs` passes, choosing by `val_dataset` where one is given.

        Returns: what was reached, at least `loss`; with `val_dataset` also what `eval` gives, prefixed `val_`.
        Raises: NotImplementedError where this learner is for inference only.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot be trained: it only runs published weights.")

    def eval(self, dataset: Dataset) -> dict[str, float]:
        """Measures this learner on `dataset`, leaving weights and streams as they were.

        Returns: named measures, at least `accuracy` (0..1) for learners that give a `Category`.
        Raises: NotImplementedError where this learner has no measure of its own.
        """
        raise NotImplementedError(f"{type(self).__name__} has no measure of its own: compare what infer() gives.")

    def optimize(self) -> None:
        """Makes inference faster on this machine without changing its answers beyond rounding; resets the streams.

        Raises: NotImplementedError where this learner knows no faster way.
        """
        raise NotImplementedError(f"{type(self).__name__} has no faster form: use it as it is.")

    def download(self, path: Path | str | None = None) -> None:
        """Fetches and verifies the published weights into `path`, or (None) the local store `load` reads.

        Raises: NotImplementedError where nothing is published for this learner.
        """
        raise NotImplementedError(f"no weights are published for {type(self).__name__}: train it, or load() your own.")
