"""Figures over time as one picture: a panel for each quantity, a line in it for each thing that has one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from co_perception.evaluation.pyplot import bare, pyplot
from co_perception.evaluation.rows import FAINT, INK

COLOURS = ("#1f6feb", "#d1495b", "#2a9d8f", "#e09f3e", "#6c4ab6", "#52606d")
PANEL_IN, WIDTH_IN = 1.5, 10.0


@dataclass(frozen=True)
class Panel:
    """title: quantity and unit; lines: values by name, each as long as the times."""

    title: str
    lines: Mapping[str, Sequence[float]]


def draw_lines(
    times: Mapping[str, Sequence[float]], panels: Sequence[Panel], path: Path | str, *, title: str, warm_up: float
) -> None:
    """Writes the picture; its suffix says the format.

    Args:
        times: minutes, by the names that lines have.
        panels: from top to bottom; values from 0 up.
        path: file to write.
        title: above all.
        warm_up: minute up to which it is shaded.

    Raises: ValueError without a panel; ImportError as `pyplot`.
    """
    if not panels:
        raise ValueError("a picture needs at least one panel.")
    plt = pyplot()
    size = (WIDTH_IN, PANEL_IN * len(panels) + 1.0)
    figure, axes = plt.subplots(len(panels), 1, sharex=True, figsize=size, squeeze=False, layout="constrained")
    try:
        colours = dict(zip(times, COLOURS * len(times), strict=False))
        for (axis,), panel in zip(axes, panels, strict=True):
            axis.axvspan(0, warm_up, color="#f0f2f5", lw=0)
            for name, values in panel.lines.items():
                axis.plot(times[name], values, color=colours[name], lw=1.3, label=name)
            axis.set_title(panel.title, loc="left", fontsize=9.5, color=INK)
            axis.set_ylim(bottom=0)
            axis.grid(axis="y", color="#e4e7eb", lw=0.7)
            bare(axis)
        axes[-1][0].set_xlabel("minutes; shaded: warm-up", color=FAINT, fontsize=9.5)
        axes[-1][0].set_xlim(0, max(max(minutes) for minutes in times.values()))
        handles = [plt.Line2D([], [], color=colour, lw=2, label=name) for name, colour in colours.items()]
        figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=9.5, labelcolor=INK)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK)
        figure.savefig(path, dpi=110)
    finally:
        plt.close(figure)
