"""Threshold of a learner that scores classes: another one for all groups, and the model's own again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from co_perception.engine.target import Status
from co_perception.learners.options import LearnerOptions
from co_perception.learners.scoring import ScoringLearner


class PlainScoring(ScoringLearner):
    """Two groups of two labels, with a threshold each."""

    groups = ("posture", "posture", "arms", "arms")

    def __init__(self, threshold: float | None = None) -> None:
        self.options, self.labels = LearnerOptions(threshold=threshold), ("sit", "stand", "wave", "none")
        self._choose_limits(0.5, {"posture": 0.9, "arms": 0.6})

    def statuses(self) -> list[Status]:
        """Of a posture with a share of .73 and arms with .88."""
        answer = self._score(np.array([0, 1, 2, 0], np.float32), 1.0)
        return [each.status for each in answer.each_group()]

    def infer(self, data: Any) -> Any: ...

    def load(self, path: Any = None) -> None: ...

    def reset(self) -> None: ...

    def save(self, path: Any) -> None: ...


def test_another_threshold_holds_for_all_groups_until_the_models_own_returns() -> None:
    learner = PlainScoring()
    assert learner.statuses() == [Status.UNCERTAIN, Status.VALID] and learner.threshold == 0.6
    learner.choose_threshold(0.7)
    assert learner.statuses() == [Status.VALID, Status.VALID] and learner.threshold == 0.7
    learner.choose_threshold(0.95)
    assert learner.statuses() == [Status.UNCERTAIN, Status.UNCERTAIN]
    learner.choose_threshold(None)
    assert learner.statuses() == [Status.UNCERTAIN, Status.VALID] and learner.threshold == 0.6
    assert learner.min_progress == 0.5


@pytest.mark.parametrize("option", [0.0, 0.99])
def test_an_option_is_not_the_models_own(option: float) -> None:
    learner = PlainScoring(option)
    assert learner.threshold == option
    learner.choose_threshold(None)
    assert learner.thresholds == {"posture": 0.9, "arms": 0.6}
