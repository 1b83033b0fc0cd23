"""The records of one subject in one recording as arrays and segments, beside the truth: the input of all measures."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.label_groups import is_none
from co_perception.engine.target import Status
from co_perception.engine.time import NANO
from co_perception.evaluation.ground_truth import LabeledRecording, Protocol
from co_perception.evaluation.metrics.segments import (
    Segment,
    SegmentKind,
    State,
    frame_ends,
    segments_of_annotations,
    segments_of_events,
    segments_of_frames,
    within,
)
from co_perception.evaluation.records import FrameRecord
from co_perception.online.events import NO_SCORES, Event, EventDetector, LabelScores, Rules

Ints = NDArray[np.int64]
LONG_NS = 1 << 62  # longer than any gap


@dataclass(frozen=True, eq=False)
class SubjectTrack:
    """One subject in one recording, N frames.

    Args:
        records: (N,) with their truth, by stamp.
        labels: (N,) what a robot would have acted on, empty for nothing.
        ends_ns: (N,) until when each frame holds.
        shown: predicted segments of every kind, for drawing; stale answers are gaps.
        true, predicted, detected: segments that are annotated, that `labels` make, and that the event detector gives;
            the last two as far as the truth is known.
    """

    recording: str
    subject: str
    records: tuple[FrameRecord, ...]
    labels: tuple[str, ...]
    ends_ns: Ints
    shown: tuple[Segment, ...]
    true: tuple[Segment, ...]
    predicted: tuple[Segment, ...]
    detected: tuple[Segment, ...]

    @property
    def stamps_ns(self) -> Ints:
        return stamps_of(self.records)


@dataclass(frozen=True, eq=False)
class TrackedRecording(LabeledRecording):
    """A labeled recording, its records by stamp, and the tracks of its subjects."""

    tracks: Sequence[SubjectTrack] = ()


def stamps_of(records: Iterable[FrameRecord]) -> Ints:
    """(N,) stamps of the records."""
    return np.array([record.stamp_ns for record in records], np.int64)


def frame_states(
    records: Iterable[FrameRecord], classes: Sequence[str], silent: Collection[str] = ()
) -> Iterator[State | None]:
    """What holds in each frame of one subject; None after a stale answer.

    In a frame that never got to the recognizer, the state before it goes on. `silent` are labels that are no activity.
    """
    state: State | None = None
    for record in records:
        if record.status == Status.STALE:
            state = None
        elif record.status == Status.WARMING_UP:
            state = SegmentKind.WARMING_UP, ""
        elif not record.dropped:
            label = record.label(classes)
            known = label and label not in silent
            state = (SegmentKind.LABEL, label) if known else (SegmentKind.NO_LABEL, "")
        yield state


def segments_with_records(
    records: Sequence[FrameRecord], classes: Sequence[str], max_gap_ns: int = LONG_NS
) -> Iterator[tuple[Segment, Sequence[FrameRecord]]]:
    """The segments of one subject, from first to last frame, each with its records.

    Args:
        records: by stamp.
        classes: names of the classes, by index.
        max_gap_ns: a subject that was not seen for longer begins another segment.
    """
    stamps_ns = stamps_of(records)
    ends_ns = frame_ends(stamps_ns, max_gap_ns, alone_ns=1)
    for segment in segments_of_frames(frame_states(records, classes), stamps_ns, ends_ns):
        first, end = np.searchsorted(stamps_ns, [segment.start_ns, segment.end_ns])
        yield segment, records[first:end]


def track_subjects(recording: LabeledRecording, classes: Sequence[str], protocol: Protocol) -> TrackedRecording:
    """Every subject of a recording that the recognizer was shown, by id.

    Raises:
        ValueError: for two records of one subject and stamp.
    """
    records = sorted(recording.records, key=lambda record: record.stamp_ns)
    places: set[tuple[str, int]] = set()
    by_subject: dict[str, list[FrameRecord]] = {}
    for record in records:
        if (record.subject, record.stamp_ns) in places:
            raise ValueError(
                f"{recording.name} has two records of {record.subject or 'the scene'!r} at {record.stamp_ns} ns: are "
                "the records of two runs, or of two recordings, in one list?"
            )
        places.add((record.subject, record.stamp_ns))
        by_subject.setdefault(record.subject, []).append(record)
    frames, last_ns = detector_frames(records, classes)
    events = detected_events(frames, protocol.rules, recording.group, last_ns)
    detected = {subject: sorted(found, key=_start) for subject, found in segments_of_events(events).items()}
    silent = {protocol.background, *(label for label in classes if is_none(label, recording.group))}
    tracks = [
        _track(recording, rows, detected.get(subject, []), classes, protocol, silent)
        for subject, rows in sorted(by_subject.items())
        if not all(record.dropped for record in rows)
    ]
    return TrackedRecording(recording.name, records, recording.truth, recording.group, tracks)


def _track(
    recording: LabeledRecording,
    records: Sequence[FrameRecord],
    detected: Sequence[Segment],
    classes: Sequence[str],
    protocol: Protocol,
    silent: Collection[str],
) -> SubjectTrack:
    subject, stamps_ns, truth = records[0].subject, stamps_of(records), recording.truth
    ends_ns = frame_ends(stamps_ns, round(protocol.max_gap_s * NANO))
    states = list(frame_states(records, classes, silent))
    shown = segments_of_frames(states, stamps_ns, ends_ns)
    true = segments_of_annotations(each for each in truth.activities.get(subject, ()) if each.label not in silent)
    predicted = [segment for segment in shown if segment.label]
    detected = [segment for segment in detected if segment.label not in silent]
    every = [*true, *predicted, *detected]
    known = truth.known(subject, min((s.start_ns for s in every), default=0), max((s.end_ns for s in every), default=0))
    return SubjectTrack(
        recording.name, subject, tuple(records), tuple(state[1] if state else "" for state in states), ends_ns,
        tuple(shown), tuple(true), tuple(within(predicted, known)), tuple(within(detected, known)),
    )  # fmt: skip


def _start(segment: Segment) -> int:
    return segment.start_ns


DetectorFrame = tuple[int, int, dict[str, LabelScores]]
"""Steps back before a frame, its stamp, and the scores of each subject: frames in the order of the detector."""


def detector_frames(records: Iterable[FrameRecord], classes: Sequence[str]) -> tuple[list[DetectorFrame], int]:
    """What the event detector of a node gets of these records, and until when the last frame holds [ns]."""

    def scores_of(record: FrameRecord) -> LabelScores:
        scores = {classes[k]: score for k, score in record.top(len(classes))}
        return LabelScores(scores, valid=record.status == Status.VALID) if record.answered else NO_SCORES

    def place(record: FrameRecord) -> tuple[int, int]:
        return record.steps_back, record.stamp_ns

    rows, frames = sorted(records, key=place), list[DetectorFrame]()
    for (steps_back, stamp_ns), frame in groupby(rows, key=place):
        if scores := {record.subject: scores_of(record) for record in frame if not record.dropped}:
            frames.append((steps_back, stamp_ns, scores))
    return frames, int(frame_ends(np.unique(stamps_of(rows)), NANO)[-1]) if rows else 0


def detected_events(frames: Iterable[DetectorFrame], rules: Rules, group: str, last_ns: int) -> list[Event]:
    """The events of the node's own detector. What holds at the end does so until `last_ns`, as its last frame does."""
    detector, events = EventDetector(rules, group), list[Event]()
    for steps_back, stamp_ns, scores in frames:
        events += detector.update(stamp_ns, scores, steps_back)
    return events + [replace(event, at_ns=last_ns) for event in detector.end()]
