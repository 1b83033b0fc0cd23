"""Stretches of time: from frames, from annotations, and few enough to be drawn."""

from __future__ import annotations

import numpy as np
import pytest
from spoken import spoken

from co_perception.evaluation.spans import Kind, Span, clipped, merged, reduced, said_spans, true_spans
from co_perception.evaluation.tracks import Protocol, tracks

CLASSES = ("walk", "wave")


def shown(spans: list[Span]) -> list[tuple[float, float, str]]:
    return [(round(span.start_s, 3), round(span.end_s, 3), span.label or span.kind.value) for span in spans]


def test_what_was_said() -> None:
    said = ["~", "x", "-", "walk", "x", "walk", "wave", *"." * 15, "~", "wave", "_", "_", "walk"]
    (track,), _ = tracks(spoken(["walk"] * len(said), said, CLASSES), CLASSES, Protocol())
    assert shown(said_spans(track, 0)) == [
        (0.0, 0.2, "warming up"),
        (0.2, 0.3, "no label"),
        (0.3, 0.6, "walk"),  # a frame that was dropped leaves what stood
        (0.6, 1.6, "wave"),  # as long as a frame may stand
        (2.2, 2.3, "warming up"),
        (2.3, 2.4, "wave"),
        (2.6, 2.7, "walk"),  # before it somebody was out of sight
    ]


@pytest.mark.parametrize("background", ["", "none"])
def test_what_was_true(background: str) -> None:
    true = [*"..", "walk", "walk", "wave", *"....", "wave"]
    replayed = spoken(true, ["walk"] * len(true), CLASSES)
    (track,), truth = tracks(replayed, CLASSES, Protocol(background))
    known = [(0.2, 0.4, "walk"), (0.4, 0.5, "wave"), (0.9, 1.0, "wave")]
    free = [(0.0, 0.2, "no label"), (0.5, 0.9, "no label")]
    found = true_spans(truth, track.subject, 0, 1_000_000_000, 0)
    assert shown(found) == sorted(known + (free if background else []))


def test_neighbours_of_one_state_are_one() -> None:
    spans = [Span(n / 10, (n + 1) / 10, Kind.LABEL, "walk") for n in range(5)]
    assert shown(merged([*spans, Span(0.7, 0.8, Kind.LABEL, "walk")])) == [(0.0, 0.5, "walk"), (0.7, 0.8, "walk")]


def test_many_spans_become_few_and_show_what_takes_most_time() -> None:
    rng = np.random.default_rng(0)
    edges = np.sort(rng.uniform(0, 1000, 5001))
    # For 600 s mostly walk, with a blink of wave in every second span; then a gap; then wave.
    spans = [
        Span(start, start + (end - start) * (0.9 if n % 2 == 0 else 0.3), Kind.LABEL, "walk" if n % 2 == 0 else "wave")
        for n, (start, end) in enumerate(zip(edges, edges[1:], strict=False))
        if end < 600
    ] + [Span(700.0, 1000.0, Kind.LABEL, "wave")]
    few = reduced(spans, 50)
    assert len(few) <= 50 < len(spans)
    assert all(one.end_s <= other.start_s + 1e-9 for one, other in zip(few, few[1:], strict=False))
    seconds = {label: sum(span.seconds for span in few if span.label == label) for label in CLASSES}
    assert seconds["wave"] == pytest.approx(300, abs=25)
    assert seconds["walk"] == pytest.approx(600, abs=60)
    assert not [span for span in few if 620 < (span.start_s + span.end_s) / 2 < 680]


def test_few_spans_stay_as_they_are() -> None:
    spans = [Span(0, 1, Kind.NOTHING), Span(5, 6, Kind.LABEL, "walk")]
    assert reduced(spans, 2) == spans
    assert reduced([], 5) == []


def test_a_part_of_the_time() -> None:
    spans = [Span(0, 2, Kind.LABEL, "walk"), Span(2, 3, Kind.LABEL, "wave"), Span(5, 9, Kind.NOTHING)]
    assert shown(clipped(spans, 1, 6)) == [(1, 2, "walk"), (2, 3, "wave"), (5, 6, "no label")]
