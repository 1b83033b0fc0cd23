"""What was said of one subject, frame by frame, and the spells in which the same stood. Standard library only."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import inf
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Moment:
    """What stood after one frame.

    Args:
        time_s: seconds since the run began, on the frames' own clock.
        label: the label given out; empty while none was.
        progress: share of the receptive field that was real, 0..1.
        hypotheses: (label, probability), best first; labels beyond the last one are not known.
        warm: whether enough had been seen for a label.
    """

    time_s: float
    label: str
    progress: float
    hypotheses: tuple[tuple[str, float], ...]
    warm: bool


@dataclass(frozen=True)
class Spell:
    """A time in which one label stood, or none.

    Args:
        label: empty where none was given.
        warm: whether enough had been seen for one.
        begin_s, end_s: times of its first and of its last frame.
        frames: answers in it.
        mean_score: mean probability of the label; 0 without one.
    """

    label: str
    warm: bool
    begin_s: float
    end_s: float
    frames: int
    mean_score: float


def spells(moments: Sequence[Moment], bridge_s: float = inf) -> list[Spell]:
    """The moments of one subject, in order of time, as spells; longer than `bridge_s` without a moment ends one too."""
    breaks = [now.time_s - before.time_s > bridge_s for before, now in pairwise(moments)]
    sightings = accumulate(breaks, initial=0)  # each break begins another one
    kinds = [(sighting, moment.label, moment.warm) for sighting, moment in zip(sightings, moments, strict=False)]
    return [_spell(moments[first:last]) for first, last, _ in stretches(kinds)]


def stretches(values: Sequence[K]) -> list[tuple[int, int, K]]:
    """Runs of equal values as (first, one past last, value)."""
    found: list[tuple[int, int, K]] = []
    for index, value in enumerate(values):
        if found and found[-1][2] == value:
            found[-1] = (found[-1][0], index + 1, value)
        else:
            found.append((index, index + 1, value))
    return found


def _spell(moments: Sequence[Moment]) -> Spell:
    first, last = moments[0], moments[-1]
    scores = [dict(moment.hypotheses).get(first.label, 0.0) for moment in moments]
    return Spell(first.label, first.warm, first.time_s, last.time_s, len(moments), sum(scores) / len(scores))
