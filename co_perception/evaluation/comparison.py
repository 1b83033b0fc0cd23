"""Two runs over the same recordings: do they say the same, and if not, where do they part?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from co_perception.evaluation.records import FrameRecord, Key, read_classes, read_records

Instant = tuple[str, int]
"""Recording and stamp."""


@dataclass(frozen=True)
class Comparison:
    """Counts over the records that both runs have, and of those that one alone has.

    Args:
        both: records with the same recording, stamp and subject.
        only_first, only_second: those without a counterpart.
        same_label: of `both`, those with the same label, or with none in either.
        same_status: of `both`.
        largest_difference: of a probability of one class, in records that are scored in both.
        first_parting: recording, stamp and subject of the first difference in label; None without one.
    """

    both: int = 0
    only_first: int = 0
    only_second: int = 0
    same_label: int = 0
    same_status: int = 0
    largest_difference: float = 0.0
    first_parting: Key | None = None

    @property
    def agreement(self) -> float:
        """Share of `both` with the same label; NaN without any."""
        return self.same_label / self.both if self.both else float("nan")

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self) | {"agreement": round(self.agreement, 6) if self.both else None}


def compare(first: Path | str, second: Path | str) -> Comparison:
    """The runs in two folders, read frame by frame; their recordings come in the same order.

    Raises: ValueError where their classes differ, and as `records.read_records`.
    """
    classes, others = read_classes(first), read_classes(second)
    if classes != others:
        raise ValueError(f"{first} and {second} have different classes, {classes} and {others}: nothing to compare.")
    found = _Found(classes)
    for ours, theirs in _side_by_side(read_records(first), read_records(second)):
        found.add(ours, theirs)
    return found.comparison


class _Found:
    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._counts = dict.fromkeys(("both", "only_first", "only_second", "same_label", "same_status"), 0)
        self._largest = 0.0
        self._parting: Key | None = None

    @property
    def comparison(self) -> Comparison:
        return Comparison(**self._counts, largest_difference=self._largest, first_parting=self._parting)

    def add(self, ours: dict[str, FrameRecord], theirs: dict[str, FrameRecord]) -> None:
        """The records of one instant, by subject."""
        self._counts["only_first"] += len(ours.keys() - theirs.keys())
        self._counts["only_second"] += len(theirs.keys() - ours.keys())
        for subject in ours:
            if subject in theirs:
                self._pair(ours[subject], theirs[subject])

    def _pair(self, one: FrameRecord, other: FrameRecord) -> None:
        same = one.label(self._classes) == other.label(self._classes)
        self._counts["both"] += 1
        self._counts["same_label"] += same
        self._counts["same_status"] += one.status == other.status
        if not same and self._parting is None:
            self._parting = one.key
        if one.probabilities is not None and other.probabilities is not None:
            self._largest = max(self._largest, float(np.abs(one.probabilities - other.probabilities).max(initial=0.0)))


def _side_by_side(
    first: Iterable[FrameRecord], second: Iterable[FrameRecord]
) -> Iterator[tuple[dict[str, FrameRecord], dict[str, FrameRecord]]]:
    """The instants of both; one that is missing in a run is empty there."""
    one, other = (_instants(records) for records in (first, second))
    ours, theirs = next(one, None), next(other, None)
    order: dict[str, int] = {}  # of the recordings, as they come
    while ours or theirs:
        for instant in (ours, theirs):
            if instant:
                order.setdefault(instant[0][0], len(order))
        at = min((order[each[0][0]], each[0][1]) for each in (ours, theirs) if each)
        mine = ours if ours and (order[ours[0][0]], ours[0][1]) == at else None
        yours = theirs if theirs and (order[theirs[0][0]], theirs[0][1]) == at else None
        yield (mine[1] if mine else {}), (yours[1] if yours else {})
        ours = next(one, None) if mine else ours
        theirs = next(other, None) if yours else theirs


def _instants(records: Iterable[FrameRecord]) -> Iterator[tuple[Instant, dict[str, FrameRecord]]]:
    for instant, found in groupby(records, key=lambda record: (record.recording, record.stamp_ns)):
        yield instant, {record.subject: record for record in found}
