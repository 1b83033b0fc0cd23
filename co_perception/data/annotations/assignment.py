"""Assignment of annotations to tracked subjects: one rule, for training data and for scoring.

Annotators name people, trackers count tracks, and one person may be several tracks. So, in this order:

1. An annotation that names a subject of the recording belongs to that subject, from its start to its end.
2. One that names no subject of the recording means a person. It holds for the subject in sight while it lasts, though
   not before the subject's first sight nor after its last. While several subjects are in sight at once, or two such
   annotations overlap, it is doubtful who is meant: the activity of everybody in sight is unknown for that time, and
   for no longer. Somebody who passes by in one frame makes one frame unknown. A name has the subjects that may be one
   person (`_one_person`): subjects that were ever there at once are two people, so the name goes to the one that is
   alone for longest over all its annotations. The time in which the other was alone is unknown for that subject: the
   person may have left while somebody else stayed. Where neither has twice the time of the other, both are unknown.
3. One without a name holds for all subjects in sight, in the same way.

An earlier rule goes before a later one, and doubt goes before rule 3.

What counts as in sight at once (`_doubts`): a subject is in sight from its first frame of the recording to
its last, both included. Two subjects are there at once where they share an instant, so the comparison is `<=`: the
stamps of one frame are equal for all people in it. Where a track ends and another begins with the next frame, they
share none, however close the two stamps are: that is the usual change of a track's id, and must not raise a doubt. A
comparison of half-open spans, each prolonged by the usual distance of frames, does raise it whenever a frame comes
early.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from co_perception.data.annotations.intervals import Interval, without
from co_perception.engine.stage_counts import Stage, StageCounts
from co_perception.engine.time import NANO

Stamps = NDArray[np.int64]
Sightings = Mapping[str, Stamps]  # [ns] of the frames in which each subject is in sight, (n,) rising strictly, n >= 1


class AssignedPart(NamedTuple):
    """The part of an annotation that holds for one subject; `annotation` is the index of the annotation."""

    interval: Interval
    annotation: int


@dataclass(frozen=True)
class Assignment:
    """The annotations of one recording by subject.

    Args:
        activities: what each subject does, by rule and start; no two overlap where the annotations of one subject do
            not.
        unknown: time in which it is doubtful what a subject does.
        doubtful: indices of the annotations of rule 2 that hold for no subject because of doubt, rising.
    """

    activities: Mapping[str, tuple[AssignedPart, ...]]
    unknown: Mapping[str, tuple[Interval, ...]]
    doubtful: tuple[int, ...]


def assign(annotations: Sequence[Interval], sightings: Sightings) -> Assignment:
    """Assigns the annotations of one recording, in stamps (`Interval.shifted`), to its subjects.

    A subject without a name has no annotations of rule 1.
    """
    numbered = [AssignedPart(interval, number) for number, interval in enumerate(annotations)]
    persons = [part for part in numbered if part.interval.subject and part.interval.subject not in sightings]
    everybody = [part for part in numbered if not part.interval.subject]
    doubts = {part.annotation: _doubts(part, persons, sightings) for part in persons}
    own: dict[str, list[AssignedPart]] = {}
    alone: dict[str, list[AssignedPart]] = {}
    unknown: dict[str, list[Interval]] = {}
    for subject, stamps_ns in sightings.items():
        own[subject] = [part for part in numbered if subject and part.interval.subject == subject]
        doubt = unknown[subject] = list[Interval]()
        for time in (_clipped(each, stamps_ns) for times in doubts.values() for each in times):
            doubt += without(time, [*(part.interval for part in own[subject]), *doubt]) if time else []
        alone[subject] = _uncovered(persons, stamps_ns, [*(part.interval for part in own[subject]), *doubt])
    named = {
        name: [part for part in persons if part.interval.subject == name]
        for name in {part.interval.subject for part in persons}
    }
    names = {name: _one_person(parts, alone, sightings) for name, parts in named.items()}
    activities = dict[str, tuple[AssignedPart, ...]]()
    for subject, stamps_ns in sightings.items():
        parts = own[subject] + [part for part in alone[subject] if subject in names[part.interval.subject]]
        others = [part for part in alone[subject] if subject not in names[part.interval.subject]]
        unknown[subject] += [part.interval for part in others]
        for part in others:
            doubts[part.annotation].append(part.interval)
        parts += _uncovered(everybody, stamps_ns, [*(part.interval for part in parts), *unknown[subject]])
        activities[subject] = tuple(parts)
    used = {part.annotation for parts in activities.values() for part in parts}
    doubtful = tuple(number for number in doubts if doubts[number] and number not in used)
    return Assignment(activities, {subject: tuple(times) for subject, times in unknown.items()}, doubtful)


def in_sight(interval: Interval, stamps_ns: Stamps) -> Interval | None:
    """The part of an interval from a subject's first sight to just after its last; None without a frame in it.

    A frame stands for the time until the next one, the last frame for the median distance of frames.

        frames         |  |  |        |              |  |  |
        interval    [--------------)              [-----------)
        in sight       [-----------)              [-------)
    """
    first, end = np.searchsorted(stamps_ns, [interval.start_ns, interval.end_ns])
    return None if first == end else _clipped(interval, stamps_ns)


def without_anybody(interval: Interval, sightings: Sightings, max_gap_s: float) -> list[Interval]:
    """The parts of an annotation in which nobody whom it may mean is in sight.

    It means the subject that it names, or else everybody. A frame holds until the next one, and where that is more than
    `max_gap_s` away, or there is none, for the median distance of the subject's frames.
    """
    meant = {interval.subject: sightings[interval.subject]} if interval.subject in sightings else sightings
    visible: list[Interval] = []
    for stamps_ns in meant.values():
        steps_ns = np.diff(stamps_ns)
        period_ns = int(min(np.median(steps_ns), max_gap_s * NANO)) if len(steps_ns) else 1
        breaks = np.flatnonzero(steps_ns > max_gap_s * NANO)
        starts, ends = stamps_ns[[0, *(breaks + 1)]], stamps_ns[[*breaks, -1]] + period_ns
        visible += [Interval(int(start), int(end), "seen") for start, end in zip(starts, ends, strict=True)]
    return without(interval, visible)


def count_seen(annotated_ns: int, absent: Sequence[Interval], counts: StageCounts) -> None:
    """Counts the annotated seconds of all recordings, and the whole ones without a person (`without_anybody`)."""
    lengths_ns = [each.end_ns - each.start_ns for each in absent]
    lost_s = sum(lengths_ns) // NANO
    counts.add(Stage.SEEN, round(annotated_ns / NANO) - lost_s)
    if absent:
        longest_ns, label = max(zip(lengths_ns, (each.label for each in absent), strict=True))
        detail = f"the longest time without: {longest_ns / NANO:.1f} s of {label!r}"
        counts.lose(Stage.SEEN, "seconds in which nobody whom they mean is in sight", lost_s, detail)


def _clipped(interval: Interval, stamps_ns: Stamps) -> Interval | None:
    """As `in_sight`, also where no frame of the subject is in it; None before the first sight and after the last."""
    period_ns = int(np.median(np.diff(stamps_ns))) if len(stamps_ns) > 1 else 1
    start_ns = max(interval.start_ns, int(stamps_ns[0]))
    end_ns = min(interval.end_ns, int(stamps_ns[-1]) + period_ns)
    return replace(interval, start_ns=start_ns, end_ns=end_ns) if start_ns < end_ns else None


def _uncovered(parts: Iterable[AssignedPart], stamps_ns: Stamps, taken: Sequence[Interval]) -> list[AssignedPart]:
    """The parts in which a subject with frames at `stamps_ns` is in sight, without the time that is taken."""
    visible = [(in_sight(part.interval, stamps_ns), part.annotation) for part in parts]
    return [AssignedPart(piece, n) for interval, n in visible if interval for piece in without(interval, taken)]


def _doubts(part: AssignedPart, persons: Sequence[AssignedPart], sightings: Sightings) -> list[Interval]:
    """The times of an annotation that another one of a person shares, or in which several subjects are in sight."""
    interval = part.interval
    others = [other.interval for other in persons if other.annotation != part.annotation]
    times = [(max(interval.start_ns, other.start_ns), min(interval.end_ns, other.end_ns)) for other in others]
    spans = sorted(
        (found.start_ns, min(int(stamps_ns[-1]), interval.end_ns - 1), found.end_ns)
        for stamps_ns in sightings.values()
        if (found := in_sight(interval, stamps_ns))
    )
    longest = spans[0] if spans else (0, 0, 0)  # of those before: start, last frame, end
    for span in spans[1:]:
        if span[0] <= longest[1]:
            times.append((span[0], min(span[2], longest[2])))
        longest = max(longest, span, key=lambda each: each[1])
    return [replace(interval, start_ns=start, end_ns=end) for start, end in times if start < end]


def _one_person(
    parts: Sequence[AssignedPart], alone: Mapping[str, Sequence[AssignedPart]], sightings: Sightings
) -> set[str]:
    """The subjects that are the person of a name: none of them was ever there at once with another.

    The longest alone comes first. It counts where it was alone for twice the time of each other that was there at once
    with it and is not ruled out yet. The time of another is that alone, or all in which it is in sight if it left
    during an annotation and this one stayed: the person may be the one who left.

    Args:
        parts: all annotations with this name.
        alone: of each subject, where it alone is in sight during an annotation.
    """
    numbers = {part.annotation for part in parts}
    times_ns = {
        subject: sum(each.interval.end_ns - each.interval.start_ns for each in pieces if each.annotation in numbers)
        for subject, pieces in alone.items()
    }

    def time_ns(other: str, stays: str) -> int:
        first_ns, last_ns = int(sightings[other][0]), int(sightings[other][-1])
        left = last_ns < sightings[stays][-1] and any(p.interval.start_ns <= last_ns < p.interval.end_ns for p in parts)
        return max(times_ns[other], last_ns - first_ns if left else 0)

    chosen, excluded = set[str](), set[str]()
    for subject in sorted(filter(times_ns.get, times_ns), key=lambda each: (-times_ns[each], each)):
        first_ns, last_ns = sightings[subject][[0, -1]]
        rivals = {each for each, at in sightings.items() if each != subject and at[0] <= last_ns and at[-1] >= first_ns}
        remaining = rivals - excluded
        if subject not in excluded and all(2 * time_ns(each, subject) <= times_ns[subject] for each in remaining):
            chosen.add(subject)
            excluded |= rivals
    return chosen
