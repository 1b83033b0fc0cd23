"""Plots of the results. The only file here that needs matplotlib (`pip install 'co_perception[bench]'`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.results import Row, number
from co_perception.evaluation.plots.style import COLORS, GRAY

# What is compared, from the top of a network's bars to the bottom, and in which color.
SERIES = {"clip, every frame anew": GRAY, "reference": COLORS[1], "eager": COLORS[5], "fastest backend": COLORS[0]}
BAR = 0.2


def bars_of(rows: Sequence[Row]) -> dict[str, dict[str, tuple[float, str]]]:
    """For each network: milliseconds and their label, by series. Series without a measurement are left out."""
    found: dict[str, dict[str, tuple[float, str]]] = {}
    for network in dict.fromkeys(row.network for row in rows):
        mine = [row for row in rows if row.network == network]
        fastest = min(mine, key=lambda row: row.ms_p50)
        values = {
            "clip, every frame anew": (mine[0].clip_ms_p50, ""),
            "reference": (mine[0].reference_ms_p50, ""),
            "eager": (next((row.ms_p50 for row in mine if row.backend == "eager"), None), ""),
            "fastest backend": (fastest.ms_p50 if fastest.backend != "eager" else None, f", {fastest.backend}"),
        }
        found[network] = {
            series: (value, number(value) + words) for series, (value, words) in values.items() if value is not None
        }
    return found


def steps(rows: Sequence[Row], path: Path, subtitle: str) -> None:
    """Milliseconds of a step, one group of bars per network, on a logarithmic axis."""
    groups = bars_of(rows)
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(10, 1.2 + 0.72 * len(groups)), layout="constrained")
    for place, bars in enumerate(groups.values()):
        for offset, (series, (value, words)) in enumerate(bars.items()):
            y = place + (offset - (len(bars) - 1) / 2) * BAR
            axes.barh(y, value, BAR * 0.92, color=SERIES[series])
            axes.annotate(words, (value, y), (3, 0), textcoords="offset points", va="center", fontsize=7)
    strides = {row.network: row.frames_per_step for row in rows}
    named = [name if strides[name] == 1 else f"{name}\n({strides[name]} frames)" for name in groups]
    axes.set_yticks(range(len(groups)), named)
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    lowest = min(value for bars in groups.values() for value, _ in bars.values())
    highest = max(value for bars in groups.values() for value, _ in bars.values())
    axes.set_xlim(lowest / 2, highest * 4)
    axes.set_xlabel("milliseconds of a step, median (logarithmic)")
    axes.set_title(subtitle, fontsize=9, loc="left", color=GRAY)
    handles = [plt.Rectangle((0, 0), 1, 1, color=color) for color in SERIES.values()]
    figure.legend(handles, list(SERIES), loc="outside upper center", ncols=len(SERIES), frameon=False)
    _tidy(axes)
    _save(figure, path)


def lines(
    series: Mapping[str, Mapping[float, float]], path: Path, labels: tuple[str, str], subtitle: str, even: bool = False
) -> None:
    """One line per name over its values' keys, both axes logarithmic to base 2. even: a line at 1 to compare with."""
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    if even:
        axes.axhline(1, color=GRAY, lw=1, ls=":")
    for color, (name, values) in zip(COLORS, series.items(), strict=False):
        axes.plot(list(values), list(values.values()), "o-", color=color, label=name, ms=4)
    axes.set_xscale("log", base=2)
    ticks = sorted({key for values in series.values() for key in values})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.set_ylim(bottom=0)
    axes.set_title(subtitle, fontsize=9, loc="left", color=GRAY)
    axes.legend(frameon=False)
    _tidy(axes)
    _save(figure, path)


def _tidy(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="both", alpha=0.25, lw=0.6)
    axes.set_axisbelow(True)


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, facecolor="white")
    _pyplot().close(figure)


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install 'co_perception[bench]'") from error
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt
