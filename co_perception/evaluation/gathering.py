"""From the records of single recordings to one run: with what was true, and all in one folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from co_perception.data.annotations import Interval, check_labels
from co_perception.evaluation.records import FrameRecord, RecordWriter, read_latencies, read_records, with_latencies
from co_perception.evaluation.tracks import Protocol, Replayed
from co_perception.evaluation.truth import deal, joined, sightings

NANO = 1_000_000_000
Span = tuple[int, int]
"""Stamps of the first and the last frame of a recording."""


def usable_annotations(
    annotations: Iterable[Interval], origin_ns: int, span_ns: Span | None, known: Sequence[str]
) -> tuple[list[Interval], list[str]]:
    """The annotations of a recording in stamps, as far as they can be used, and what is wrong with them.

    What lies outside the recording is left out; where a label is unknown, all are.

    Args:
        annotations: as they were read.
        origin_ns: stamp at which the recording starts.
        span_ns: None where it has no frame.
        known: labels.
    """
    told = [interval.shifted(origin_ns) for interval in annotations]
    if not told:
        return [], ["nobody says what happens in it: no annotation is for this recording"]
    try:
        check_labels(told, known)
    except ValueError as error:
        return [], [str(error)]
    if span_ns is None:
        return [], []
    first_ns, last_ns = span_ns
    inside = [interval for interval in told if interval.start_ns <= last_ns and interval.end_ns > first_ns]
    outside = [interval for interval in told if interval not in inside]
    return inside, [_outside(outside, origin_ns, span_ns)] if outside else []


def records_in(folder: Path | str) -> list[FrameRecord]:
    """Those of one folder, with their latencies. Raises as `records.read_records`."""
    return list(with_latencies(read_records(folder), read_latencies(folder)))


def gather(
    replayed: Iterable[Replayed], classes: Sequence[str], folder: Path | str, protocol: Protocol
) -> list[Replayed]:
    """Writes the records of one run into `folder`, with their truth; returns what `summarise` takes.

    Args:
        replayed: recordings in their order; taken one after the other.
        classes: of the recogniser.
        protocol: as in `summarise`.

    Raises: ValueError for annotations of one subject that overlap.
    """
    gathered = []
    with RecordWriter(folder, classes) as writer:
        for each in replayed:
            truth = deal(each.annotations, sightings(each.records), protocol.background)
            for record in joined(each.records, truth, protocol.described):
                writer.write(record)
            gathered.append(each)
    return gathered


def _outside(intervals: Sequence[Interval], origin_ns: int, span_ns: Span) -> str:
    first_s, last_s = ((stamp_ns - origin_ns) / NANO for stamp_ns in span_ns)
    away = intervals[0]
    start_s, end_s = ((stamp_ns - origin_ns) / NANO for stamp_ns in (away.start_ns, away.end_ns))
    several = f" and {len(intervals) - 1} more" if len(intervals) > 1 else ""
    return (
        f"annotations lie outside the recording: {away.label!r} from {start_s:.3f} to {end_s:.3f} s{several}, while "
        f"its frames go from {first_s:.3f} to {last_s:.3f} s after its start. Are they of another recording, or are "
        "seconds written where stamps belong?"
    )
