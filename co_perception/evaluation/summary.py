"""Summary of an evaluation: all figures overall, by class and by subject, with intervals; requirements on them.

docs/evaluation.md defines each figure and says which frames it counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from co_perception.data.annotations.intervals import check_labels
from co_perception.engine.names import no_such
from co_perception.engine.stage_counts import StageCounts
from co_perception.engine.target import Status
from co_perception.engine.time import NANO
from co_perception.evaluation.frame_counts import count_judged, why_nothing_is_judged
from co_perception.evaluation.ground_truth import GroundTruth, Protocol, Replayed, label_records
from co_perception.evaluation.judged_accuracy import JudgedAccuracy, judged_accuracy
from co_perception.evaluation.metrics.bootstrap import percentile_intervals
from co_perception.evaluation.metrics.calibration import Reliability
from co_perception.evaluation.metrics.chance import effective_units, wilson_interval
from co_perception.evaluation.metrics.events import IOUS
from co_perception.evaluation.metrics.frame import Floats, Ints, f1, precision, recall
from co_perception.evaluation.pools import EventPool, FramePool, is_judged
from co_perception.evaluation.subject_track import SubjectTrack, TrackedRecording, track_subjects
from co_perception.evaluation.timing import RunTiming, timing

DIGITS = 6
# Figures with a unit, or that may exceed 1; all others are shares.
UNBOUNDED = ("onset_error_s", "offset_error_s", "delay_s", "delay_share", "flicker_per_minute")
# Figures of which the smaller value is the better; of all others the greater is.
AT_MOST = ("ece", *UNBOUNDED)
# Every figure of `Summary.overall`, so that a requirement is refused before anything is computed.
FIGURES = (
    "top1", "top1_of_all", "top5", "balanced_accuracy", "macro_f1", "map", "mcap", "detected", *AT_MOST,
    *(f"{kind}_f1_{round(100 * threshold)}" for kind in ("segment", "event") for threshold in IOUS),
)  # fmt: skip


@dataclass(frozen=True)
class Bootstrap:
    """Settings of the confidence intervals, see `bootstrap.percentile_intervals`; draws = 0: no intervals."""

    draws: int = 1000
    level: float = 0.95
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Summary:
    """All figures of one recognizer on some recordings.

    Args:
        classes: rows and columns of `confusion`: those of the recognizer, then the background where it is none of them.
        counts: frames, annotations and annotated seconds by what became of them.
        overall: each figure by its name; NaN where it has no value.
        chance: of each accuracy, what answers that never change get.
        judged: `top1` beside chance, with a permutation test over takes.
        intervals: lower and upper end of each figure; empty where there is one recording only.
        per_class, per_subject: figures of each.
        confusion: (classes, classes) answered frames, rows what was true, columns what was predicted.
        reliability: bins of confidence.
        timing: see there; the only part that differs between two runs.
    """

    classes: tuple[str, ...]
    recordings: int
    counts: dict[str, int]
    overall: dict[str, float]
    chance: dict[str, float]
    judged: JudgedAccuracy
    intervals: dict[str, tuple[float, float]]
    per_class: dict[str, dict[str, float]]
    per_subject: dict[str, dict[str, float]]
    confusion: Floats
    reliability: Reliability
    timing: RunTiming
    protocol: Protocol
    bootstrap: Bootstrap

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON: NaN as None, six digits."""
        return _plain({
            "classes": self.classes,
            "recordings": self.recordings,
            "counts": self.counts,
            "overall": self.overall,
            "chance": self.chance,
            "judged": self.judged.as_dict(),
            "intervals": self.intervals,
            "per_class": self.per_class,
            "per_subject": self.per_subject,
            "confusion": self.confusion.astype(np.int64),
            "reliability": asdict(self.reliability),
            "timing": asdict(self.timing) | {"missed_share": self.timing.missed_share},
            "protocol": asdict(self.protocol),
            "bootstrap": asdict(self.bootstrap),
        })  # fmt: skip


def summarize(
    replayed: Sequence[Replayed],
    classes: Sequence[str],
    protocol: Protocol | None = None,
    bootstrap: Bootstrap | None = None,
) -> Summary:
    """The summary of these recordings.

    Args:
        replayed: at least one.
        classes: of the recognizer, by index.

    Raises:
        ValueError: for annotations that overlap, labels that are no class, and where no frame can be judged.
    """
    protocol = protocol or Protocol()
    for each in replayed:
        check_labels(each.annotations, [*classes, *filter(None, [protocol.background])])
    tracked = [track_subjects(label_records(each, protocol), classes, protocol) for each in replayed]
    return summarize_tracks(tracked, classes, protocol, bootstrap or Bootstrap())


def summarize_tracks(
    recordings: Sequence[TrackedRecording],
    classes: Sequence[str],
    protocol: Protocol,
    bootstrap: Bootstrap,
    counts: StageCounts | None = None,
) -> Summary:
    """The same of recordings whose subjects are tracked, and labels checked.

    Args:
        counts: what became of messages, frames and people before; annotated and judged frames are added.

    Raises:
        ValueError: where no frame can be judged; it names the stage that let nothing pass, and why.
    """
    counts = StageCounts() if counts is None else counts
    count_judged(recordings, protocol, counts)
    every = [track for recording in recordings for track in recording.tracks]
    if not any(is_judged(record) for track in every for record in track.records):
        raise ValueError(why_nothing_is_judged(counts))
    frames, events = FramePool(every, classes, protocol.background), EventPool(every)
    names = [track.recording for track in every]
    recording = np.unique(names, return_inverse=True)[1]  # (T,) of each track
    overall = frames.figures() | events.figures()
    of_frames = recording[frames.track]
    return Summary(
        classes=frames.names,
        recordings=len(recordings),
        counts=_counts(every, [recording.truth for recording in recordings]),
        overall=overall,
        chance=frames.chance(),
        judged=judged_accuracy(
            frames.truth, frames.predicted, of_frames.tolist(), "recordings", (of_frames.tolist(), frames.take.tolist())
        ),
        intervals=_intervals(overall, frames, events, recording, bootstrap),
        per_class=_per_class(frames, events),
        per_subject=_per_subject(every, len(set(names)) > 1, frames, events),
        confusion=frames.confusion(),
        reliability=frames.reliability(),
        timing=timing([recording.records for recording in recordings]),
        protocol=protocol,
        bootstrap=bootstrap,
    )


def _intervals(
    overall: Mapping[str, float], frames: FramePool, events: EventPool, recording: Ints, bootstrap: Bootstrap
) -> dict[str, tuple[float, float]]:
    """Of each figure the bootstrap's interval over recordings; for shares the Wilson interval is its least.

    Few recordings that are all right, or all alike, would give a width of 0: such an interval is left out.
    """
    units = int(recording.max()) + 1
    drawn = percentile_intervals(
        units,
        lambda copies: frames.figures(copies[recording]) | events.figures(copies[recording]),
        bootstrap.draws, bootstrap.level, bootstrap.seed,
    )  # fmt: skip
    effective = effective_units(np.bincount(recording[frames.track], minlength=units).astype(np.float64))
    found: dict[str, tuple[float, float]] = {}
    for name, (low, high) in drawn.items():
        if name not in AT_MOST and effective:
            least = wilson_interval(overall[name], effective, bootstrap.level)
            low, high = min(low, least[0]), max(high, least[1])
        if low < high:
            found[name] = low, high
    return found


def _counts(every: Sequence[SubjectTrack], truths: Sequence[GroundTruth]) -> dict[str, int]:
    records = [record for track in every for record in track.records]
    judged = [record for record in records if is_judged(record)]
    return {
        "frames": len(records),
        "judged": len(judged),
        "answered": sum(record.answered for record in judged),
        "warm_up": sum(record.status == Status.WARMING_UP for record in judged),
        "dropped": sum(record.dropped for record in judged),
        "stale": sum(record.status == Status.STALE for record in records),
        "without_truth": sum(record.truth is None for record in records),
        "events": sum(len(track.true) for track in every),
        "doubtful_annotations": sum(len(truth.doubtful) for truth in truths),
        "unseen_annotations": sum(len(truth.unseen) for truth in truths),
        "unseen_seconds": sum(part.end_ns - part.start_ns for truth in truths for part in truth.absent) // NANO,
    }


def _per_class(frames: FramePool, events: EventPool) -> dict[str, dict[str, float]]:
    counts, precisions = frames.confusion(), frames.average_precisions()
    columns: dict[str, Floats] = {
        "frames": counts.sum(axis=1), "precision": precision(counts), "recall": recall(counts), "f1": f1(counts)
    }  # fmt: skip
    columns |= {
        name: np.append(each, [np.nan] * (len(frames.names) - len(each)))
        for name, each in zip(("ap", "cap"), precisions, strict=True)
    }
    of_events = events.per_label()
    return {
        label: {name: float(column[k]) for name, column in columns.items()} | of_events.get(label, {"events": 0.0})
        for k, label in enumerate(frames.names)
    }


def _per_subject(
    every: Sequence[SubjectTrack], several: bool, frames: FramePool, events: EventPool
) -> dict[str, dict[str, float]]:
    """By id; by recording and id where there are several recordings, for two trackers may both count from one."""
    found = {}
    for n, track in enumerate(every):
        name = f"{track.recording}/{track.subject}" if several else track.subject
        alone = np.eye(len(every))[n]
        judged = sum(is_judged(record) for record in track.records)
        found[name] = {"frames": float(judged)} | frames.figures(alone) | events.figures(alone)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    return value


@dataclass(frozen=True)
class Requirement:
    """A figure of `Summary.overall` that has to be at least `value`, or at most where small is good."""

    figure: str
    value: float

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """The requirement written as `NAME=VALUE`.

        Raises:
            ValueError: for anything else, a figure that nobody knows, and a value that it cannot have.
        """
        name, _, value = text.partition("=")
        name = name.strip()
        try:
            number = float(value)
        except ValueError as error:
            raise ValueError(f"a requirement is a figure and a number, such as map=0.8, got {text!r}.") from error
        if name not in FIGURES:
            raise ValueError(f"{no_such('figure', name, FIGURES)}.")
        most = math.inf if name in UNBOUNDED else 1.0
        if not 0 <= number <= most or math.isinf(number):
            what = "a number from 0 on" if name in UNBOUNDED else "a share from 0 to 1 (80 % is 0.8)"
            raise ValueError(f"{name} is {what}, and can never be {value.strip()}: got {text!r}.")
        return cls(name, number)

    def failure(self, figures: Mapping[str, float]) -> str:
        """Why it is not met; empty where it is. A figure without a value meets nothing."""
        found, small = figures[self.figure], self.figure in AT_MOST
        if not math.isnan(found) and (found <= self.value if small else found >= self.value):
            return ""
        return f"{self.figure} is {found:.4g}, and at {'most' if small else 'least'} {self.value:g} is required"
