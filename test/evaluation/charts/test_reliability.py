"""The reliability diagram shows the bins it is given."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from co_perception.evaluation.charts.reliability import SIDE, draw_reliability
from co_perception.evaluation.metrics.calibration import reliability


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
