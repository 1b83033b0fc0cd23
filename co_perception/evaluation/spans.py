"""What was true and what was said of one subject as stretches of time, few enough to be drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from co_perception.data.annotations import without
from co_perception.engine.target import Status
from co_perception.evaluation.tracks import NANO, Track
from co_perception.evaluation.truth import Truth


class Kind(Enum):
    """What stood during a span: a label, none though there could have been one, or not yet any answer."""

    LABEL = "label"
    NOTHING = "no label"
    WARMING_UP = "warming up"


State = tuple[Kind, str]


@dataclass(frozen=True)
class Span:
    """One state from `start_s` to `end_s`, in seconds since the recording's first frame. Between spans is a gap."""

    start_s: float
    end_s: float
    kind: Kind
    label: str = ""

    @property
    def state(self) -> State:
        return self.kind, self.label

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s


def said_spans(track: Track, origin_ns: int) -> list[Span]:
    """What was said. Where a frame was dropped what stood before it goes on; stale answers are a gap."""
    return merged(_frames(track, origin_ns))


def true_spans(truth: Truth, subject: str, begin_ns: int, end_ns: int, origin_ns: int) -> list[Span]:
    """What was true; background where the truth has one, from `begin_ns` to `end_ns`. Gaps are unknown."""
    activities = truth.activities.get(subject, ())
    spans = [_span(each.start_ns, each.end_ns, origin_ns, Kind.LABEL, each.label) for each in activities]
    if truth.background:
        free = [part for known in truth.known(subject, begin_ns, end_ns) for part in without(known, activities)]
        spans += [_span(each.start_ns, each.end_ns, origin_ns, Kind.NOTHING) for each in free]
    return merged(sorted(spans, key=lambda span: span.start_s))


def merged(spans: Iterable[Span]) -> list[Span]:
    """Neighbours without a gap and of one state are one; in order of time."""
    found: list[Span] = []
    for span in spans:
        if found and found[-1].state == span.state and abs(found[-1].end_s - span.start_s) < 1e-6:
            found[-1] = replace(found[-1], end_s=span.end_s)
        else:
            found.append(span)
    return found


def reduced(spans: Sequence[Span], most: int) -> list[Span]:
    """At most `most` spans: where there are more, time is cut into that many equal parts, and each shows the state (or
    the gap) that takes the largest share of it."""
    if len(spans) <= most:
        return list(spans)
    begin_s, end_s = spans[0].start_s, max(span.end_s for span in spans)
    width_s = (end_s - begin_s) / most
    shares: list[defaultdict[State, float]] = [defaultdict(float) for _ in range(most)]
    for span in spans:
        first, last = (min(int((at - begin_s) / width_s), most - 1) for at in (span.start_s, span.end_s))
        for part in range(first, last + 1):
            part_s = begin_s + part * width_s
            shares[part][span.state] += min(span.end_s, part_s + width_s) - max(span.start_s, part_s)
    return merged(_winners(shares, begin_s, width_s))


def clipped(spans: Iterable[Span], begin_s: float, end_s: float) -> list[Span]:
    """What of the spans lies within a time."""
    cut = (replace(span, start_s=max(span.start_s, begin_s), end_s=min(span.end_s, end_s)) for span in spans)
    return [span for span in cut if span.seconds > 0]


def _winners(shares: Sequence[Mapping[State, float]], begin_s: float, width_s: float) -> Iterator[Span]:
    for part, seconds in enumerate(shares):
        if sum(seconds.values()) >= width_s / 2:
            start_s = begin_s + part * width_s
            yield Span(start_s, start_s + width_s, *max(seconds, key=seconds.__getitem__))


def _frames(track: Track, origin_ns: int) -> Iterator[Span]:
    state: State | None = None
    for record, label, end_ns in zip(track.records, track.labels, track.ends_ns.tolist(), strict=True):
        if record.status == Status.STALE:
            state = None
        elif record.status == Status.WARMING_UP:
            state = Kind.WARMING_UP, ""
        elif not record.dropped:
            state = (Kind.LABEL, label) if label else (Kind.NOTHING, "")
        if state is not None:
            yield _span(record.stamp_ns, end_ns, origin_ns, *state)


def _span(start_ns: int, end_ns: int, origin_ns: int, kind: Kind, label: str = "") -> Span:
    return Span((start_ns - origin_ns) / NANO, (end_ns - origin_ns) / NANO, kind, label)
