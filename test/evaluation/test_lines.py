"""Figures over time as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from co_perception.evaluation.lines import Panel, draw_lines


def pixels(path: Path) -> np.ndarray:
    import matplotlib.image

    return np.asarray(matplotlib.image.imread(str(path)))[..., :3]


def draw(path: Path, *values: list[float]) -> np.ndarray:
    times = {name: list(np.linspace(0, 10, 50)) for name in "ab"}
    panels = [Panel(f"panel {n}", {name: v for name, v in zip("ab", values, strict=False)}) for n in range(2)]
    draw_lines(times, panels, path, title="a run", warm_up=2.0)
    return pixels(path)


def test_every_line_has_its_colour_in_every_panel(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    nan = float("nan")
    one = draw(tmp_path / "1.png", [3.0] * 50)
    two = draw(tmp_path / "2.png", [3.0] * 50, [nan] * 10 + [1.0] * 40)
    red = np.abs(two - np.array([0xD1, 0x49, 0x5B]) / 255).max(axis=2) < 0.05
    rows = np.flatnonzero(red[:, : int(red.shape[1] * 0.7)].any(axis=1))
    middle = red.shape[0] / 2
    assert (rows < middle).any() and (rows > middle).any()
    assert not (np.abs(one - np.array([0xD1, 0x49, 0x5B]) / 255).max(axis=2) < 0.05)[:, : one.shape[1] * 7 // 10].any()


def test_nothing_to_draw_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="panel"):
        draw_lines({}, [], tmp_path / "x.png", title="", warm_up=0.0)
