"""Timelines of a report: the segments of each subject of every recording, the truth above the prediction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor

from co_perception.data.annotations.intervals import without
from co_perception.engine.time import NANO
from co_perception.evaluation.ground_truth import GroundTruth
from co_perception.evaluation.metrics.segments import Segment, SegmentKind, merged, reduced, segments_of_annotations
from co_perception.evaluation.plots.style import color_indices
from co_perception.evaluation.pools import is_judged
from co_perception.evaluation.report.markup import (
    Markup,
    chart,
    duration,
    joined,
    line,
    shortened,
    tag,
    width_of,
    words,
)  # fmt: skip
from co_perception.evaluation.subject_track import SubjectTrack, TrackedRecording

MOST_SUBJECTS = 40  # drawn in all recordings together: those with the most judged frames
MOST_SEGMENTS = 12_000  # of all rows together, about 2 MB
SCENE = "scene"  # name of the subject without an id
WIDTH, LEFT, RIGHT = 1084, 150, 34
BAR, GAP, BETWEEN, FOOT = 17, 2, 12, 30  # heights
STRIP_S, MOST_STRIPS = 120.0, 6  # a recording is folded into strips: their least length, and how many at most
NAME, SHORTEST = 13, 4  # letters of a subject's name, and of a label that is cut off
STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


@dataclass(frozen=True)
class Lane:
    """One subject: its true and its predicted segments."""

    subject: str
    truth: Sequence[Segment]
    predicted: Sequence[Segment]


def timelines(recordings: Sequence[TrackedRecording], background: bool) -> list[Markup]:
    """An explanation, a legend, and for each recording its strips.

    Each row is reduced to its share of MOST_SEGMENTS, so that the size of a report does not follow the length of the
    recordings.

    Args:
        recordings: with the tracks of their subjects.
        background: whether time without annotation has a label, see `ground_truth.Protocol`.
    """
    every = sorted(
        (track for recording in recordings for track in recording.tracks),
        key=lambda track: sum(is_judged(record) for record in track.records),
        reverse=True,
    )
    drawn = {id(track) for track in every[:MOST_SUBJECTS]}
    most = MOST_SEGMENTS // max(2 * len(drawn), 1)

    def lane(track: SubjectTrack, truth: GroundTruth) -> Lane:
        true = true_segments(truth, track.subject, track.records[0].stamp_ns, int(track.ends_ns[-1]))
        return Lane(track.subject or SCENE, reduced(true, most), reduced(track.shown, most))

    lanes = [[lane(track, each.truth) for track in each.tracks if id(track) in drawn] for each in recordings]
    segments = [segment for each in lanes for row in each for segment in (*row.truth, *row.predicted)]
    colors = color_indices((segment.label, segment.duration_s) for segment in segments if segment.label)
    left_out = len(every) - len(drawn)
    about = "For each subject, the truth above the prediction. Point at a bar for its times."
    more = f" {left_out} more subjects, with fewer frames, are not drawn." if left_out else ""
    return [
        tag("p", about + more, class_="faint"),
        _legend(colors, segments, background),
        *(part for each, own in zip(recordings, lanes, strict=True) for part in _strips(each, own, colors)),
    ]


def true_segments(truth: GroundTruth, subject: str, begin_ns: int, end_ns: int) -> list[Segment]:
    """The true segments of a subject; from `begin_ns` to `end_ns` its background too. Gaps are unknown."""
    activities = truth.activities.get(subject, ())
    segments = segments_of_annotations(activities)
    if truth.background:
        segments += [
            Segment(free.start_ns, free.end_ns, "", free.start_ns, SegmentKind.NO_LABEL)
            for known in truth.known(subject, begin_ns, end_ns)
            for free in without(known, activities)
        ]
    return merged(sorted(segments, key=lambda segment: segment.start_ns))


def _strips(recording: TrackedRecording, lanes: Sequence[Lane], colors: Mapping[str, int]) -> Iterator[Markup]:
    segments = [segment for lane in lanes for segment in (*lane.truth, *lane.predicted)]
    if segments:
        origin_ns = min(record.stamp_ns for record in recording.records)
        yield tag("h3", recording.name or "recording")
        begin_s = (min(segment.start_ns for segment in segments) - origin_ns) / NANO
        end_s = (max(segment.end_ns for segment in segments) - origin_ns) / NANO
        for first_s, last_s in strips(begin_s, end_s):
            yield draw_lanes(lanes, origin_ns, first_s, last_s, colors, recording.name)


def _legend(colors: Mapping[str, int], segments: Sequence[Segment], background: bool) -> Markup:
    kinds = {segment.kind for segment in segments}
    others = any(segment.label and segment.label not in colors for segment in segments)
    entries = [(f"c{place}", label) for label, place in colors.items()]
    entries += [("other", "other labels")] if others else []
    entries += [("pale", "no label, or background" if background else "no label")] * (SegmentKind.NO_LABEL in kinds)
    entries += [("warm", "warming up")] * (SegmentKind.WARMING_UP in kinds)
    squares = ((tag("rect", width=14, height=14, class_=fill), name) for fill, name in entries)
    items = (tag("li", tag("svg", square, width=14, height=14, aria_hidden="true"), name) for square, name in squares)
    return tag("ul", *items, tag("li", "blank: not in sight; in the truth: unknown", class_="faint"), class_="legend")


def strips(begin_s: float, end_s: float) -> list[tuple[float, float]]:
    """A time folded into equal parts, so that an hour stays readable."""
    count = max(1, min(MOST_STRIPS, int((end_s - begin_s) / STRIP_S)))
    edges = [begin_s + (end_s - begin_s) * n / count for n in range(count + 1)]
    return list(zip(edges, edges[1:], strict=False))


def round_times(begin_s: float, end_s: float, most: int = 10) -> list[float]:
    """Times at which the axis is marked: at most `most`, whole seconds or minutes apart."""
    step = next((step for step in STEPS_S if step * most >= end_s - begin_s), (end_s - begin_s) / most)
    return [round(place * step, 6) for place in range(ceil(begin_s / step - 1e-6), floor(end_s / step + 1e-6) + 1)]


def draw_lanes(
    lanes: Sequence[Lane], origin_ns: int, begin_s: float, end_s: float, colors: Mapping[str, int], recording: str
) -> Markup:
    """One strip.

    Args:
        lanes: those with nothing in this time are left out.
        origin_ns: stamp at which the axis has its zero.
        begin_s, end_s: the time that is drawn, in seconds since then.
        colors: of the labels, their index in `style.COLORS`; those without one are gray.
        recording: its name.
    """
    limits = (origin_ns + round(begin_s * NANO), origin_ns + round(end_s * NANO))
    cut = [
        Lane(each.subject, *([part for segment in row if (part := segment.clipped(*limits))] for row in rows))
        for each in lanes
        for rows in [(each.truth, each.predicted)]
    ]
    shown = [lane for lane in cut if lane.truth or lane.predicted]
    bottom = len(shown) * (2 * BAR + GAP + BETWEEN)
    scale = _Scale(origin_ns, begin_s, end_s)
    when = f"from {duration(round(begin_s, 1))} to {duration(round(end_s, 1))}"
    axis = ((scale.x(at_s), duration(at_s)) for at_s in round_times(begin_s, end_s))
    return chart(
        WIDTH, bottom + FOOT,
        f"Truth and prediction in {recording or 'the recording'}, {when}",
        f"{len(shown)} subjects, for each the truth above the prediction.",
        *(
            part
            for x, at in axis
            for part in (line(x, 0, x, bottom), words(x, bottom + 11, at, 10, "middle", class_="faint"))
        ),
        words((LEFT + WIDTH - RIGHT) / 2, bottom + 26, "time since the first frame", 10, "middle", class_="faint"),
        *(part for row, lane in enumerate(shown) for part in _lane(row, lane, scale, colors)),
    )  # fmt: skip


@dataclass(frozen=True)
class _Scale:
    origin_ns: int
    begin_s: float
    end_s: float

    def x(self, at_s: float) -> float:
        share = (at_s - self.begin_s) / max(self.end_s - self.begin_s, 1e-9)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 2)


def _lane(row: int, lane: Lane, scale: _Scale, colors: Mapping[str, int]) -> Iterator[Markup]:
    top = row * (2 * BAR + GAP + BETWEEN) + BETWEEN / 2
    yield words(4, top + BAR + 5, shortened(lane.subject, NAME), 11.5, class_="strong")
    for place, (name, segments) in enumerate((("truth", lane.truth), ("prediction", lane.predicted))):
        y = top + place * (BAR + GAP)
        yield words(LEFT - 8, y + BAR - 5, name, 10, "end", class_="faint")
        yield from (_bar(segment, y, name, scale, colors) for segment in segments)


def _bar(segment: Segment, y: float, row: str, scale: _Scale, colors: Mapping[str, int]) -> Markup:
    start_s, end_s = ((at_ns - scale.origin_ns) / NANO for at_ns in (segment.start_ns, segment.end_ns))
    x, width = scale.x(start_s), max(scale.x(end_s) - scale.x(start_s), 0.3)
    what, color = segment.label or segment.kind.value, colors.get(segment.label)
    fills = {SegmentKind.WARMING_UP: "warm", SegmentKind.NO_LABEL: "pale"}
    fill = fills.get(segment.kind, "other" if color is None else f"c{color}")
    title = tag("title", f"{row}: {what}, {start_s:.2f} to {end_s:.2f} s")
    bar = tag("rect", title, x=x, y=y, width=width, height=BAR, class_=fill)
    room = int((width - 8) / width_of("x", 10))
    ink = "faint" if segment.kind != SegmentKind.LABEL else "on" if color is None else f"on{color}"
    if room < (min(len(what), SHORTEST) if segment.label else len(what)):
        return bar
    return joined([bar, words(x + width / 2, y + BAR - 5, shortened(what, room), 10, "middle", class_=f"bar {ink}")])
