"""Whose activity an annotation tells: intervals laid over the subjects that a recogniser followed.

Annotators name people, trackers count tracks, and one person may be several tracks. So, in this order:

1. An annotation that names a subject of the recording is that subject's, from its start to its end.
2. One that names nobody in the recording means a person: it holds for whoever is in sight while it lasts, though not
   before their first sight nor after their last. Where several are in sight at once, or two such names are said at
   once, nobody can tell who is meant: that time is unknown for everybody in sight, no activity and no background.
3. One without a name holds for everybody in sight, in the same way.

What is said by an earlier rule goes before what is said by a later one. The scene, a subject without a name, does what
all annotations of the moment agree on; where they disagree it is unknown. `data.bags` deals out training data alike.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from co_perception.data.annotations import Interval, checked, without
from co_perception.engine.target import Status
from co_perception.evaluation.records import FrameRecord

Sightings = Mapping[str, NDArray[np.int64]]
"""The stamps at which each subject was in sight, rising."""
Dealt = tuple[list[Interval], list[Interval]]
"""What a subject does in order of time, and when nobody can tell."""


@dataclass(frozen=True)
class Truth:
    """What is known of each subject of one recording.

    Args:
        activities: intervals of each subject in order of time; none overlap.
        unknown: time in which nobody can tell what a subject does.
        doubtful: annotations that could not be dealt out, rule 2.
        unseen: annotations while which nobody was in sight.
        background: what a subject does in time of which nothing is said; empty: that is not known.
    """

    activities: Mapping[str, tuple[Interval, ...]]
    unknown: Mapping[str, tuple[Interval, ...]] = field(default_factory=dict)
    doubtful: tuple[Interval, ...] = ()
    unseen: tuple[Interval, ...] = ()
    background: str = ""

    def label(self, subject: str, at_ns: int) -> str | None:
        """What `subject` does at an instant; None where that is not known."""
        activities = self.activities.get(subject, ())
        place = bisect_right(activities, at_ns, key=lambda interval: interval.start_ns) - 1
        if place >= 0 and at_ns < activities[place].end_ns:
            return activities[place].label
        doubt = any(each.start_ns <= at_ns < each.end_ns for each in self.unknown.get(subject, ()))
        return None if doubt or subject not in self.activities else self.background or None

    def known(self, subject: str, begin_ns: int, end_ns: int) -> list[Interval]:
        """The parts of a time in which it is known what `subject` does: where there is no background those that are
        annotated, what follows without a break being one, else all but what is unknown."""
        if begin_ns >= end_ns:
            return []
        whole = Interval(begin_ns, end_ns, self.background or "known")
        unknown = list(self.unknown.get(subject, ()))
        return without(whole, unknown if self.background else without(whole, self.activities.get(subject, ())))


def sightings(records: Iterable[FrameRecord]) -> dict[str, NDArray[np.int64]]:
    """When each subject of one recording was in sight: its frames that are neither dropped nor stale."""
    stamps: dict[str, list[int]] = {}
    for record in records:
        if record.status not in (None, Status.STALE):
            stamps.setdefault(record.subject, []).append(record.stamp_ns)
    return {subject: np.unique(np.array(found, np.int64)) for subject, found in sorted(stamps.items())}


def deal(intervals: Iterable[Interval], seen: Sightings, background: str = "") -> Truth:
    """The annotations of one recording, dealt out to those in sight.

    Args:
        intervals: in stamps, see `Interval.shifted`; those of other recordings left out.
        seen: as of `sightings`.
        background: see `Truth`. Annotations of that name say what is said by leaving the time out.

    Raises: ValueError for intervals of one subject that overlap, or that are not in stamps.
    """
    told = [interval for interval in checked(intervals) if interval.label != background]
    if any(interval.relative for interval in told):
        raise ValueError("some annotations count from the start of the recording: call shifted(origin_ns) first.")
    named = [interval for interval in told if interval.subject and interval.subject not in seen]
    doubtful = tuple(interval for interval in named if _several(interval, named, seen))
    ranks = ([each for each in named if each not in doubtful], [each for each in told if not each.subject])
    dealt = {
        name: _of_subject([each for each in told if each.subject == name], ranks, doubtful, stamps)
        for name, stamps in seen.items()
        if name
    }
    if "" in seen:
        dealt[""] = _of_scene(told)
    unseen = [each for each in told if not any(_in_sight(each, stamps) for stamps in seen.values())]
    activities, unknown = ({name: tuple(parts[n]) for name, parts in dealt.items()} for n in (0, 1))
    return Truth(activities, unknown, doubtful, tuple(unseen), background)


def joined(records: Iterable[FrameRecord], truth: Truth, described: bool = False) -> Iterator[FrameRecord]:
    """The records with their truth: at the stamp of the frame, or at the instant that the scores describe."""
    for record in records:
        at_ns = record.stamp_ns - (record.delay_ns if described else 0)
        yield replace(record, truth=truth.label(record.subject, at_ns))


def _of_subject(
    own: Sequence[Interval],
    ranks: Sequence[Sequence[Interval]],
    doubtful: Sequence[Interval],
    stamps_ns: NDArray[np.int64],
) -> Dealt:
    taken = list(own)
    unknown = _open(doubtful, stamps_ns, taken)
    for said in ranks:
        taken += _open(said, stamps_ns, [*taken, *unknown])
    return sorted(taken, key=lambda interval: interval.start_ns), unknown


def _open(said: Iterable[Interval], stamps_ns: NDArray[np.int64], taken: Sequence[Interval]) -> list[Interval]:
    """What `said` tells of somebody seen at `stamps_ns`, but for the time that is taken."""
    return [part for interval in said for sight in _in_sight(interval, stamps_ns) for part in without(sight, taken)]


def _in_sight(interval: Interval, stamps_ns: NDArray[np.int64]) -> list[Interval]:
    """The part of an interval from somebody's first sight in it to just after the last one; none without a sight."""
    first, end = np.searchsorted(stamps_ns, [interval.start_ns, interval.end_ns])
    if first == end:
        return []
    # A frame stands until the next one; where somebody is seen again after the interval, to its end.
    until_ns = interval.end_ns if end < len(stamps_ns) else int(stamps_ns[-1]) + _step_ns(stamps_ns)
    start_ns = interval.start_ns if first else int(stamps_ns[0])
    return [replace(interval, start_ns=start_ns, end_ns=min(until_ns, interval.end_ns))]


def _step_ns(stamps_ns: NDArray[np.int64]) -> int:
    return int(np.median(np.diff(stamps_ns))) if len(stamps_ns) > 1 else 1


def _several(interval: Interval, named: Sequence[Interval], seen: Sightings) -> bool:
    """Whether another name is said at the same time, or several people are in sight at once."""
    others = (other for other in named if other.subject != interval.subject)
    if any(interval.start_ns < other.end_ns and other.start_ns < interval.end_ns for other in others):
        return True
    sights = [sight for name, stamps in seen.items() if name for sight in _in_sight(interval, stamps)]
    spans = sorted((sight.start_ns, sight.end_ns) for sight in sights)
    return any(later[0] < earlier[1] for earlier, later in pairwise(spans))


def _of_scene(told: Sequence[Interval]) -> Dealt:
    """What all agree on; pieces that one annotation spans are one again."""
    edges = sorted({edge for each in told for edge in (each.start_ns, each.end_ns)})
    pieces: list[tuple[Interval, set[int]]] = []
    unknown: list[Interval] = []
    for start_ns, end_ns in pairwise(edges):
        there = {n for n, each in enumerate(told) if each.start_ns <= start_ns and end_ns <= each.end_ns}
        labels = sorted({told[n].label for n in there})
        if len(labels) > 1:
            unknown.append(Interval(start_ns, end_ns, " or ".join(labels)))
        elif labels:
            before, known = pieces[-1] if pieces else (None, set[int]())
            if before is not None and before.end_ns == start_ns and there & known:
                pieces[-1] = replace(before, end_ns=end_ns), there
            else:
                pieces.append((Interval(start_ns, end_ns, labels[0]), there))
    return [piece for piece, _ in pieces], unknown
