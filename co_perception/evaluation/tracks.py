"""The records of one subject in one recording as arrays, beside what was true: what all measures are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from co_perception.data.annotations import Interval
from co_perception.engine.target import Status
from co_perception.evaluation.events import NOTHING, Event, EventDetector, Rules, Seen
from co_perception.evaluation.metrics.events import (
    Segment,
    segments_of_events,
    segments_of_frames,
    true_segments,
    within,
)
from co_perception.evaluation.metrics.stability import frame_ends
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.truth import Truth, deal, joined, sightings

Ints = NDArray[np.int64]
NANO = 1_000_000_000
TOLD = 5  # hypotheses a node tells: what its own detector goes by


@dataclass(frozen=True, eq=False)
class Replayed:
    """One recording: everything that was said, by stamp, and all that is known to be true of it (in stamps)."""

    name: str
    records: Sequence[FrameRecord]
    annotations: Sequence[Interval]


@dataclass(frozen=True)
class Protocol:
    """How is counted; docs/evaluation.md gives the reasons.

    Args:
        background: label of time that nobody annotated, where annotations are exhaustive; empty: such time is not
            judged. It may be a class of the recogniser, or stand for no answer.
        described: whether frames are judged at the instant that the scores describe, instead of at the frame.
        rules: how scores become events.
        max_gap_s: a frame stands for no longer; two with more between them are not neighbours.
    """

    background: str = ""
    described: bool = False
    rules: Rules = Rules()
    max_gap_s: float = 1.0


@dataclass(frozen=True, eq=False)
class Track:
    """One subject in one recording, N frames.

    Args:
        records: (N,) with their truth, by stamp.
        labels: (N,) what a robot would have acted on, empty for nothing.
        ends_ns: (N,) until when each frame stood.
        true, said, told: segments that are annotated, that `labels` make, and that the event detector told; the last
            two as far as the truth is known.
    """

    recording: str
    subject: str
    records: tuple[FrameRecord, ...]
    labels: tuple[str, ...]
    ends_ns: Ints
    true: tuple[Segment, ...]
    said: tuple[Segment, ...]
    told: tuple[Segment, ...]

    @property
    def stamps_ns(self) -> Ints:
        """(N,)."""
        return np.array([record.stamp_ns for record in self.records], np.int64)


def tracks(replayed: Replayed, classes: Sequence[str], protocol: Protocol) -> tuple[list[Track], Truth]:
    """Every subject of a recording, by id.

    Raises: ValueError as `truth.deal`, and for two records of one subject and stamp.
    """
    records = sorted(replayed.records, key=lambda record: record.stamp_ns)
    _check_once(records, replayed.name)
    truth = deal(replayed.annotations, sightings(records), protocol.background)
    told = segments_of_events(_events(records, classes, protocol.rules))
    by_subject: dict[str, list[FrameRecord]] = {}
    for record in joined(records, truth, protocol.described):
        by_subject.setdefault(record.subject, []).append(record)
    seen = [rows for _, rows in sorted(by_subject.items()) if not all(record.dropped for record in rows)]
    made = (_track(rows, told.get(rows[0].subject, []), truth, classes, protocol) for rows in seen)
    return [replace(track, recording=replayed.name) for track in made], truth


def _track(
    records: Sequence[FrameRecord], told: Sequence[Segment], truth: Truth, classes: Sequence[str], protocol: Protocol
) -> Track:
    subject = records[0].subject
    stamps_ns = np.array([record.stamp_ns for record in records], np.int64)
    ends_ns = frame_ends(stamps_ns, round(protocol.max_gap_s * NANO))
    labels = _held([record.label(classes) for record in records], [record.dropped for record in records])
    labels = ["" if label == protocol.background else label for label in labels]
    true = true_segments(truth.activities.get(subject, ()))
    said = segments_of_frames(labels, stamps_ns, ends_ns)
    told = [segment for segment in told if segment.label != protocol.background]
    every = [*true, *said, *told]
    known = truth.known(subject, min((s.start_ns for s in every), default=0), max((s.end_ns for s in every), default=0))
    said, told = within(said, known), within(told, known)
    segments = tuple(true), tuple(said), tuple(told)
    return Track(records[0].recording, subject, tuple(records), tuple(labels), ends_ns, *segments)


def _held(labels: Sequence[str], dropped: Sequence[bool]) -> list[str]:
    """At a frame that never got to the recogniser its last word stands."""
    held: list[str] = []
    for label, lost in zip(labels, dropped, strict=True):
        held.append(held[-1] if lost and held else label)
    return held


def _events(records: Sequence[FrameRecord], classes: Sequence[str], rules: Rules) -> list[Event]:
    """What the node's own detector tells of these records, each frame at once. What holds at the end stands as long as
    its last frame does."""
    detector, events = EventDetector(rules), list[Event]()
    for stamp_ns, frame in groupby(records, key=lambda record: record.stamp_ns):
        seen = {record.subject: _seen(record, classes) for record in frame if not record.dropped}
        if seen:
            events += detector.update(stamp_ns, seen)
    last_ns = int(frame_ends(np.unique([record.stamp_ns for record in records]), NANO)[-1]) if records else 0
    return events + [replace(event, at_ns=last_ns) for event in detector.end()]


def _seen(record: FrameRecord, classes: Sequence[str]) -> Seen:
    if not record.answered or record.probabilities is None:
        return NOTHING
    best = np.argsort(-record.probabilities, kind="stable")[:TOLD]
    scores: Mapping[str, float] = {classes[k]: float(record.probabilities[k]) for k in best}
    return Seen(scores, valid=record.status == Status.VALID)


def _check_once(records: Sequence[FrameRecord], name: str) -> None:
    seen: set[tuple[str, int]] = set()
    for record in records:
        place = record.subject, record.stamp_ns
        if place in seen:
            raise ValueError(
                f"{name} has two records of {record.subject or 'the scene'!r} at {record.stamp_ns} ns: are the records "
                "of two runs, or of two recordings, in one list?"
            )
        seen.add(place)
