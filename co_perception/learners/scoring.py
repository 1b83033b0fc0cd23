"""Base of the learners that score classes: answers from logits, group by group, without torch."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.label_groups import names_of
from co_perception.engine.learners import Learner
from co_perception.engine.target import Category, Status
from co_perception.learners.options import LearnerOptions

THRESHOLD = 0.0
Limit = float | Mapping[str, float]  # of all groups of labels, or by the name of each


class ScoringLearner(Learner):
    """A learner whose answers are classes, with a status by its limits.

    Attributes:
        min_progress: share of the receptive field that must be real for a VALID label.
        threshold: least probability of a VALID label; where groups have their own, the lowest of them.
        thresholds: by group, where they have their own.
    """

    options: LearnerOptions
    _own_limit: Limit = THRESHOLD
    labels: tuple[str, ...]
    label_set: str
    min_progress: float
    threshold: float
    thresholds: dict[str, float]

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels, by the name of the option that sets them."""
        return self.labels

    @property
    @abstractmethod
    def groups(self) -> tuple[str, ...]:
        """The group of each label; empty where all are one group, see `engine.label_groups`."""

    def _choose_limits(self, min_progress: float, limit: Limit) -> None:
        """Set both limits: the caller's option where there is one, else these. Raises as `_set_limits`."""
        chosen = self.options
        self._own_limit = limit
        self._set_limits(
            min_progress if chosen.min_progress is None else chosen.min_progress,
            limit if chosen.threshold is None else chosen.threshold,
        )

    def choose_threshold(self, threshold: float | None) -> None:
        """Makes another threshold count in all groups from the next answer on; None: the model's own."""
        self._set_limits(self.min_progress, self._own_limit if threshold is None else threshold)

    def _set_limits(self, min_progress: float, limit: Limit) -> None:
        """Raises: ValueError for thresholds by group that are not those of the label set's groups."""
        names = names_of(self.groups)
        if isinstance(limit, Mapping) and set(limit) != set(names):
            raise ValueError(f"a threshold by group is of each group, {', '.join(names)}; got {', '.join(limit)}")
        self.min_progress = min_progress
        self.thresholds = dict(limit) if isinstance(limit, Mapping) else {}
        self.threshold = min(limit.values()) if isinstance(limit, Mapping) else limit

    def _score(
        self, logits: NDArray[np.float32], progress: float, delay: int = 0, *, doubtful: bool = False
    ) -> Category:
        """An answer from logits (classes,), `delay` frames late; `doubtful`: they do not describe the newest frame.

        Of a label set in groups it is that of the first group, with those of the others in `others`.
        """
        groups = self.groups
        if not groups:
            return self._answer(softmax(logits), progress, delay, doubtful)
        found = []
        for name in names_of(groups):
            own = np.array([group == name for group in groups])
            shares = softmax(np.where(own, logits, np.float32(-np.inf)))
            found.append(self._answer(shares, progress, delay, doubtful, name))
        return dataclasses.replace(found[0], others=tuple(found[1:]))

    def _without_score(self, progress: float, delay: int = 0) -> Category:
        """An answer while there are no logits, in every group."""
        first, *others = (
            Category(-1, status=Status.WARMING_UP, progress=progress, delay=delay, group=name)
            for name in names_of(self.groups)
        )
        return dataclasses.replace(first, others=tuple(others))

    def _answer(
        self, shares: NDArray[np.float32], progress: float, delay: int, doubtful: bool, group: str = ""
    ) -> Category:
        """The best class of a group by its share of one; see `_score`."""
        best = int(shares.argmax())
        confidence = float(shares[best])
        limit = self.thresholds.get(group, self.threshold)
        status = Status.VALID if confidence >= limit and not doubtful else Status.UNCERTAIN
        return Category(
            best,
            description=self.labels[best] if self.labels else None,
            confidence=min(confidence, 1.0),
            probabilities=shares,
            status=status if progress >= self.min_progress else Status.WARMING_UP,
            progress=progress,
            delay=delay,
            group=group,
        )


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shares of one, of logits (classes,); those of minus infinity have none."""
    powers = np.exp(logits - logits.max())
    shares: NDArray[np.float32] = powers / powers.sum()
    return shares
