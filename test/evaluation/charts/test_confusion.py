"""The confusion matrix, from one class to hundreds."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from co_perception.evaluation.charts.confusion import MOST, OTHERS, draw_confusion, occurring


def cells(svg: str) -> dict[str, float]:
    found = {}
    for rect in ElementTree.fromstring(svg).findall("rect"):
        if len(rect):
            found[rect[0].text or ""] = float(rect.get("fill-opacity", 1))
    return found


def test_numbers_and_shades() -> None:
    svg = draw_confusion(("walk", "wave"), np.array([[6.0, 2.0], [0.0, 5.0]]))
    found = cells(svg)
    assert list(found) == [
        "walk said to be walk: 6 frames, 75.0% of the row",
        "walk said to be wave: 2 frames, 25.0% of the row",
        "wave said to be wave: 5 frames, 100.0% of the row",
    ]
    shades = list(found.values())
    assert shades[1] < shades[0] < shades[2] < 0.8
    walk, walk_as_wave, wave = (rect for rect in ElementTree.fromstring(svg).findall("rect") if len(rect))
    assert walk.get("y") == walk_as_wave.get("y") and walk_as_wave.get("x") == wave.get("x") != walk.get("x")
    words = [text.text for text in ElementTree.fromstring(svg).findall("text")]
    assert words[-6:] == ["75%", "6", "25%", "2", "100%", "5"]


@pytest.mark.parametrize("classes", [1, 3, 14, 25, 60])
def test_it_fits_on_a_page(classes: int) -> None:
    names = [f"activity number {k}" for k in range(classes)]
    root = ElementTree.fromstring(draw_confusion(names, np.eye(classes) * 12_345 + 1))
    assert len(root.findall("rect")) == classes**2 + 1
    assert float(root.get("width", 0)) < 1000
    numbers = [text.text for text in root.findall("text") if (text.text or "")[-1] in "%k"]
    assert bool(numbers) == (classes < 25)


def test_classes_that_do_not_occur_are_left_out() -> None:
    counts = np.zeros((400, 400))
    counts[7, 7], counts[7, 300] = 3, 1
    names, kept = occurring([str(k) for k in range(400)], counts)
    assert names == ("7", "300")
    assert kept.tolist() == [[3, 1], [0, 0]]
    assert occurring(["a"], np.zeros((1, 1)))[0] == ()


def test_beyond_the_most_the_rarest_are_one() -> None:
    counts = np.diag(np.arange(1.0, 101.0))
    counts[0, 99] = 7
    names, kept = occurring([str(k) for k in range(100)], counts)
    assert len(names) == MOST and names[-1] == OTHERS and names[0] == "41"
    assert kept.sum() == counts.sum()
    assert kept[-1, -1] == np.arange(1, 42).sum() and kept[-1, -2] == 7
