"""Recordings for reports: truth and prediction of one subject, one word per tenth of a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from co_perception.data.annotations.intervals import Interval
from co_perception.engine.target import Status
from co_perception.engine.time import NANO
from co_perception.evaluation.ground_truth import Protocol, Replayed, label_records
from co_perception.evaluation.metrics.segments import Segment, SegmentKind
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.subject_track import TrackedRecording, track_subjects

STEP_NS = 100_000_000
NOTHING, COLD, LOST, STALE, AWAY = "-", "~", "x", "_", "."
"""No label, warming up, dropped, left over from earlier, not in sight; in the truth they are all not known."""


def recording_of(
    true: Sequence[str],
    predicted: Sequence[str],
    classes: Sequence[str],
    recording: str = "a",
    subject: str = "p",
    latency_s: float | None = None,
) -> Replayed:
    """A recording of one subject; predictions have a score of 0.8."""
    reported, at = [], 0
    for word, run in groupby(true):
        length = len(list(run))
        if word in classes:
            reported.append(Interval(at * STEP_NS, (at + length) * STEP_NS, word, subject))
        at += length
    frames = enumerate(predicted)
    records = [_frame(n, word, classes, recording, subject, latency_s) for n, word in frames if word != AWAY]
    return Replayed(recording, records, reported)


def segment(start_s: float, end_s: float, label: str = "wave", decided_s: float | None = None) -> Segment:
    """One with a label, or, where that is empty, without one."""
    kind = SegmentKind.LABEL if label else SegmentKind.NO_LABEL
    decided_s = start_s if decided_s is None else decided_s
    return Segment(round(start_s * NANO), round(end_s * NANO), label, round(decided_s * NANO), kind)


def scored(
    stamp_ns: int,
    scores: Mapping[str, float],
    classes: Sequence[str],
    status: Status = Status.VALID,
    subject: str = "",
    progress: float = 1.0,
) -> FrameRecord:
    """A record by the scores of some classes; those of the others are 0."""
    values = np.zeros(len(classes), np.float32)
    for label, score in scores.items():
        values[classes.index(label)] = score
    return FrameRecord(stamp_ns, subject, status, progress, probabilities=values if scores else None)


def tracked(replayed: Replayed, classes: Sequence[str], protocol: Protocol | None = None) -> TrackedRecording:
    """A recording with its truth and the tracks of its subjects."""
    protocol = protocol or Protocol()
    return track_subjects(label_records(replayed, protocol), classes, protocol)


def together(*parts: Replayed) -> Replayed:
    """Several subjects of one recording."""
    records = [record for part in parts for record in part.records]
    return Replayed(parts[0].name, records, [each for part in parts for each in part.annotations])


def _frame(
    n: int, word: str, classes: Sequence[str], recording: str, subject: str, latency_s: float | None
) -> FrameRecord:
    reported = {NOTHING: Status.UNCERTAIN, COLD: Status.WARMING_UP, LOST: None, STALE: Status.STALE}
    status = reported.get(word, Status.VALID)
    scores = np.full(len(classes), 0.2 / max(len(classes) - 1, 1), np.float32)
    scores[classes.index(word) if word in classes else 0] = 0.8
    return FrameRecord(
        n * STEP_NS, subject, status, probabilities=None if word in (COLD, LOST) else scores,
        latency_s=None if latency_s is None or status is None else latency_s * (1 + n % 7), recording=recording,
    )  # fmt: skip
