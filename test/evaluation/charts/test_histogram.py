"""Latencies as bars: every one counted, the very longest told."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from co_perception.evaluation.charts.histogram import draw_latencies


def test_every_latency_counts_once() -> None:
    values = np.random.default_rng(0).gamma(5, 2, 2000).tolist() + [900.0]
    root = ElementTree.fromstring(draw_latencies(values, {"p50": 9.3, "p95": 18.0, "p99": None}))
    told = [bar[0].text or "" for bar in root.findall("rect")]
    counts = [int(words.split()[0]) for words in told]
    words = [text.text or "" for text in root.findall("text")]
    beyond = next(word for word in words if "longer than" in word)
    longer = int(beyond.split()[0])
    assert sum(counts) + longer == len(values) and 1 <= longer <= 11
    assert beyond.endswith("the longest took 900.0 ms")
    assert {"p50 9.3", "p95 18"} <= set(words) and not [word for word in words if word.startswith("p99")]
    for bar, count in zip(told, counts, strict=True):
        low, high = map(float, re.findall(r"[\d.]+", bar)[1:])
        assert sum(low <= value <= high for value in values) == pytest.approx(count, abs=6)


def test_all_the_same() -> None:
    root = ElementTree.fromstring(draw_latencies([4.0] * 3, {"p50": 4.0}))
    assert [bar[0].text for bar in root.findall("rect")] == ["3 frames from 3.99 to 4.10 ms"]


def test_none_at_all() -> None:
    with pytest.raises(ValueError, match="at least one latency"):
        draw_latencies([], {})
