"""Colors and style of all figures, and figures of time series. matplotlib is imported here only, when it is needed.

The first six colors are those of Okabe and Ito, Color Universal Design, 2008, which people with any color vision can
tell apart. The others are as far from these, and from the gray of labels without a color, as colors can be that are
seen on white and on black; test_style.py measures it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes  # for the other files here too

COLORS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#9911ff", "#773311", "#ddbb77", "#5533bb",
)  # fmt: skip
GRAY = "#666666"
DARK, LIGHT = "#14181d", "#ffffff"
INK, FAINT, PALE = "#1f2933", "#6b7785", "#eef1f4"  # text, secondary text and areas without a label
PANEL_IN, WIDTH_IN = 1.5, 10.0  # of time series [inches]


def luminance(color: str) -> float:
    """Relative luminance 0..1 of "#rrggbb", as WCAG 2.2 defines it."""
    parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio 1..21 of WCAG 2.2; text needs 4.5."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def ink_on(color: str) -> str:
    """The color of text on `color`."""
    return max(DARK, LIGHT, key=lambda ink: contrast(ink, color))


def color_indices(seconds: Iterable[tuple[str, float]], most: int = len(COLORS)) -> dict[str, int]:
    """The index in COLORS of the labels that last longest in all; the others have none. Ties go by name.

    Args:
        seconds: (label, duration) of each segment.
        most: number of labels.
    """
    total: defaultdict[str, float] = defaultdict(float)
    for label, duration in seconds:
        total[label] += duration
    ordered = sorted(total, key=lambda label: (-total[label], label))
    return {label: index for index, label in enumerate(ordered[:most])}


def pyplot() -> Any:
    """`matplotlib.pyplot` for drawing into files. Raises ImportError that names the extra where it is missing."""
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(f"drawing needs matplotlib: pip install 'co_perception[bench]'. ({error})") from error
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def bare(axis: Axes) -> None:
    """Hides the frame of an axis, but for the line below."""
    axis.tick_params(colors=INK, length=0, labelsize=9)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.spines["bottom"].set_color("#cbd2d9")


@dataclass(frozen=True)
class Panel:
    """One quantity over time.

    Args:
        title: quantity and unit.
        lines: values by name, each as long as the times.
    """

    title: str
    lines: Mapping[str, Sequence[float]]


def draw_time_series(
    times: Mapping[str, Sequence[float]], panels: Sequence[Panel], path: Path | str, *, title: str, warm_up: float
) -> None:
    """Writes a figure with a panel for each quantity and a line in it for each thing that has one.

    Args:
        times: minutes, by the names that lines have.
        panels: from top to bottom; values from 0 up.
        path: file to write; its suffix says the format.
        title: above all.
        warm_up: minute up to which it is shaded.

    Raises:
        ValueError: without a panel.
        ImportError: as `pyplot`.
    """
    if not panels:
        raise ValueError("a picture needs at least one panel.")
    plt = pyplot()
    size = (WIDTH_IN, PANEL_IN * len(panels) + 1.0)
    figure, axes = plt.subplots(len(panels), 1, sharex=True, figsize=size, squeeze=False, layout="constrained")
    try:
        colors = dict(zip(times, COLORS * len(times), strict=False))
        for (axis,), panel in zip(axes, panels, strict=True):
            axis.axvspan(0, warm_up, color="#f0f2f5", lw=0)
            for name, values in panel.lines.items():
                axis.plot(times[name], values, color=colors[name], lw=1.3, label=name)
            axis.set_title(panel.title, loc="left", fontsize=9.5, color=INK)
            axis.set_ylim(bottom=0)
            axis.grid(axis="y", color="#e4e7eb", lw=0.7)
            bare(axis)
        axes[-1][0].set_xlabel("minutes; shaded: warm-up", color=FAINT, fontsize=9.5)
        axes[-1][0].set_xlim(0, max(max(minutes) for minutes in times.values()))
        handles = [plt.Line2D([], [], color=color, lw=2, label=name) for name, color in colors.items()]
        figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=9.5, labelcolor=INK)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK)
        figure.savefig(path, dpi=110)
    finally:
        plt.close(figure)
