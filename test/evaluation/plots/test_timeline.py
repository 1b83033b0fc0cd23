"""A run becomes a picture: curves of the scene, and for each subject a row of bars where its segments are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.synthetic_recordings import scored

pytest.importorskip("matplotlib")

from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from co_perception.engine.target import Status
from co_perception.engine.time import NANO
from co_perception.evaluation.plots.style import COLORS, GRAY, PALE
from co_perception.evaluation.plots.timeline import (
    WARM_UP_STYLE,
    curve,
    draw_rows,
    draw_timeline,
    label_colors,
    leading,
    run_segments,
    time_range,
)
from co_perception.evaluation.records import FrameRecord

CLASSES = ("run", "sit", "fall", "wave", "walk")
COLD, UNSURE = Status.WARMING_UP, Status.UNCERTAIN
ORIGIN_NS = 1_700_000_000 * NANO


def moment(index: int, status: Status = Status.VALID, **scores: float) -> FrameRecord:
    """The record of a tenth of a second."""
    return scored(ORIGIN_NS + index * NANO // 10, scores, CLASSES, status, progress=min(index / 4, 1.0))


RUN = [
    moment(0, COLD),
    moment(1, COLD, run=0.5, sit=0.3),
    moment(2, sit=0.6, run=0.2),
    moment(3, sit=0.7, fall=0.2),
    moment(4, fall=0.9, sit=0.1),
]
PERSON = [moment(index, wave=0.9) for index in (2, 3, 4)]
P1 = [moment(0, COLD), moment(1, COLD), moment(2, walk=0.8), moment(3, walk=0.8), moment(4, UNSURE, walk=0.3)]
P2 = [moment(index, wave=0.8) for index in (1, 2, 10, 11)]


def rows(end: int, **tracks: list[FrameRecord]) -> tuple[Any, dict[str, str]]:
    """Axes with a row for each subject, and the colors of their labels; the run ends at the tenth `end`."""
    axes = Figure().subplots()
    end_ns = ORIGIN_NS + end * NANO // 10
    colors = label_colors(tracks, CLASSES)
    segments = {name: run_segments(records, CLASSES, end_ns) for name, records in tracks.items()}
    draw_rows(axes, segments, colors, {"p1": "#ffcc00"}, ORIGIN_NS, end / 10)
    return axes, colors


@pytest.fixture
def drawn() -> tuple[Any, dict[str, str]]:
    return rows(12, p1=P1, p2=P2)


def bars(axes: Any, row: int) -> list[Any]:
    return [bar for bar in axes.patches if round(bar.get_y() + bar.get_height() / 2) == row]


def spans(axes: Any, row: int) -> list[tuple[float, float]]:
    return [(round(bar.get_x(), 3), round(bar.get_x() + bar.get_width(), 3)) for bar in bars(axes, row)]


def test_the_labels_that_led_longest_come_first() -> None:
    assert leading(RUN, CLASSES, 6) == ["sit", "run", "fall"]  # the last two are even
    assert leading(RUN, CLASSES, 1) == ["sit"]


def test_a_score_that_was_not_told_is_unknown_not_zero() -> None:
    values = curve(RUN, CLASSES.index("run"))
    assert np.isnan(values[[0, 3, 4]]).all()
    assert values[1:3] == pytest.approx([0.5, 0.2])
    assert np.isnan(curve(RUN, len(CLASSES))).all()  # a class that was first named later


def test_a_run_lasts_as_long_after_its_last_answer_as_answers_are_apart() -> None:
    assert time_range([RUN[:3], RUN[2:4]]) == (ORIGIN_NS, ORIGIN_NS + 4 * NANO // 10)
    assert time_range([RUN[:1]]) == (ORIGIN_NS, ORIGIN_NS + NANO)


def test_a_picture_is_written(tmp_path: Path) -> None:
    chapters = [(ORIGIN_NS, "one"), (RUN[3].stamp_ns, "two")]
    common: Any = {"title": "A run", "origin_ns": ORIGIN_NS, "chapters": chapters}
    draw_timeline({"": RUN}, CLASSES, tmp_path / "run.png", subtitle="by nobody", **common)
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
    draw_timeline({"": RUN, "p1": PERSON}, CLASSES, tmp_path / "run.svg", **common)
    drawn = (tmp_path / "run.svg").read_text()
    assert all(word in drawn for word in ("A run", "scene", "p1", "warming up", "two", "fall", "wave"))


def test_without_a_scene_there_are_rows_only(tmp_path: Path) -> None:
    draw_timeline({"p1": PERSON}, CLASSES, tmp_path / "people.svg", title="A person")
    drawn = (tmp_path / "people.svg").read_text()
    assert "p1" in drawn and "probability" not in drawn


@pytest.mark.parametrize("run", [RUN[:1], [RUN[2]], RUN[:2]], ids=["one, cold", "one, warm", "never warm"])
def test_short_runs_are_drawn_too(tmp_path: Path, run: list[FrameRecord]) -> None:
    draw_timeline({"": run}, CLASSES, tmp_path / "run.png", title="A run")
    assert (tmp_path / "run.png").stat().st_size > 0


@pytest.mark.parametrize("tracks", [{}, {"": []}])
def test_an_empty_run_is_refused(tmp_path: Path, tracks: dict[str, list[FrameRecord]]) -> None:
    with pytest.raises(ValueError, match="at least one moment"):
        draw_timeline(tracks, CLASSES, tmp_path / "run.png", title="Nothing")


def test_a_bar_reaches_to_the_next_one_and_the_last_for_a_frame(drawn: Any) -> None:
    assert spans(drawn[0], 0) == [(0.0, 0.2), (0.2, 0.4), (0.4, 0.5)]


def test_where_a_subject_is_not_seen_nothing_is_drawn(drawn: Any) -> None:
    assert spans(drawn[0], 1) == [(0.1, 0.3), (1.0, 1.2)]


def test_a_single_answer_stands_until_the_end() -> None:
    assert spans(rows(12, p1=[moment(5, walk=0.8)])[0], 0) == [(0.5, 1.2)]


def test_warm_up_is_hatched_and_no_label_is_pale(drawn: Any) -> None:
    axes, colors = drawn
    cold, walk, nothing = bars(axes, 0)
    assert cold.get_hatch() == WARM_UP_STYLE["hatch"]
    assert (walk.get_hatch(), nothing.get_hatch()) == (None, None)
    assert to_hex(walk.get_facecolor()) == colors["walk"]
    assert to_hex(nothing.get_facecolor()) == PALE


def test_rows_are_named_the_first_on_top_with_their_badges(drawn: Any) -> None:
    axes, _ = drawn
    names = {text.get_text(): text for text in axes.texts if text.get_text() in ("p1", "p2")}
    assert names["p1"].xy[1] == 0 and names["p2"].xy[1] == 1
    assert to_hex(names["p1"].get_bbox_patch().get_facecolor()) == "#ffcc00"
    assert names["p2"].get_bbox_patch() is None
    bottom, top = axes.get_ylim()
    assert bottom > top


def test_wide_bars_have_their_label(drawn: Any) -> None:
    assert "wave" in [text.get_text() for text in drawn[0].texts]


def test_colors_go_to_those_named_first_then_to_the_longest() -> None:
    found = label_colors({"p1": P1, "p2": P2}, CLASSES, first=["scene"])
    assert list(found) == ["scene", "wave", "walk"]
    assert list(found.values()) == list(COLORS[:3])


def test_labels_beyond_the_last_color_are_gray() -> None:
    classes = [f"label {index:02}" for index in range(len(COLORS) + 1)]
    many = [scored(index * NANO // 10, {label: 0.8}, classes) for index, label in enumerate(classes)]
    colors = label_colors({"p1": many}, classes)
    axes = Figure().subplots()
    draw_rows(axes, {"p1": run_segments(many, classes, 2 * NANO)}, colors, {}, 0, 2.0)
    assert len(colors) == len(COLORS)
    assert to_hex(bars(axes, 0)[-1].get_facecolor()) == GRAY
