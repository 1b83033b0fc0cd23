"""Colours that can be told apart, measured by what others publish: Machado's colour vision, CIELAB, WCAG."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from co_perception.evaluation.colours import COLOURS, DARK, GREY, LIGHT, contrast, ink_on, places

# Machado, Oliveira and Fernandes, IEEE Transactions on Visualization and Computer Graphics 2009: severity 1.0.
VISIONS = {
    "full": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "no long cones": [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998],
    ],
    "no medium cones": [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881],
    ],
    "no short cones": [
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900],
    ],
}  # fmt: skip
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> NDArray[np.float64]:
    parts = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def cielab(light: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, z = np.cbrt(XYZ @ np.clip(light, 0, 1) / XYZ.sum(axis=1))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISIONS)
def test_any_two_colours_differ_for_everybody(vision: str) -> None:
    seen = [cielab(np.array(VISIONS[vision]) @ linear(colour)) for colour in (*COLOURS, GREY)]
    assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) > 12


def test_text_on_a_colour_can_be_read() -> None:
    assert contrast(DARK, LIGHT) > 17
    assert contrast("#777777", LIGHT) == pytest.approx(4.48, abs=0.01)  # the grey that just fails
    assert min(contrast(ink_on(colour), colour) for colour in (*COLOURS, GREY)) > 4.5


def test_the_labels_that_last_longest_have_colours() -> None:
    assert places([("sit", 1.0), ("walk", 2.0), ("sit", 1.5), ("run", 2.0)], most=2) == {"sit": 0, "run": 1}
