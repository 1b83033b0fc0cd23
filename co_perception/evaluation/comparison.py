"""Comparison of two runs over the same recordings: how many labels agree, and where they first differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from co_perception.engine.label_groups import SubjectGroup
from co_perception.evaluation.records import FrameRecord, Key, read_classes, read_records


@dataclass(frozen=True)
class Comparison:
    """Counts over the records that both runs have, and of those that one alone has.

    Args:
        both: records with the same recording, stamp and subject, and group where there are some.
        only_first, only_second: those without a counterpart.
        same_label: of `both`, those with the same label, or with none in either.
        same_status: of `both`.
        largest_difference: of a probability of one class, in records that are scored in both.
        first_parting: recording, stamp and subject of the first difference in label; None without one.
        recognizers: names of both, with the digests of their models.
    """

    both: int = 0
    only_first: int = 0
    only_second: int = 0
    same_label: int = 0
    same_status: int = 0
    largest_difference: float = 0.0
    first_parting: Key | None = None
    recognizers: tuple[str, str] = ("", "")

    @property
    def agreement(self) -> float:
        """Share of `both` with the same label; NaN without any."""
        return self.same_label / self.both if self.both else float("nan")

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self) | {"agreement": round(self.agreement, 6) if self.both else None}


def shared_share(first: Iterable[FrameRecord], second: Iterable[FrameRecord]) -> float:
    """The share of the shorter recording's scored records that both have, with equal stamps, subjects and scores.

    Near 1 where one recording is a copy of the other, a link to it or a part of it, whatever its name and storage; 0
    for two different ones, and without scores.
    """

    def scored(records: Iterable[FrameRecord]) -> set[tuple[int, str, bytes]]:
        found = ((each.stamp_ns, each.subject, each.probabilities) for each in records)
        return {(stamp_ns, subject, scores.tobytes()) for stamp_ns, subject, scores in found if scores is not None}

    one, other = scored(first), scored(second)
    return len(one & other) / max(min(len(one), len(other)), 1)


def compare(first: Path | str, second: Path | str, recognizers: tuple[str, str] = ("", "")) -> Comparison:
    """The runs in two folders, read frame by frame; their recordings come in the same order.

    Args:
        first, second: folders with records, of the same recordings: see `run_identity`.
        recognizers: names of those that answered.

    Raises:
        ValueError: where their classes differ, and as `records.read_records`.
    """
    classes, others = read_classes(first), read_classes(second)
    if classes != others:
        raise ValueError(f"{first} and {second} have different classes, {classes} and {others}: nothing to compare.")
    counts, largest, parting = Counter[str](), 0.0, None
    for ours, theirs in _side_by_side(read_records(first), read_records(second)):
        counts["only_first"] += len(ours.keys() - theirs.keys())
        counts["only_second"] += len(theirs.keys() - ours.keys())
        for one, other in ((ours[subject], theirs[subject]) for subject in ours if subject in theirs):
            same = one.label(classes) == other.label(classes)
            counts.update(both=1, same_label=int(same), same_status=int(one.status == other.status))
            if not same and parting is None:
                parting = one.key
            if one.probabilities is not None and other.probabilities is not None:
                largest = max(largest, float(np.abs(one.probabilities - other.probabilities).max(initial=0.0)))
    return Comparison(**counts, largest_difference=largest, first_parting=parting, recognizers=recognizers)


def _side_by_side(
    first: Iterable[FrameRecord], second: Iterable[FrameRecord]
) -> Iterator[tuple[dict[SubjectGroup, FrameRecord], dict[SubjectGroup, FrameRecord]]]:
    """The instants of both; one that is missing in a run is empty there."""
    instant = attrgetter("recording", "stamp_ns")
    one, other = (
        ((at, {(record.subject, record.group): record for record in found}) for at, found in groupby(records, instant))
        for records in (first, second)
    )
    ours, theirs = next(one, None), next(other, None)
    order: dict[str, int] = {}  # of the recordings, as they come
    while ours or theirs:
        for each in (ours, theirs):
            if each:
                order.setdefault(each[0][0], len(order))
        at = min((order[each[0][0]], each[0][1]) for each in (ours, theirs) if each)
        mine = ours if ours and (order[ours[0][0]], ours[0][1]) == at else None
        yours = theirs if theirs and (order[theirs[0][0]], theirs[0][1]) == at else None
        yield (mine[1] if mine else {}), (yours[1] if yours else {})
        ours = next(one, None) if mine else ours
        theirs = next(other, None) if yours else theirs
