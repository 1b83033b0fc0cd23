"""Rows of bars: what is drawn for whom, from when to when."""

from typing import Any

import pytest

pytest.importorskip("matplotlib")

from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from co_perception.evaluation.colours import COLOURS, GREY
from co_perception.evaluation.moments import Moment
from co_perception.evaluation.rows import PALE, WARMING_UP, draw_rows, label_colours


def moments(*told: tuple[float, str]) -> list[Moment]:
    """`cold` is warming up, the empty string is warm and without a label."""
    return [
        Moment(time_s, "" if label == "cold" else label, 1.0, ((label, 0.8),), label != "cold")
        for time_s, label in told
    ]


P1 = moments((0.0, "cold"), (0.1, "cold"), (0.2, "walk"), (0.3, "walk"), (0.4, ""))
P2 = moments((0.1, "wave"), (0.2, "wave"), (1.0, "wave"), (1.1, "wave"))


@pytest.fixture
def drawn() -> Any:
    axes = Figure().subplots()
    colours = label_colours({"p1": P1, "p2": P2})
    draw_rows(axes, {"p1": P1, "p2": P2}, 1.2, colours, {"p1": "#ffcc00"})
    return axes, colours


def bars(axes: Any, row: int) -> list[Any]:
    return [bar for bar in axes.patches if round(bar.get_y() + bar.get_height() / 2) == row]


def spans(axes: Any, row: int) -> list[tuple[float, float]]:
    return [(round(bar.get_x(), 3), round(bar.get_x() + bar.get_width(), 3)) for bar in bars(axes, row)]


def test_a_bar_reaches_to_the_next_one_and_the_last_for_a_frame(drawn: Any) -> None:
    assert spans(drawn[0], 0) == [(0.0, 0.2), (0.2, 0.4), (0.4, 0.5)]


def test_where_somebody_is_not_seen_nothing_is_drawn(drawn: Any) -> None:
    assert spans(drawn[0], 1) == [(0.1, 0.3), (1.0, 1.2)]


def test_a_single_answer_stands_until_the_end() -> None:
    axes = Figure().subplots()
    draw_rows(axes, {"p1": moments((0.5, "walk"))}, 1.2, {}, {})
    assert spans(axes, 0) == [(0.5, 1.2)]


def test_warm_up_is_hatched_and_no_label_is_pale(drawn: Any) -> None:
    axes, colours = drawn
    cold, walk, nothing = bars(axes, 0)
    assert cold.get_hatch() == WARMING_UP["hatch"]
    assert (walk.get_hatch(), nothing.get_hatch()) == (None, None)
    assert to_hex(walk.get_facecolor()) == colours["walk"]
    assert to_hex(nothing.get_facecolor()) == PALE


def test_rows_are_named_the_first_on_top_with_their_badges(drawn: Any) -> None:
    axes, _ = drawn
    names = {text.get_text(): text for text in axes.texts if text.get_text() in ("p1", "p2")}
    assert names["p1"].xy[1] == 0 and names["p2"].xy[1] == 1
    assert to_hex(names["p1"].get_bbox_patch().get_facecolor()) == "#ffcc00"
    assert names["p2"].get_bbox_patch() is None
    bottom, top = axes.get_ylim()
    assert bottom > top


def test_wide_bars_say_their_label(drawn: Any) -> None:
    assert "wave" in [text.get_text() for text in drawn[0].texts]


def test_colours_go_to_those_named_first_then_to_the_longest() -> None:
    found = label_colours({"p1": P1, "p2": P2}, first=["scene"])
    assert list(found) == ["scene", "wave", "walk"]
    assert list(found.values()) == list(COLOURS[:3])


def test_labels_beyond_the_last_colour_are_grey() -> None:
    many = moments(*((index / 10, f"label {index:02}") for index in range(len(COLOURS) + 1)))
    colours = label_colours({"p1": many})
    axes = Figure().subplots()
    draw_rows(axes, {"p1": many}, 2.0, colours, {})
    assert len(colours) == len(COLOURS)
    assert to_hex(bars(axes, 0)[-1].get_facecolor()) == GREY
