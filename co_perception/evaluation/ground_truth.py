"""Ground truth of each subject: annotations assigned to the subjects that a recognizer tracked, and joined to records.

Whose an annotation is follows the rule of `co_perception.data.annotations.assignment`, as for training data. Beside it
the scene, the subject without a name, does what all annotations of the moment agree on; where they disagree it is
unknown.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from co_perception.data.annotations.assignment import Sightings, Stamps, assign, in_sight, without_anybody
from co_perception.data.annotations.intervals import Interval, check_labels, checked, without
from co_perception.engine.target import Status
from co_perception.engine.time import NANO
from co_perception.evaluation.records import FrameRecord
from co_perception.online.events import Rules

UNANNOTATED = "nobody says what happens in it: no annotation is for this recording"
Intervals = tuple[Interval, ...]
StampRange = tuple[int, int]
"""Stamps of the first and the last frame of a recording."""


@dataclass(frozen=True)
class Protocol:
    """Counting rules; docs/evaluation.md gives the reasons.

    Args:
        background: label of time without annotation, where annotations are exhaustive; empty: such time is not judged.
            It may be a class of the recognizer, or stand for no answer.
        described: whether frames are judged at the instant that the scores describe, `FrameRecord.delay_ns` earlier,
            instead of at the stamp of the frame.
        rules: how scores become events.
        max_gap_s: a frame holds for no longer; two with more between them are not neighbors.
    """

    background: str = ""
    described: bool = False
    rules: Rules = Rules()
    max_gap_s: float = 1.0


@dataclass(frozen=True, eq=False)
class Replayed:
    """One recording: all predictions about it, by stamp, and its annotations in stamps."""

    name: str
    records: Sequence[FrameRecord]
    annotations: Sequence[Interval]


@dataclass(frozen=True)
class GroundTruth:
    """What is known of each subject of one recording.

    Args:
        activities: intervals of each subject in order of time; none overlap.
        unknown: time in which it is not known what a subject does.
        doubtful: annotations of a person for whom several subjects come into question.
        unseen: annotations during which no subject was in sight.
        absent: parts of annotations in which nobody whom they may mean was in sight.
        annotated_ns: length of all annotations.
        background: what a subject does in time without an annotation; empty: that is not known.
    """

    activities: Mapping[str, Intervals]
    unknown: Mapping[str, Intervals] = field(default_factory=dict)
    doubtful: Intervals = ()
    unseen: Intervals = ()
    absent: Intervals = ()
    annotated_ns: int = 0
    background: str = ""

    def label(self, subject: str, at_ns: int) -> str | None:
        """What `subject` does at an instant [ns]; None where that is not known."""
        activities = self.activities.get(subject, ())
        place = bisect_right(activities, at_ns, key=lambda interval: interval.start_ns) - 1
        if place >= 0 and at_ns < activities[place].end_ns:
            return activities[place].label
        doubt = any(each.start_ns <= at_ns < each.end_ns for each in self.unknown.get(subject, ()))
        return None if doubt or subject not in self.activities else self.background or None

    def known(self, subject: str, begin_ns: int, end_ns: int) -> list[Interval]:
        """The parts of a time [ns] in which it is known what `subject` does.

        With a background that is all but the unknown time, without one the annotated time; annotations that follow each
        other without a break are one part.
        """
        if begin_ns >= end_ns:
            return []
        whole = Interval(begin_ns, end_ns, self.background or "known")
        unknown = list(self.unknown.get(subject, ()))
        return without(whole, unknown if self.background else without(whole, self.activities.get(subject, ())))


def sightings(records: Iterable[FrameRecord]) -> dict[str, Stamps]:
    """Stamps [ns] at which each subject of one recording is in sight: its frames that are neither dropped nor stale."""
    stamps: dict[str, list[int]] = {}
    for record in records:
        if record.status not in (None, Status.STALE):
            stamps.setdefault(record.subject, []).append(record.stamp_ns)
    return {subject: np.unique(np.array(found, np.int64)) for subject, found in sorted(stamps.items())}


def ground_truth(
    annotations: Iterable[Interval], visible: Sightings, background: str = "", max_gap_s: float = Protocol.max_gap_s
) -> GroundTruth:
    """The annotations of one recording, assigned to its subjects and to the scene.

    Args:
        annotations: in stamps, see `Interval.shifted`; those of other recordings left out.
        visible: as of `sightings`.
        background: see `GroundTruth`. Annotations with this label count as time without an annotation.
        max_gap_s: a frame holds for no longer.

    Raises:
        ValueError: for annotations of one subject that overlap, or that are not in stamps.
    """
    active = [interval for interval in checked(annotations) if interval.label != background]
    if any(interval.relative for interval in active):
        raise ValueError("some annotations count from the start of the recording: call shifted(origin_ns) first.")
    assigned = assign(active, {subject: stamps_ns for subject, stamps_ns in visible.items() if subject})
    activities = {
        subject: tuple(sorted((part.interval for part in parts), key=lambda interval: interval.start_ns))
        for subject, parts in assigned.activities.items()
    }
    unknown = dict(assigned.unknown)
    if "" in visible:
        activities[""], unknown[""] = _of_scene(active)
    unseen = tuple(each for each in active if not any(in_sight(each, stamps_ns) for stamps_ns in visible.values()))
    return GroundTruth(
        activities, unknown, tuple(active[n] for n in assigned.doubtful), unseen,
        absent=tuple(part for each in active for part in without_anybody(each, visible, max_gap_s)),
        annotated_ns=sum(each.end_ns - each.start_ns for each in active),
        background=background,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class LabeledRecording:
    """One recording: its records with their true labels, and the truth of its subjects; of one group of labels."""

    name: str
    records: Sequence[FrameRecord]
    truth: GroundTruth
    group: str = ""


def label_records(replayed: Replayed, protocol: Protocol) -> LabeledRecording:
    """Joins each record of a recording with what its subject did. Raises as `ground_truth`."""
    truth = ground_truth(replayed.annotations, sightings(replayed.records), protocol.background, protocol.max_gap_s)
    records = [
        replace(each, truth=truth.label(each.subject, each.stamp_ns - (each.delay_ns if protocol.described else 0)))
        for each in replayed.records
    ]
    return LabeledRecording(replayed.name, records, truth)


def usable_annotations(
    annotations: Sequence[Interval], origin_ns: int, frames_ns: StampRange | None, known: Sequence[str]
) -> tuple[list[Interval], list[str]]:
    """The annotations of a recording, as far as they can be used, and the problems with them.

    Those outside the recording are left out; where a label is unknown, all are.

    Args:
        annotations: in stamps, see `RecordedClock.stamped`.
        origin_ns: stamp at which the recording starts, for the words.
        frames_ns: None where it has no frame.
        known: labels.
    """
    if not annotations:
        return [], [UNANNOTATED]
    try:
        check_labels(annotations, known)
    except ValueError as error:
        return [], [str(error)]
    if frames_ns is None:
        return [], []
    inside = [each for each in annotations if each.start_ns <= frames_ns[1] and each.end_ns > frames_ns[0]]
    outside = [interval for interval in annotations if interval not in inside]
    if not outside:
        return inside, []
    first_s, last_s, start_s, end_s = (
        (stamp_ns - origin_ns) / NANO for stamp_ns in (*frames_ns, outside[0].start_ns, outside[0].end_ns)
    )
    several = f" and {len(outside) - 1} more" if len(outside) > 1 else ""
    return inside, [
        f"annotations lie outside the recording: {outside[0].label!r} from {start_s:.3f} to {end_s:.3f} s{several}, "
        f"while its frames go from {first_s:.3f} to {last_s:.3f} s after its start. Are they of another recording, or "
        "are seconds written where stamps belong?"
    ]


def _of_scene(annotations: Sequence[Interval]) -> tuple[Intervals, Intervals]:
    """(activities, unknown time) of the scene: the label on which all annotations of the moment agree.

    The time is cut at every start and end. A piece goes on with the one before where some annotation spans both.
    """
    edges = sorted({edge for each in annotations for edge in (each.start_ns, each.end_ns)})
    pieces: list[tuple[Interval, set[int]]] = []
    unknown: list[Interval] = []
    for start_ns, end_ns in pairwise(edges):
        current = {n for n, each in enumerate(annotations) if each.start_ns <= start_ns and end_ns <= each.end_ns}
        labels = sorted({annotations[n].label for n in current})
        if len(labels) > 1:
            unknown.append(Interval(start_ns, end_ns, " or ".join(labels)))
        elif labels:
            before, known = pieces[-1] if pieces else (None, set[int]())
            if before is not None and before.end_ns == start_ns and current & known:
                pieces[-1] = replace(before, end_ns=end_ns), current
            else:
                pieces.append((Interval(start_ns, end_ns, labels[0]), current))
    return tuple(piece for piece, _ in pieces), tuple(unknown)
