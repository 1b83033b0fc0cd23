"""A run of a recogniser as one picture: the scores of its best labels over time. matplotlib is imported here only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

INK, FAINT = "#1f2933", "#8795a1"
COLOURS = ("#0b6e99", "#d9730d", "#3f8f4f", "#a13d63", "#6940a5", "#8a6d1d")


@dataclass(frozen=True)
class Moment:
    """What stood after one frame.

    Args:
        time_s: seconds since the run began, on the frames' own clock.
        label: the label given out; empty while none was.
        progress: share of the receptive field that was real, 0..1.
        hypotheses: (label, probability), best first; labels beyond the last one are not known.
        warm: whether enough had been seen for a label.
    """

    time_s: float
    label: str
    progress: float
    hypotheses: tuple[tuple[str, float], ...]
    warm: bool


def draw_timeline(
    moments: Sequence[Moment],
    path: Path | str,
    *,
    title: str,
    subtitle: str = "",
    chapters: Sequence[tuple[float, str]] = (),
    most: int = 6,
) -> None:
    """Writes the picture of a run.

    Args:
        moments: in order of time, at least one.
        path: file to write; its suffix says the format (.png, .svg, .pdf).
        title: what is shown, in the first line.
        subtitle: by which network and where, in the second.
        chapters: (second, name) where each part of the source begins; marked with a line.
        most: labels drawn at most: those that were best, or second best, for longest.

    Raises: ValueError for an empty run; ImportError that names the extra where matplotlib is missing.
    """
    if not moments:
        raise ValueError("a timeline needs at least one moment: was anything published?")
    plt = _pyplot()
    figure, (scores, ribbon) = plt.subplots(
        2, 1, figsize=(11, 5.4), dpi=140, sharex=True, gridspec_kw={"height_ratios": [7, 1], "hspace": 0.07}
    )
    try:
        times = np.array([moment.time_s for moment in moments])
        colours = dict(zip(leading(moments, most), COLOURS, strict=False))
        end_s = float(times[-1] + (np.median(np.diff(times)) if len(times) > 1 else 1.0))
        _shade_warm_up(scores, moments, end_s)
        _draw_scores(scores, moments, times, end_s, colours)
        _mark_chapters(scores, chapters)
        _draw_ribbon(ribbon, moments, end_s, colours)
        _dress(scores, ribbon, float(times[0]), end_s)
        left = scores.get_position().x0
        figure.text(left, 0.99, title, fontsize=14, fontweight="bold", color=INK)
        figure.text(left, 0.947, subtitle, fontsize=9.5, color=FAINT)
        figure.savefig(path, facecolor="white", bbox_inches="tight", pad_inches=0.25)
    finally:
        plt.close(figure)


def leading(moments: Sequence[Moment], most: int) -> list[str]:
    """The labels that led for longest, a second place counting a tenth of a first; ties in order of appearance."""
    weight: Counter[str] = Counter()
    for moment in moments:
        for (label, _), points in zip(moment.hypotheses, (10, 1), strict=False):
            weight[label] += points
    return [label for label, _ in weight.most_common(most)]


def curve(moments: Sequence[Moment], label: str) -> NDArray[np.float64]:
    """(moments,) probability of `label`; NaN where it is not among the hypotheses."""
    return np.array([dict(moment.hypotheses).get(label, np.nan) for moment in moments])


def stretches(labels: Sequence[str]) -> list[tuple[int, int, str]]:
    """Runs of equal labels as (first, one past last, label)."""
    found: list[tuple[int, int, str]] = []
    for index, label in enumerate(labels):
        if found and found[-1][2] == label:
            found[-1] = (found[-1][0], index + 1, label)
        else:
            found.append((index, index + 1, label))
    return found


def _shade_warm_up(axes: Any, moments: Sequence[Moment], end_s: float) -> None:
    cold = [(first, last) for first, last, warm in stretches(["" if m.warm else "cold" for m in moments]) if warm]
    for first, last in cold:
        until = moments[last].time_s if last < len(moments) else end_s
        axes.axvspan(moments[first].time_s, until, color="#e9edf1", zorder=0, linewidth=0)


def _draw_scores(
    axes: Any, moments: Sequence[Moment], times: NDArray[np.float64], end_s: float, colours: dict[str, str]
) -> None:
    edges = np.append(times, end_s)
    for label, colour in colours.items():
        values = curve(moments, label)
        known = np.append(values, values[-1])
        axes.plot(edges, known, drawstyle="steps-post", color=colour, linewidth=2.2, label=label, zorder=3)
        axes.fill_between(edges, known, step="post", color=colour, alpha=0.10, linewidth=0, zorder=2)
    if colours:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9.5, labelcolor=INK)


def _draw_ribbon(axes: Any, moments: Sequence[Moment], end_s: float, colours: dict[str, str]) -> None:
    for first, last, text in stretches([m.label or ("none" if m.warm else "warming up") for m in moments]):
        begin, said = moments[first].time_s, bool(moments[first].label)
        width = (moments[last].time_s if last < len(moments) else end_s) - begin
        axes.barh(0, width, left=begin, height=0.8, color=colours.get(text, FAINT) if said else "#eef1f4", linewidth=0)
        if width > (end_s - moments[0].time_s) * (0.008 * len(text) + 0.01):
            ink = "white" if said else FAINT
            axes.text(begin + width / 2, 0, text, ha="center", va="center", color=ink, fontsize=9.5)


def _mark_chapters(axes: Any, chapters: Sequence[tuple[float, str]]) -> None:
    for index, (second, name) in enumerate(chapters):
        if index:
            axes.axvline(second, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=4)
        axes.annotate(
            name, (second, 1.02), xycoords=("data", "axes fraction"), xytext=(3, 0), textcoords="offset points",
            color=INK, fontsize=9, va="bottom", annotation_clip=False,
        )  # fmt: skip


def _dress(scores: Any, ribbon: Any, begin_s: float, end_s: float) -> None:
    scores.set(ylim=(0, 1.04), xlim=(begin_s, end_s), ylabel="probability")
    scores.grid(axis="y", color="#e4e7eb", linewidth=0.8, zorder=1)
    ribbon.set(ylim=(-0.5, 0.5), yticks=[], xlabel="time of the frames (s)")
    ribbon.set_ylabel("label", rotation=0, ha="right", va="center")
    for axes in (scores, ribbon):
        axes.tick_params(colors=INK, length=0, labelsize=9)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color("#cbd2d9")
    ribbon.spines["bottom"].set_visible(False)
    scores.tick_params(labelbottom=False)


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(f"drawing needs matplotlib: pip install 'co_perception[bench]'. ({error})") from error
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt
