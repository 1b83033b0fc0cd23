"""What a report's timelines are drawn from, and that bars lie where their times are."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

import pytest
from helpers.synthetic_recordings import recording_of, tracked

from co_perception.engine.time import NANO
from co_perception.evaluation.ground_truth import Protocol
from co_perception.evaluation.metrics.segments import Segment, SegmentKind
from co_perception.evaluation.report.timelines import (
    LEFT,
    RIGHT,
    WIDTH,
    Lane,
    draw_lanes,
    round_times,
    strips,
    true_segments,
)

CLASSES = ("walk", "wave")


def shown(segments: Sequence[Segment]) -> list[tuple[float, float, str]]:
    return [(each.start_ns / NANO, each.end_ns / NANO, each.label or each.kind.value) for each in segments]


def test_predicted_segments() -> None:
    predicted = ["~", "x", "-", "walk", "x", "walk", "wave", *"." * 15, "~", "wave", "_", "_", "walk"]
    [track] = tracked(recording_of(["walk"] * len(predicted), predicted, CLASSES), CLASSES).tracks
    assert shown(track.shown) == [
        (0.0, 0.2, "warming up"),
        (0.2, 0.3, "no label"),
        (0.3, 0.6, "walk"),  # a frame that was dropped leaves what stood
        (0.6, 1.6, "wave"),  # as long as a frame may stand
        (2.2, 2.3, "warming up"),
        (2.3, 2.4, "wave"),
        (2.6, 2.7, "walk"),  # before it somebody was out of sight
    ]


@pytest.mark.parametrize("background", ["", "none"])
def test_true_segments(background: str) -> None:
    true = [*"..", "walk", "walk", "wave", *"....", "wave"]
    recording = tracked(recording_of(true, ["walk"] * len(true), CLASSES), CLASSES, Protocol(background))
    known = [(0.2, 0.4, "walk"), (0.4, 0.5, "wave"), (0.9, 1.0, "wave")]
    free = [(0.0, 0.2, "no label"), (0.5, 0.9, "no label")]
    found = true_segments(recording.truth, recording.tracks[0].subject, 0, NANO)
    assert shown(found) == sorted(known + (free if background else []))


ORIGIN_NS = 1_700_000_000 * NANO


def segment(start_s: int, end_s: int, label: str = "", kind: SegmentKind = SegmentKind.LABEL) -> Segment:
    start_ns = ORIGIN_NS + start_s * NANO
    return Segment(start_ns, ORIGIN_NS + end_s * NANO, label, start_ns, kind)


TRUTH = [segment(0, 5, "walk"), segment(5, 10, kind=SegmentKind.NO_LABEL)]
PREDICTED = [segment(0, 1, kind=SegmentKind.WARMING_UP), segment(1, 6, "walk"), segment(8, 10, "wave")]


def drawn(lanes: list[Lane], begin_s: float = 0, end_s: float = 10) -> ElementTree.Element:
    return ElementTree.fromstring(draw_lanes(lanes, ORIGIN_NS, begin_s, end_s, {"walk": 3}, "kitchen"))


def test_bars() -> None:
    bars = drawn([Lane("p", TRUTH, PREDICTED)]).findall("rect")
    assert [(bar.get("class"), bar[0].text) for bar in bars] == [
        ("c3", "truth: walk, 0.00 to 5.00 s"),
        ("pale", "truth: no label, 5.00 to 10.00 s"),
        ("warm", "prediction: warming up, 0.00 to 1.00 s"),
        ("c3", "prediction: walk, 1.00 to 6.00 s"),
        ("other", "prediction: wave, 8.00 to 10.00 s"),
    ]
    second = (WIDTH - LEFT - RIGHT) / 10
    starts, lengths = [LEFT + k * second for k in (0, 5, 0, 1, 8)], [k * second for k in (5, 5, 1, 5, 2)]
    assert [float(bar.get("x", 0)) for bar in bars] == pytest.approx(starts, abs=0.02)
    assert [float(bar.get("width", 0)) for bar in bars] == pytest.approx(lengths, abs=0.02)
    assert len({bar.get("y") for bar in bars}) == 2


def test_subjects_who_are_away_have_no_row() -> None:
    lanes = [Lane("p", TRUTH, PREDICTED), Lane("late", [], [segment(20, 30, kind=SegmentKind.NO_LABEL)])]
    assert "late" not in {text.text for text in drawn(lanes).findall("text")}
    assert "late" in {text.text for text in drawn(lanes, 0, 25).findall("text")}


def test_a_label_is_written_where_there_is_room() -> None:
    words = [text.text or "" for text in drawn([Lane("p", TRUTH, PREDICTED)], 0, 600).findall("text")]
    assert "walk" not in words
    long = [segment(0, 1, "climbing a ladder, with a bucket")]
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
