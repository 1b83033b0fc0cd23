"""Activities as a whole: found or not, when they began, when that was known.

Of the true segments of its label, one that was said belongs to the one with the greatest intersection over union (in
time). It is a hit if that is at least a threshold and no earlier segment took the same one, else it is false; true ones
that nobody took are missed. F1 = 2 hits / (2 hits + false + missed): the segmental F1 of Lea et al., Temporal
Convolutional Networks for Action Segmentation and Detection, CVPR 2017, there at 0.10, 0.25 and 0.50. It does not
punish small shifts of a border, and does punish one event told in pieces. Background is no event.

How late an event is known is measured as by Hoai and De la Torre, Max-Margin Early Event Detectors, CVPR 2012: the time
from its true beginning to the first instant in it at which its label stood, and that as a share of its length.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from co_perception.data.annotations import Interval
from co_perception.evaluation.events import Event, Kind

IOUS = (0.1, 0.25, 0.5)


@dataclass(frozen=True)
class Segment:
    """Somebody does one thing from `start_ns` until just before `end_ns`; it was known at `decided_ns`."""

    start_ns: int
    end_ns: int
    label: str
    decided_ns: int

    def cut(self, part: Interval) -> Segment | None:
        """What of it lies within `part`; None where nothing does."""
        start_ns, end_ns = max(self.start_ns, part.start_ns), min(self.end_ns, part.end_ns)
        return Segment(start_ns, end_ns, self.label, max(self.decided_ns, start_ns)) if start_ns < end_ns else None


@dataclass(frozen=True)
class Counts:
    """Segments that were hits, those said falsely and those missed."""

    hits: int = 0
    false: int = 0
    missed: int = 0

    @property
    def f1(self) -> float:
        """0..1; NaN where nothing was true or said."""
        whole = 2 * self.hits + self.false + self.missed
        return 2 * self.hits / whole if whole else float("nan")


def true_segments(activities: Iterable[Interval]) -> list[Segment]:
    """Annotations as segments, by their start."""
    found = [Segment(each.start_ns, each.end_ns, each.label, each.start_ns) for each in activities]
    return sorted(found, key=lambda segment: segment.start_ns)


def segments_of_frames(
    labels: Sequence[str], stamps_ns: NDArray[np.int64], ends_ns: NDArray[np.int64]
) -> list[Segment]:
    """Runs of one label; no label is no segment. A frame that ends before the next one begins ends its run.

    Args:
        labels: (N,) one subject's, empty for none.
        stamps_ns, ends_ns: (N,) when each frame began and ended to stand, see `stability.frame_ends`.
    """
    found: list[Segment] = []
    for label, start_ns, end_ns in zip(labels, stamps_ns.tolist(), ends_ns.tolist(), strict=True):
        if found and found[-1].label == label and found[-1].end_ns == start_ns:
            found[-1] = Segment(found[-1].start_ns, end_ns, label, found[-1].start_ns)
        else:
            found.append(Segment(start_ns, end_ns, label, start_ns))
    return [segment for segment in found if segment.label]


def segments_of_events(events: Iterable[Event]) -> dict[str, list[Segment]]:
    """Each subject's onsets with the offsets that follow them. What still goes on is left out: call the
    detector's `end` first."""
    found: dict[str, list[Segment]] = {}
    onsets: dict[str, Event] = {}
    for event in events:
        if event.kind == Kind.ONSET:
            onsets[event.subject] = event
        elif (onset := onsets.pop(event.subject, None)) is not None and event.at_ns > onset.at_ns:
            segment = Segment(onset.at_ns, event.at_ns, event.label, onset.decided_ns)
            found.setdefault(event.subject, []).append(segment)
    return found


def within(segments: Iterable[Segment], parts: Sequence[Interval]) -> list[Segment]:
    """The segments as far as they lie in these parts, cut at their borders. Parts in order, none overlapping."""
    pieces = (segment.cut(parts[n]) for segment in segments for n in _overlapping(segment, parts))
    return [piece for piece in pieces if piece is not None]


def _overlapping(segment: Segment, parts: Sequence[Interval] | Sequence[Segment]) -> range:
    """Which of `parts` a segment overlaps, found by bisection: there may be many of both."""
    first = bisect_right(parts, segment.start_ns, key=lambda part: part.end_ns)
    return range(first, bisect_left(parts, segment.end_ns, key=lambda part: part.start_ns))


def iou(one: Segment, other: Segment) -> float:
    """Shared time over time of either, 0..1."""
    shared = min(one.end_ns, other.end_ns) - max(one.start_ns, other.start_ns)
    whole = (one.end_ns - one.start_ns) + (other.end_ns - other.start_ns) - shared
    return max(shared, 0) / whole


def matches(truth: Sequence[Segment], said: Sequence[Segment], least: float) -> list[tuple[int, int]]:
    """Indices (of truth, of said) of the hits at an IoU of at least `least`, above 0. Both in order, none of the true
    ones overlapping."""
    pairs: dict[int, int] = {}
    for number, segment in enumerate(said):
        rivals = [n for n in _overlapping(segment, truth) if truth[n].label == segment.label]
        best = max(rivals, key=lambda n: iou(segment, truth[n]), default=-1)
        if best >= 0 and best not in pairs and iou(segment, truth[best]) >= least:
            pairs[best] = number
    return sorted(pairs.items())


def counts_by_label(truth: Sequence[Segment], said: Sequence[Segment], least: float) -> dict[str, Counts]:
    """Hits, false and missed segments of each label."""
    hit = Counter(truth[n].label for n, _ in matches(truth, said, least))
    true, told = (Counter(segment.label for segment in segments) for segments in (truth, said))
    labels = sorted({*true, *told})
    return {label: Counts(hit[label], told[label] - hit[label], true[label] - hit[label]) for label in labels}


def border_errors_s(truth: Sequence[Segment], said: Sequence[Segment]) -> list[tuple[float, float]]:
    """(onset, offset) of each hit at the least of `IOUS`: seconds it was said too late, negative: too early."""
    pairs = [(truth[n], said[m]) for n, m in matches(truth, said, IOUS[0])]
    return [((told.start_ns - true.start_ns) / 1e9, (told.end_ns - true.end_ns) / 1e9) for true, told in pairs]


def delays_s(truth: Sequence[Segment], said: Sequence[Segment]) -> list[float | None]:
    """For each true segment the seconds until its label stood; None where it never did while it lasted."""
    by_label: dict[str, list[Segment]] = {}
    for told in said:
        by_label.setdefault(told.label, []).append(told)
    return [_delay_s(true, by_label.get(true.label, [])) for true in truth]


def _delay_s(true: Segment, said: Sequence[Segment]) -> float | None:
    stood = [max(told.decided_ns, true.start_ns) for told in said if told.end_ns > true.start_ns]
    instants = [at_ns for at_ns in stood if at_ns < true.end_ns]
    return (min(instants) - true.start_ns) / 1e9 if instants else None
