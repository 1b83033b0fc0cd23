"""Charts of binned frames: the confusion matrix, from one class to hundreds; latencies; the reliability diagram."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from co_perception.evaluation.metrics.calibration import reliability
from co_perception.evaluation.report.charts import (
    MOST,
    OTHERS,
    SIDE,
    draw_confusion,
    draw_latencies,
    draw_reliability,
    occurring,
)


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
        "walk predicted as walk: 6 frames, 75.0% of the row",
        "walk predicted as wave: 2 frames, 25.0% of the row",
        "wave predicted as wave: 5 frames, 100.0% of the row",
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
    names, retained = occurring([str(k) for k in range(400)], counts)
    assert names == ("7", "300")
    assert retained.tolist() == [[3, 1], [0, 0]]
    assert occurring(["a"], np.zeros((1, 1)))[0] == ()


def test_beyond_the_most_the_rarest_are_one() -> None:
    counts = np.diag(np.arange(1.0, 101.0))
    counts[0, 99] = 7
    names, retained = occurring([str(k) for k in range(100)], counts)
    assert len(names) == MOST and names[-1] == OTHERS and names[0] == "41"
    assert retained.sum() == counts.sum()
    assert retained[-1, -1] == np.arange(1, 42).sum() and retained[-1, -2] == 7


def test_every_latency_counts_once() -> None:
    values = np.random.default_rng(0).gamma(5, 2, 2000).tolist() + [900.0]
    root = ElementTree.fromstring(draw_latencies(values, {"p50": 9.3, "p95": 18.0, "p99": None}))
    titles = [bar[0].text or "" for bar in root.findall("rect")]
    counts = [int(words.split()[0]) for words in titles]
    words = [text.text or "" for text in root.findall("text")]
    beyond = next(word for word in words if "longer than" in word)
    longer = int(beyond.split()[0])
    assert sum(counts) + longer == len(values) and 1 <= longer <= 11
    assert beyond.endswith("the longest took 900.0 ms")
    assert {"p50 9.3", "p95 18"} <= set(words) and not [word for word in words if word.startswith("p99")]
    for bar, count in zip(titles, counts, strict=True):
        low, high = map(float, re.findall(r"[\d.]+", bar)[1:])
        assert sum(low <= value <= high for value in values) == pytest.approx(count, abs=6)


def test_all_the_same() -> None:
    root = ElementTree.fromstring(draw_latencies([4.0] * 3, {"p50": 4.0}))
    assert [bar[0].text for bar in root.findall("rect")] == ["3 frames from 3.99 to 4.10 ms"]


def test_none_at_all() -> None:
    with pytest.raises(ValueError, match="at least one latency"):
        draw_latencies([], {})


def test_heights_are_shares() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    found = reliability(confidence, np.array([True, True, True, False, True, False]), bins=10)
    root = ElementTree.fromstring(draw_reliability(found))
    bars = [rect for rect in root.findall("rect") if rect.get("class") == "c0"]
    assert [float(bar.get("height", 0)) / SIDE for bar in bars] == pytest.approx([0.5, 0.75], abs=1e-3)
    assert [bar[0].text for bar in bars] == [
        "2 frames, confidence 0.550, right 0.500",
        "4 frames, confidence 0.950, right 0.750",
    ]
    assert f"ECE {4 / 6 * 0.2 + 2 / 6 * 0.05:.3f}" in [text.text for text in root.findall("text")]
    assert "largest difference 0.200" in [text.text for text in root.findall("text")]
