"""Colors differ, measured by published models of color vision, CIELAB and WCAG; time series have them."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from co_perception.evaluation.plots.style import (
    COLORS,
    DARK,
    GRAY,
    LIGHT,
    Panel,
    color_indices,
    contrast,
    draw_time_series,
    ink_on,
)

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


def linear(color: str) -> NDArray[np.float64]:
    parts = np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def cielab(light: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, z = np.cbrt(XYZ @ np.clip(light, 0, 1) / XYZ.sum(axis=1))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISIONS)
def test_any_two_colors_differ_for_everybody(vision: str) -> None:
    visible = [cielab(np.array(VISIONS[vision]) @ linear(color)) for color in (*COLORS, GRAY)]
    assert min(np.linalg.norm(one - other) for one, other in combinations(visible, 2)) > 12


def test_text_on_a_color_can_be_read() -> None:
    assert contrast(DARK, LIGHT) > 17
    assert contrast("#777777", LIGHT) == pytest.approx(4.48, abs=0.01)  # the gray that just fails
    assert min(contrast(ink_on(color), color) for color in (*COLORS, GRAY)) > 4.5


def test_the_labels_that_last_longest_have_colors() -> None:
    assert color_indices([("sit", 1.0), ("walk", 2.0), ("sit", 1.5), ("run", 2.0)], most=2) == {"sit": 0, "run": 1}


def pixels(path: Path) -> np.ndarray:
    import matplotlib.image

    return np.asarray(matplotlib.image.imread(str(path)))[..., :3]


SECOND = [int(COLORS[1][k : k + 2], 16) for k in (1, 3, 5)]


def draw(path: Path, *values: list[float]) -> np.ndarray:
    times = {name: list(np.linspace(0, 10, 50)) for name in "ab"}
    panels = [Panel(f"panel {n}", {name: v for name, v in zip("ab", values, strict=False)}) for n in range(2)]
    draw_time_series(times, panels, path, title="a run", warm_up=2.0)
    return pixels(path)


def test_every_line_has_its_color_in_every_panel(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    nan = float("nan")
    one = draw(tmp_path / "1.png", [3.0] * 50)
    two = draw(tmp_path / "2.png", [3.0] * 50, [nan] * 10 + [1.0] * 40)
    second = np.abs(two - np.array(SECOND) / 255).max(axis=2) < 0.05
    rows = np.flatnonzero(second[:, : int(second.shape[1] * 0.7)].any(axis=1))
    middle = second.shape[0] / 2
    assert (rows < middle).any() and (rows > middle).any()
    assert not (np.abs(one - np.array(SECOND) / 255).max(axis=2) < 0.05)[:, : one.shape[1] * 7 // 10].any()


def test_nothing_to_draw_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="panel"):
        draw_time_series({}, [], tmp_path / "x.png", title="", warm_up=0.0)
