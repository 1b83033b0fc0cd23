"""Who did what when, and what was said of it: for each subject the truth above the prediction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor

from co_perception.evaluation.charts.svg import chart, duration, line, width_of, words
from co_perception.evaluation.markup import Markup, joined, shortened, tag
from co_perception.evaluation.spans import Kind, Span, clipped

WIDTH, LEFT, RIGHT = 1084, 150, 34
BAR, GAP, BETWEEN, FOOT = 17, 2, 12, 30  # heights
STRIP_S, MOST_STRIPS = 120.0, 6  # a recording is folded into strips of at least so long, at most so many
NAME, SHORTEST = 13, 4  # letters of a subject's name, and of a label that is cut off
STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


@dataclass(frozen=True)
class Lane:
    """One subject: what was true and what was said of it."""

    subject: str
    truth: Sequence[Span]
    said: Sequence[Span]


def strips(begin_s: float, end_s: float) -> list[tuple[float, float]]:
    """A time folded into equal parts, so that an hour stays readable."""
    count = max(1, min(MOST_STRIPS, int((end_s - begin_s) / STRIP_S)))
    edges = [begin_s + (end_s - begin_s) * n / count for n in range(count + 1)]
    return list(zip(edges, edges[1:], strict=False))


def round_times(begin_s: float, end_s: float, most: int = 10) -> list[float]:
    """Where the axis is marked: at most so many times, whole seconds or minutes apart."""
    step = next((step for step in STEPS_S if step * most >= end_s - begin_s), (end_s - begin_s) / most)
    return [round(place * step, 6) for place in range(ceil(begin_s / step - 1e-6), floor(end_s / step + 1e-6) + 1)]


def draw_lanes(
    lanes: Sequence[Lane], begin_s: float, end_s: float, colours: Mapping[str, int], recording: str
) -> Markup:
    """One strip.

    Args:
        lanes: those with nothing in this time are left out.
        begin_s, end_s: the time that is drawn, in seconds since the recording began.
        colours: of the labels, their places in `colours.COLOURS`; those without one are grey.
    """
    cut = [Lane(each.subject, *(clipped(row, begin_s, end_s) for row in (each.truth, each.said))) for each in lanes]
    shown = [lane for lane in cut if lane.truth or lane.said]
    bottom = len(shown) * (2 * BAR + GAP + BETWEEN)
    scale = _Scale(begin_s, end_s)
    when = f"from {duration(round(begin_s, 1))} to {duration(round(end_s, 1))}"
    return chart(
        WIDTH, bottom + FOOT,
        f"Truth and prediction in {recording or 'the recording'}, {when}",
        f"{len(shown)} subjects, of each what was true above what was said.",
        *_axis(scale, bottom),
        *(part for row, lane in enumerate(shown) for part in _lane(row, lane, scale, colours)),
    )  # fmt: skip


@dataclass(frozen=True)
class _Scale:
    begin_s: float
    end_s: float

    def x(self, at_s: float) -> float:
        share = (at_s - self.begin_s) / max(self.end_s - self.begin_s, 1e-9)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 2)


def _axis(scale: _Scale, bottom: float) -> Iterator[Markup]:
    for at_s in round_times(scale.begin_s, scale.end_s):
        yield line(scale.x(at_s), 0, scale.x(at_s), bottom)
        yield words(scale.x(at_s), bottom + 11, duration(at_s), 10, "middle", class_="faint")
    yield words((LEFT + WIDTH - RIGHT) / 2, bottom + 26, "time since the first frame", 10, "middle", class_="faint")


def _lane(row: int, lane: Lane, scale: _Scale, colours: Mapping[str, int]) -> Iterator[Markup]:
    top = row * (2 * BAR + GAP + BETWEEN) + BETWEEN / 2
    yield words(4, top + BAR + 5, shortened(lane.subject, NAME), 11.5, class_="strong")
    for place, (name, spans) in enumerate((("truth", lane.truth), ("said", lane.said))):
        y = top + place * (BAR + GAP)
        yield words(LEFT - 8, y + BAR - 5, name, 10, "end", class_="faint")
        yield from (_bar(span, y, name, scale, colours) for span in spans)


def _bar(span: Span, y: float, row: str, scale: _Scale, colours: Mapping[str, int]) -> Markup:
    x, width = scale.x(span.start_s), max(scale.x(span.end_s) - scale.x(span.start_s), 0.3)
    what = span.label or span.kind.value
    told = tag("title", f"{row}: {what}, {span.start_s:.2f} to {span.end_s:.2f} s")
    bar = tag("rect", told, x=x, y=y, width=width, height=BAR, class_=_fill(span, colours))
    place, room = colours.get(span.label), int((width - 8) / width_of("x", 10))
    ink = "faint" if span.kind != Kind.LABEL else "on" if place is None else f"on{place}"
    if room < (min(len(what), SHORTEST) if span.label else len(what)):
        return bar
    return joined([bar, words(x + width / 2, y + BAR - 5, shortened(what, room), 10, "middle", class_=f"bar {ink}")])


def _fill(span: Span, colours: Mapping[str, int]) -> str:
    if span.kind == Kind.WARMING_UP:
        return "warm"
    if span.kind == Kind.NOTHING:
        return "pale"
    return f"c{colours[span.label]}" if span.label in colours else "other"
