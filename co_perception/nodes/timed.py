"""A learner with a stopwatch. No ROS in here."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from co_perception.engine.target import Category

ROUND = 8  # frames; a network with temporal stride does different work in each of them


class Timed:
    """A learner that is ready, with a stopwatch: `seconds` has the time of every frame inferred."""

    def __init__(self, learner: Any) -> None:
        self._learner = learner
        self.seconds: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._learner, name)

    def infer(self, data: Any) -> Sequence[Category]:
        """As the learner's own."""
        began = perf_counter()
        answer: Sequence[Category] = self._learner.infer(data)
        self.seconds.append(perf_counter() - began)
        return answer

    def round_s(self, after: int) -> float:
        """Mean time of a frame in the quickest round that begins with or after frame `after`.

        Work is spread unevenly over a round; the quickest one was least disturbed by what else this machine does.
        """
        rounds = [self.seconds[begin : begin + ROUND] for begin in range(after, len(self.seconds), ROUND)]
        return min(sum(taken) / len(taken) for taken in rounds)

    def load(self, path: Any = None) -> None:
        """Nothing: it was loaded before its speed was measured."""

    def optimize(self, *_: Any, **__: Any) -> None:
        """Nothing, as `load`."""
