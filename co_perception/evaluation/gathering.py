"""From the records of single recordings to one run: with what was true, in one folder, measured together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from co_perception.data.annotations import Interval, check_labels
from co_perception.evaluation.records import RecordWriter, read_latencies, read_records, with_latencies
from co_perception.evaluation.tracks import Protocol, Replayed
from co_perception.evaluation.truth import deal, joined, sightings

NANO = 1_000_000_000


@dataclass(frozen=True)
class Part:
    """One recording of a run.

    Args:
        name: of the recording.
        folder: with its records.
        annotations: what is said of it, as it was read.
        origin_ns: stamp at which it starts.
        span_ns: stamps of its first and its last frame; None without a frame.
    """

    name: str
    folder: str
    annotations: Sequence[Interval]
    origin_ns: int
    span_ns: tuple[int, int] | None


def checked_annotations(part: Part, known: Sequence[str]) -> tuple[list[Interval], list[str]]:
    """The annotations of a recording in stamps, as far as they can be used, and what is wrong with them.

    What lies outside the recording is left out; where a label is unknown, all are.
    """
    told = [interval.shifted(part.origin_ns) for interval in part.annotations]
    try:
        check_labels(told, known)
    except ValueError as error:
        return [], [str(error)]
    if not told:
        return [], ["nobody says what happens in it: no annotation is for this recording"]
    if part.span_ns is None:
        return [], []
    first_ns, last_ns = part.span_ns
    inside = [interval for interval in told if interval.start_ns <= last_ns and interval.end_ns > first_ns]
    outside = [interval for interval in told if interval not in inside]
    return inside, [_outside(outside, part.origin_ns, part.span_ns)] if outside else []


def gather(
    parts: Iterable[tuple[Part, Sequence[Interval]]],
    classes: Sequence[str],
    folder: Path,
    protocol: Protocol,
) -> list[Replayed]:
    """Writes the records of one run into `folder`, with their truth; returns what `summarise` takes.

    Args:
        parts: recordings in their order, each with its annotations in stamps.
        classes: of the recogniser.
        protocol: as in `summarise`.

    Raises: ValueError for annotations of one subject that overlap.
    """
    replayed = []
    with RecordWriter(folder, classes) as writer:
        for part, annotations in parts:
            records = list(with_latencies(read_records(part.folder), read_latencies(part.folder)))
            truth = deal(annotations, sightings(records), protocol.background)
            for record in joined(records, truth, protocol.described):
                writer.write(record)
            replayed.append(Replayed(part.name, records, list(annotations)))
    return replayed


def _outside(intervals: Sequence[Interval], origin_ns: int, span_ns: tuple[int, int]) -> str:
    first_s, last_s = ((stamp_ns - origin_ns) / NANO for stamp_ns in span_ns)
    away = intervals[0]
    start_s, end_s = ((stamp_ns - origin_ns) / NANO for stamp_ns in (away.start_ns, away.end_ns))
    several = f" and {len(intervals) - 1} more" if len(intervals) > 1 else ""
    return (
        f"annotations lie outside the recording: {away.label!r} from {start_s:.3f} to {end_s:.3f} s{several}, while "
        f"its frames go from {first_s:.3f} to {last_s:.3f} s after its start. Are they of another recording, or are "
        "seconds written where stamps belong?"
    )
