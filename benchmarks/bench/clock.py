"""Interleaved timing: the contestants take turns, so that a busy minute of the machine slows all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter, perf_counter_ns

import numpy as np

LEAD = 1  # steps at the head of a block that do not count: the caches still hold what ran before


@dataclass(frozen=True)
class Times:
    """Milliseconds of a step."""

    min: float
    p50: float
    p95: float
    count: int

    @classmethod
    def of(cls, nanoseconds: Sequence[int]) -> Times:
        """ValueError where there are none."""
        if not nanoseconds:
            raise ValueError("no step was timed")
        p50, p95 = (float(value) / 1e6 for value in np.percentile(nanoseconds, [50, 95]))
        return cls(min(nanoseconds) / 1e6, p50, p95, len(nanoseconds))


def timed(step: Callable[[], object], count: int) -> list[int]:
    """Nanoseconds of each of `count` steps, after those that do not count."""
    for _ in range(LEAD):
        step()
    found = []
    for _ in range(count):
        begin = perf_counter_ns()
        step()
        found.append(perf_counter_ns() - begin)
    return found


def interleaved(
    blocks: Mapping[str, Callable[[], list[int]]],
    seconds: float,
    least: int,
    report: Callable[[float], None] | None = None,
) -> dict[str, list[int]]:
    """Nanoseconds of the steps of each, by name: rounds of one block each until `seconds` are over, at least `least`.

    Every second round runs backwards, so that neither the order nor a machine that slows down favors a contestant.
    report: is called with the seconds so far, after each round.
    """
    found: dict[str, list[int]] = {name: [] for name in blocks}
    begin, rounds = perf_counter(), 0
    while rounds < least or perf_counter() < begin + seconds:
        names = list(blocks)
        for name in names if rounds % 2 == 0 else reversed(names):
            found[name] += blocks[name]()
        rounds += 1
        if report is not None:
            report(perf_counter() - begin)
    return found
