"""All figures of an evaluation in one result: overall, by class, by subject, with intervals.

docs/evaluation.md defines each figure and says which frames it counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.annotations import check_labels
from co_perception.engine.target import Status
from co_perception.evaluation.metrics.bootstrap import percentile_intervals
from co_perception.evaluation.metrics.calibration import Reliability
from co_perception.evaluation.metrics.event_pool import EventPool
from co_perception.evaluation.metrics.frame import Floats, f1, precision, recall
from co_perception.evaluation.metrics.frame_pool import FramePool, is_judged
from co_perception.evaluation.metrics.timing import Timing, timing
from co_perception.evaluation.tracks import Protocol, Replayed, Track, tracks
from co_perception.evaluation.truth import Truth

DIGITS = 6


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made; see `bootstrap.percentile_intervals`. draws = 0: not at all."""

    draws: int = 1000
    level: float = 0.95
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Summary:
    """What a recogniser is worth on these recordings.

    Args:
        classes: rows and columns of `confusion`: those of the recogniser, then the background where it is none of them.
        counts: frames and annotations by what became of them.
        overall: each figure by its name; NaN where it has no value.
        intervals: lower and upper end of each figure; empty where there is one recording and one subject only.
        units: what was drawn for the intervals: "recordings", "subjects", or nothing.
        per_class, per_subject: figures of each.
        confusion: (classes, classes) answered frames, rows what was true, columns what was said.
        reliability: bins of confidence.
        timing: see there; the only part that differs between two runs.
    """

    classes: tuple[str, ...]
    recordings: int
    counts: dict[str, int]
    overall: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    units: str
    per_class: dict[str, dict[str, float]]
    per_subject: dict[str, dict[str, float]]
    confusion: Floats
    reliability: Reliability
    timing: Timing
    protocol: Protocol
    bootstrap: Bootstrap

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON: NaN as None, six digits."""
        return _plain({
            "classes": self.classes,
            "recordings": self.recordings,
            "counts": self.counts,
            "overall": self.overall,
            "intervals": self.intervals,
            "units": self.units,
            "per_class": self.per_class,
            "per_subject": self.per_subject,
            "confusion": self.confusion.astype(np.int64),
            "reliability": asdict(self.reliability),
            "timing": asdict(self.timing) | {"missed_share": self.timing.missed_share},
            "protocol": asdict(self.protocol),
            "bootstrap": asdict(self.bootstrap),
        })  # fmt: skip


def summarise(
    replayed: Sequence[Replayed],
    classes: Sequence[str],
    protocol: Protocol | None = None,
    bootstrap: Bootstrap | None = None,
) -> Summary:
    """The summary of these recordings.

    Args:
        replayed: at least one.
        classes: of the recogniser, by index.

    Raises: ValueError for annotations that overlap, labels that are no class, and where no frame can be judged.
    """
    protocol, bootstrap = protocol or Protocol(), bootstrap or Bootstrap()
    for each in replayed:
        check_labels(each.annotations, [*classes, *filter(None, [protocol.background])])
    dealt = [tracks(each, classes, protocol) for each in replayed]
    every = [track for found, _ in dealt for track in found]
    if not any(is_judged(record) for track in every for record in track.records):
        raise ValueError(
            "no frame can be judged: do the annotations lie inside the recordings, and do they name subjects that are "
            "in sight? Times in seconds count from the recording's first message."
        )
    frames, events = FramePool(every, classes, protocol.background), EventPool(every)
    units, members = _units(every)
    intervals = percentile_intervals(
        int(members.max()) + 1,
        lambda copies: frames.figures(copies[members]) | events.figures(copies[members]),
        bootstrap.draws, bootstrap.level, bootstrap.seed,
    )  # fmt: skip
    return Summary(
        classes=frames.names,
        recordings=len(replayed),
        counts=_counts(every, [truth for _, truth in dealt]),
        overall=frames.figures() | events.figures(),
        intervals=intervals,
        units=units if intervals else "",
        per_class=_per_class(frames, events),
        per_subject=_per_subject(every, frames, events),
        confusion=frames.confusion(),
        reliability=frames.reliability(),
        timing=timing([each.records for each in replayed]),
        protocol=protocol,
        bootstrap=bootstrap,
    )


def _units(every: Sequence[Track]) -> tuple[str, NDArray[np.int64]]:
    """What is drawn as one, and which of them each track belongs to: recordings, of a single one its subjects."""
    names = [track.recording for track in every]
    if len(set(names)) == 1:
        return "subjects", np.arange(len(every))
    return "recordings", np.unique(names, return_inverse=True)[1].astype(np.int64)


def _counts(every: Sequence[Track], truths: Iterable[Truth]) -> dict[str, int]:
    records = [record for track in every for record in track.records]
    judged = [record for record in records if is_judged(record)]
    dealt = list(truths)
    return {
        "frames": len(records),
        "judged": len(judged),
        "answered": sum(record.answered for record in judged),
        "warm_up": sum(record.status == Status.WARMING_UP for record in judged),
        "dropped": sum(record.dropped for record in judged),
        "stale": sum(record.status == Status.STALE for record in records),
        "without_truth": sum(record.truth is None for record in records),
        "events": sum(len(track.true) for track in every),
        "doubtful_annotations": sum(len(truth.doubtful) for truth in dealt),
        "unseen_annotations": sum(len(truth.unseen) for truth in dealt),
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


def _per_subject(every: Sequence[Track], frames: FramePool, events: EventPool) -> dict[str, dict[str, float]]:
    """By id; by recording and id where there are several recordings, for two trackers may both count from one."""
    several = len({track.recording for track in every}) > 1
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
