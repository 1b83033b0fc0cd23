"""Small learners in place of networks, which remember what they were shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from co_perception.engine.data import Image
from co_perception.engine.target import Category, Status


class FakeLearner:
    """Three classes, told by the brightest channel of the newest frame; eight frames of receptive field.

    Remembers what it was shown, so that tests can ask how it was used.
    """

    name, label_set, labels = "fake/colours", "colours", ("red", "green", "blue")
    receptive_field, rate_hz, threshold, min_progress = 8, 25.0, 0.0, 0.75

    def __init__(self) -> None:
        self.shown: list[tuple[int, ...]] = []  # stamps since each reset
        self.resets = self.optimized = 0
        self.loaded_from: Any = "never"
        self.before: Callable[[Image], None] = lambda frame: None

    def load(self, path: Any = None) -> None:
        self.loaded_from = path

    def optimize(self) -> None:
        self.optimized += 1

    def reset(self) -> None:
        self.resets += 1
        self.shown.append(())

    def infer(self, data: Image) -> Sequence[Category]:
        self.before(data)
        assert data.stamp_ns is not None
        self.shown[-1] = (*self.shown[-1], data.stamp_ns)
        frames = len(self.shown[-1])
        progress = min(frames / self.receptive_field, 1.0)
        if frames <= 2:
            return [Category(-1, status=Status.WARMING_UP, progress=progress)]
        means = data.data.reshape(-1, 3).mean(axis=0).astype(np.float32) + 1
        scores = means / means.sum()
        best = int(scores.argmax())
        return [
            Category(
                best,
                description=self.labels[best],
                confidence=float(scores[best]),
                probabilities=scores,
                status=Status.VALID if progress >= self.min_progress else Status.WARMING_UP,
                progress=progress,
                delay=2,
            )
        ]
