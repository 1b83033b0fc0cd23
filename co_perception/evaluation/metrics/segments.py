"""Segments: one subject's state over a stretch of time, out of frames, events or annotations.

All that is measured or drawn of "who did what when" is a list of `Segment` in order of time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from co_perception.data.annotations.intervals import Interval
from co_perception.online.events import Event, EventKind

Stamps = NDArray[np.int64]


class SegmentKind(Enum):
    """What holds during a segment: a label, none although there could have been one, or not yet any answer."""

    LABEL = "label"
    NO_LABEL = "no label"
    WARMING_UP = "warming up"


State = tuple[SegmentKind, str]
"""Kind and label; the label is empty unless the kind is LABEL."""


@dataclass(frozen=True)
class Segment:
    """One state from `start_ns` until just before `end_ns`.

    Args:
        start_ns, end_ns: stamps.
        label: name of the activity; empty unless `kind` is LABEL.
        decided_ns: stamp of the frame with which it was known.
        kind: label, no label, or warming up.
    """

    start_ns: int
    end_ns: int
    label: str
    decided_ns: int
    kind: SegmentKind = SegmentKind.LABEL

    @property
    def state(self) -> State:
        return self.kind, self.label

    @property
    def duration_s(self) -> float:
        return (self.end_ns - self.start_ns) / 1e9

    def clipped(self, start_ns: int, end_ns: int) -> Segment | None:
        """The part of it between two stamps; None where there is none."""
        start_ns, end_ns = max(self.start_ns, start_ns), min(self.end_ns, end_ns)
        if start_ns >= end_ns:
            return None
        return Segment(start_ns, end_ns, self.label, max(self.decided_ns, start_ns), self.kind)


def frame_ends(stamps_ns: Stamps, max_gap_ns: int, alone_ns: int | None = None) -> Stamps:
    """Until when each frame holds: to the next one's stamp, unless that is more than `max_gap_ns` later.

    Args:
        stamps_ns: (N,) rising.
        max_gap_ns: longest step that is no gap.
        alone_ns: how long a frame holds that a gap or nothing follows; None: `max_gap_ns` before a gap, and the last
            one as long as the median of those before it.

    Returns:
        (N,) stamps.

    >>> frame_ends(np.array([0, 10, 20, 90]), max_gap_ns=15).tolist()
    [10, 20, 35, 100]
    """
    if len(stamps_ns) < 2:
        return stamps_ns + (min(1, max_gap_ns) if alone_ns is None else alone_ns)
    steps = np.diff(stamps_ns)
    if alone_ns is not None:
        return stamps_ns + np.append(np.where(steps > max_gap_ns, alone_ns, steps), alone_ns)
    steps = np.minimum(steps, max_gap_ns)
    return stamps_ns + np.append(steps, np.int64(np.median(steps)))


def merged(segments: Iterable[Segment]) -> list[Segment]:
    """The segments with neighbors of one state and without a gap made one; in order of time."""
    found: list[Segment] = []
    for segment in segments:
        if found and found[-1].end_ns == segment.start_ns and found[-1].state == segment.state:
            found[-1] = replace(found[-1], end_ns=segment.end_ns)
        else:
            found.append(segment)
    return found


def segments_of_frames(states: Iterable[State | None], stamps_ns: Stamps, ends_ns: Stamps) -> list[Segment]:
    """Runs of frames in one state. A frame that ends before the next one begins ends its run.

    Args:
        states: (N,) of one subject; None: the frame belongs to no segment.
        stamps_ns, ends_ns: (N,) from when to when each frame holds, see `frame_ends`.

    >>> walk, stamps = (SegmentKind.LABEL, "walk"), np.array([0, 10, 20, 30])
    >>> [(s.start_ns, s.end_ns) for s in segments_of_frames([walk, walk, None, walk], stamps, stamps + 10)]
    [(0, 20), (30, 40)]
    """
    frames = zip(states, stamps_ns.tolist(), ends_ns.tolist(), strict=True)
    return merged(
        Segment(start_ns, end_ns, state[1], start_ns, state[0]) for state, start_ns, end_ns in frames if state
    )


def segments_of_events(events: Iterable[Event]) -> dict[str, list[Segment]]:
    """Each subject's onsets with the offsets that follow them, by subject.

    An activity that goes on is left out: call the detector's `end` first.
    """
    found: dict[str, list[Segment]] = {}
    onsets: dict[str, Event] = {}
    for event in events:
        if event.kind == EventKind.ONSET:
            onsets[event.subject] = event
        elif (onset := onsets.pop(event.subject, None)) is not None and event.at_ns > onset.at_ns:
            segment = Segment(onset.at_ns, event.at_ns, event.label, onset.decided_ns)
            found.setdefault(event.subject, []).append(segment)
    return found


def segments_of_annotations(activities: Iterable[Interval]) -> list[Segment]:
    """Annotations as segments, by their start."""
    found = [Segment(each.start_ns, each.end_ns, each.label, each.start_ns) for each in activities]
    return sorted(found, key=lambda segment: segment.start_ns)


def within(segments: Iterable[Segment], parts: Sequence[Interval]) -> list[Segment]:
    """The segments as far as they lie in `parts`, cut at their borders.

    Args:
        segments: in any order.
        parts: in order of time, none overlapping.
    """
    pieces = (
        segment.clipped(parts[n].start_ns, parts[n].end_ns) for segment in segments for n in overlapping(segment, parts)
    )
    return [piece for piece in pieces if piece is not None]


def overlapping(segment: Segment, parts: Sequence[Interval] | Sequence[Segment]) -> range:
    """Which of `parts`, in order of time, a segment overlaps; by bisection, for there may be many of both."""
    first = bisect_right(parts, segment.start_ns, key=lambda part: part.end_ns)
    return range(first, bisect_left(parts, segment.end_ns, key=lambda part: part.start_ns))


def reduced(segments: Sequence[Segment], most: int) -> list[Segment]:
    """At most `most` segments, for drawing.

    Where there are more, time is cut into `most` equal parts, and each part gets the state with the largest share of
    it; a part of which less than half is covered is a gap.
    """
    if len(segments) <= most:
        return list(segments)
    begin_ns = segments[0].start_ns
    width_ns = (max(segment.end_ns for segment in segments) - begin_ns) / most
    shares: list[defaultdict[State, float]] = [defaultdict(float) for _ in range(most)]
    for segment in segments:
        first, last = (min(int((at - begin_ns) / width_ns), most - 1) for at in (segment.start_ns, segment.end_ns))
        for part in range(first, last + 1):
            part_ns = begin_ns + part * width_ns
            shares[part][segment.state] += min(segment.end_ns, part_ns + width_ns) - max(segment.start_ns, part_ns)
    edges = [round(begin_ns + part * width_ns) for part in range(most + 1)]
    return merged(
        Segment(edges[part], edges[part + 1], label, edges[part], kind)
        for part, covered in enumerate(shares)
        if sum(covered.values()) >= width_ns / 2
        for kind, label in [max(covered, key=covered.__getitem__)]
    )
