"""The timelines of a report: every recording, its subjects, what was true of them above what was said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from co_perception.evaluation.charts.lanes import Lane, draw_lanes, strips
from co_perception.evaluation.colours import places
from co_perception.evaluation.markup import Markup, tag
from co_perception.evaluation.metrics.frame_pool import is_judged
from co_perception.evaluation.spans import Kind, Span, reduced, said_spans, true_spans
from co_perception.evaluation.tracks import Protocol, Replayed, Track, tracks
from co_perception.evaluation.truth import Truth

MOST_SUBJECTS = 40  # drawn in all recordings together: those with the most judged frames
MOST_SPANS = 12_000  # of all rows together, about 2 MB
SCENE = "scene"  # what the subject without an id is called


@dataclass(frozen=True)
class _Recording:
    """Its timelines, and how many subjects it has."""

    name: str
    lanes: Sequence[Lane]
    subjects: int

    @property
    def spans(self) -> list[Span]:
        return [span for lane in self.lanes for span in (*lane.truth, *lane.said)]


def timelines(replayed: Sequence[Replayed], classes: Sequence[str], protocol: Protocol) -> list[Markup]:
    """What they show in words, a legend, and for each recording its strips.

    Each row is reduced to its share of MOST_SPANS, so that the size of a report does not follow the length of the
    recordings.
    """
    recordings = _recordings(replayed, classes, protocol)
    spans = [span for each in recordings for span in each.spans]
    colours = places((span.label, span.seconds) for span in spans if span.label)
    left_out = sum(each.subjects - len(each.lanes) for each in recordings)
    about = "Of each subject, what was true above what was said. Point at a bar for its times."
    more = f" {left_out} more subjects, with fewer frames, are not drawn." if left_out else ""
    return [
        tag("p", about + more, class_="faint"),
        _legend(colours, spans, bool(protocol.background)),
        *(part for each in recordings for part in _drawn(each, colours)),
    ]


def _recordings(replayed: Sequence[Replayed], classes: Sequence[str], protocol: Protocol) -> list[_Recording]:
    dealt = [tracks(each, classes, protocol) for each in replayed]
    every = sorted((track for found, _ in dealt for track in found), key=_judged, reverse=True)
    drawn = {id(track) for track in every[:MOST_SUBJECTS]}
    most = MOST_SPANS // max(2 * len(drawn), 1)
    made = []
    for each, (found, truth) in zip(replayed, dealt, strict=True):
        origin_ns = min((record.stamp_ns for record in each.records), default=0)
        lanes = [_lane(track, truth, origin_ns, most) for track in found if id(track) in drawn]
        made.append(_Recording(each.name, lanes, len(found)))
    return made


def _judged(track: Track) -> int:
    return sum(is_judged(record) for record in track.records)


def _lane(track: Track, truth: Truth, origin_ns: int, most: int) -> Lane:
    begin_ns, end_ns = track.records[0].stamp_ns, int(track.ends_ns[-1])
    true, said = true_spans(truth, track.subject, begin_ns, end_ns, origin_ns), said_spans(track, origin_ns)
    return Lane(track.subject or SCENE, reduced(true, most), reduced(said, most))


def _drawn(recording: _Recording, colours: Mapping[str, int]) -> Iterator[Markup]:
    spans = recording.spans
    if spans:
        yield tag("h3", recording.name or "recording")
        begin_s, end_s = min(span.start_s for span in spans), max(span.end_s for span in spans)
        for first_s, last_s in strips(begin_s, end_s):
            yield draw_lanes(recording.lanes, first_s, last_s, colours, recording.name)


def _legend(colours: Mapping[str, int], spans: Sequence[Span], background: bool) -> Markup:
    kinds = {span.kind for span in spans}
    others = any(span.label and span.label not in colours for span in spans)
    entries = [(f"c{place}", label) for label, place in colours.items()]
    entries += [("other", "other labels")] if others else []
    entries += [("pale", "no label, or background" if background else "no label")] if Kind.NOTHING in kinds else []
    entries += [("warm", "warming up")] if Kind.WARMING_UP in kinds else []
    items = (tag("li", _swatch(kind), name) for kind, name in entries)
    return tag("ul", *items, tag("li", "blank: not in sight; in the truth: unknown", class_="faint"), class_="legend")


def _swatch(kind: str) -> Markup:
    return tag("svg", tag("rect", width=14, height=14, class_=kind), width=14, height=14, aria_hidden="true")
