"""Latency, jitter and delay of answers, and frames without an answer.

Latency is the time from having a frame to having its answer. Jitter is the difference of latency between one frame and
the next, without its sign: the delay variation of RFC 3393 (Demichelis and Chimento, 2002). ros2_benchmark reports the
same kinds of figures under these names, with frames missed. All subjects of a frame are answered at once, so a frame
counts once, with the longest of its latencies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from co_perception.engine.target import Status
from co_perception.evaluation.records import FrameRecord

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class RunTiming:
    """Latencies and missed frames of one or several recordings.

    Args:
        frames: number that reached the recognizer.
        missed: number that did not: those lost on the way, and those that could not be read.
        warm_up_share: share of the answers to frames (not the stale ones) that were warm-up; NaN without any.
        latency_ms, jitter_ms: p50, p95 and p99 in milliseconds; None where nothing was measured.
        delay_ms: the same of the time from the instant that scores describe to their frame.
    """

    frames: int
    missed: int
    warm_up_share: float
    latency_ms: dict[str, float | None]
    jitter_ms: dict[str, float | None]
    delay_ms: dict[str, float | None]

    @property
    def missed_share(self) -> float:
        """Of all frames there should have been; 0 where there were none."""
        return self.missed / max(self.frames + self.missed, 1)


def timing(recordings: Sequence[Sequence[FrameRecord]]) -> RunTiming:
    """The timing of these recordings, the records of each by stamp."""
    latencies = [latencies_s(records) for records in recordings]
    jitter = [abs(step) for each in latencies for step in np.diff(each).tolist()]
    every = [record for records in recordings for record in records]
    fresh = [record for record in every if record.status not in (None, Status.STALE)]
    warming = sum(record.status == Status.WARMING_UP for record in fresh)
    return RunTiming(
        frames=sum(len({record.stamp_ns for record in records if not record.dropped}) for records in recordings),
        missed=sum(missed_frames(records) for records in recordings),
        warm_up_share=warming / len(fresh) if fresh else float("nan"),
        latency_ms=percentiles_ms(seconds for each in latencies for seconds in each),
        jitter_ms=percentiles_ms(jitter),
        delay_ms=percentiles_ms(record.delay_ns / 1e9 for record in fresh if record.answered),
    )


def percentiles_ms(seconds: Iterable[float]) -> dict[str, float | None]:
    """p50, p95 and p99 in milliseconds; None where nothing was measured."""
    values = list(seconds)
    return {f"p{p}": round(float(np.percentile(values, p)) * 1e3, 2) if values else None for p in PERCENTILES}


def latencies_s(records: Iterable[FrameRecord]) -> list[float]:
    """The longest latency of each frame that has one, by stamp."""
    longest: dict[int, float] = {}
    for record in records:
        if record.latency_s is not None:
            longest[record.stamp_ns] = max(record.latency_s, longest.get(record.stamp_ns, 0.0))
    return [longest[stamp_ns] for stamp_ns in sorted(longest)]


def missed_frames(records: Iterable[FrameRecord]) -> int:
    """Frames of one recording that were dropped, and those missing before frames; once for all subjects."""
    dropped: set[int] = set()
    missing: dict[int, int] = {}
    for record in records:
        if record.dropped:
            dropped.add(record.stamp_ns)
        else:
            missing[record.stamp_ns] = max(record.missing, missing.get(record.stamp_ns, 0))
    return len(dropped) + sum(missing.values())
