"""Axes have round numbers; images have a title."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from co_perception.evaluation.charts.svg import chart, duration, ticks, words


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0, 21.3, [0, 5, 10, 15, 20]),
        (0, 3, [0, 0.5, 1, 1.5, 2, 2.5, 3]),
        (13, 187, [50, 100, 150]),
        (0, 0.004, [0, 0.001, 0.002, 0.003, 0.004]),
        (7, 7, [7]),
    ],
)
def test_ticks(low: float, high: float, found: list[float]) -> None:
    assert list(ticks(low, high)) == found


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0 s"), (12.5, "12.5 s"), (75, "1:15 min"), (3599.7, "1:00:00 h"), (3725, "1:02:05 h")]
)
def test_durations(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_an_image_tells_what_it_shows() -> None:
    root = ElementTree.fromstring(chart(10, 20, "A & B", "two", words(1, 2, "<x>", turn=-90)))
    assert (root.get("role"), root.get("viewBox")) == ("img", "0 0 10 20")
    assert [child.text for child in root] == ["A & B", "two", "<x>"]
    assert root[2].get("transform") == "rotate(-90 1 2)"
