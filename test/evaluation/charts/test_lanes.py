"""Bars lie where their times are."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from co_perception.evaluation.charts.lanes import LEFT, RIGHT, WIDTH, Lane, draw_lanes, round_times, strips
from co_perception.evaluation.spans import Kind, Span

TRUTH = [Span(0, 5, Kind.LABEL, "walk"), Span(5, 10, Kind.NOTHING)]
SAID = [Span(0, 1, Kind.WARMING_UP), Span(1, 6, Kind.LABEL, "walk"), Span(8, 10, Kind.LABEL, "wave")]


def drawn(lanes: list[Lane], begin_s: float = 0, end_s: float = 10) -> ElementTree.Element:
    return ElementTree.fromstring(draw_lanes(lanes, begin_s, end_s, {"walk": 3}, "kitchen"))


def test_bars() -> None:
    bars = drawn([Lane("p", TRUTH, SAID)]).findall("rect")
    assert [(bar.get("class"), bar[0].text) for bar in bars] == [
        ("c3", "truth: walk, 0.00 to 5.00 s"),
        ("pale", "truth: no label, 5.00 to 10.00 s"),
        ("warm", "said: warming up, 0.00 to 1.00 s"),
        ("c3", "said: walk, 1.00 to 6.00 s"),
        ("other", "said: wave, 8.00 to 10.00 s"),
    ]
    second = (WIDTH - LEFT - RIGHT) / 10
    starts, lengths = [LEFT + k * second for k in (0, 5, 0, 1, 8)], [k * second for k in (5, 5, 1, 5, 2)]
    assert [float(bar.get("x", 0)) for bar in bars] == pytest.approx(starts, abs=0.02)
    assert [float(bar.get("width", 0)) for bar in bars] == pytest.approx(lengths, abs=0.02)
    assert len({bar.get("y") for bar in bars}) == 2


def test_subjects_who_are_away_have_no_row() -> None:
    lanes = [Lane("p", TRUTH, SAID), Lane("late", [], [Span(20, 30, Kind.NOTHING)])]
    assert "late" not in {text.text for text in drawn(lanes).findall("text")}
    assert "late" in {text.text for text in drawn(lanes, 0, 25).findall("text")}


def test_a_label_is_written_where_there_is_room() -> None:
    words = [text.text or "" for text in drawn([Lane("p", TRUTH, SAID)], 0, 600).findall("text")]
    assert "walk" not in words
    long = [Span(0, 1, Kind.LABEL, "climbing a ladder, with a bucket")]
    words = [text.text or "" for text in drawn([Lane("p", long, [])]).findall("text")]
    assert [word for word in words if word.startswith("climb")] == ["climbing a la…"]


def test_long_recordings_are_folded() -> None:
    assert strips(0, 100) == [(0, 100)]
    assert strips(0, 300) == [(0, 150), (150, 300)]
    assert strips(0, 3600)[-1] == (3000, 3600) and len(strips(0, 3600)) == 6


def test_times_on_the_axis_are_round() -> None:
    assert round_times(0, 90) == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert round_times(601, 1200) == [660, 720, 780, 840, 900, 960, 1020, 1080, 1140, 1200]
    assert round_times(5, 5.3) == [5.0, 5.1, 5.2, 5.3]
    assert len(round_times(0, 1e6)) == 11
