"""A run as one picture: the scene's best scores, and who did what when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.evaluation.moments import Moment, stretches
from co_perception.evaluation.pyplot import bare, pyplot
from co_perception.evaluation.rows import FAINT, INK, draw_rows, label_colours

SCENE = "scene"  # what the subject without an id is called
NO_BADGES: Mapping[str, str] = MappingProxyType({})
SCORES_IN, ROW_IN = 3.3, 0.42  # heights [inches]


def draw_timeline(
    tracks: Mapping[str, Sequence[Moment]],
    path: Path | str,
    *,
    title: str,
    subtitle: str = "",
    chapters: Sequence[tuple[float, str]] = (),
    badges: Mapping[str, str] = NO_BADGES,
    most: int = 5,
) -> None:
    """Writes the picture of a run: how the scene's scores went, and a row for each subject.

    Args:
        tracks: what was said of each subject by its id, in order of time; the scene's id is empty, and where there is
            no scene there are rows only.
        path: file to write; its suffix says the format (.png, .svg, .pdf).
        title: what is shown, in the first line.
        subtitle: by which network and where, in the second.
        chapters: (second, name) where each part of the source begins; marked with a line.
        badges: colours by which subjects are known elsewhere, e.g. in a film.
        most: labels of the scene drawn at most: those that were best, or second best, for longest.

    Raises: ValueError for an empty run; ImportError that names the extra where matplotlib is missing.
    """
    if not any(tracks.values()):
        raise ValueError("a timeline needs at least one moment: was anything published?")
    plt = pyplot()
    named = {subject or SCENE: moments for subject, moments in tracks.items() if moments}
    begin_s, end_s = span(named.values())
    figure, axes = _axes(plt, named)
    try:
        top, rows = axes[0], axes[-1]
        leaders = leading(named.get(SCENE, ()), most)
        colours = label_colours(named, leaders)
        if top is not rows:
            _shade_warm_up(top, named[SCENE], end_s)
            _draw_scores(top, named[SCENE], end_s, {label: colours[label] for label in leaders})
        draw_rows(rows, named, end_s, colours, badges)
        _mark_chapters(axes, chapters)
        _dress(axes, begin_s, end_s)
        _explain(rows, {label: colour for label, colour in colours.items() if label not in leaders})
        left = rows.get_position().x0
        lines = figure.get_figheight()
        figure.text(left, 0.88 + 0.59 / lines, title, fontsize=14, fontweight="bold", color=INK)
        figure.text(left, 0.88 + 0.36 / lines, subtitle, fontsize=9.5, color=FAINT)
        figure.savefig(path, facecolor="white", bbox_inches="tight", pad_inches=0.25)
    finally:
        plt.close(figure)


def span(tracks: Iterable[Sequence[Moment]]) -> tuple[float, float]:
    """When the first answer stood, and when the last one had stood for as long as the others [s]."""
    times = np.unique([moment.time_s for moments in tracks for moment in moments])
    return float(times[0]), float(times[-1] + (np.median(np.diff(times)) if len(times) > 1 else 1.0))


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


def _axes(plt: Any, named: Mapping[str, Sequence[Moment]]) -> tuple[Any, Any]:
    """Scores of the scene above the rows, which share the time; rows only where there is no scene."""
    heights = [SCORES_IN] * (SCENE in named) + [ROW_IN * len(named)]
    figure, axes = plt.subplots(
        len(heights), 1, figsize=(11, sum(heights) / 0.77), dpi=140, sharex=True, squeeze=False,
        gridspec_kw={"height_ratios": heights, "hspace": 0.07},
    )  # fmt: skip
    return figure, axes[:, 0]


def _shade_warm_up(axes: Any, moments: Sequence[Moment], end_s: float) -> None:
    cold = [(first, last) for first, last, warm in stretches(["" if m.warm else "cold" for m in moments]) if warm]
    for first, last in cold:
        until = moments[last].time_s if last < len(moments) else end_s
        axes.axvspan(moments[first].time_s, until, color="#e9edf1", zorder=0, linewidth=0)


def _draw_scores(axes: Any, moments: Sequence[Moment], end_s: float, colours: Mapping[str, str]) -> None:
    edges = np.array([*(moment.time_s for moment in moments), end_s])
    for label, colour in colours.items():
        values = curve(moments, label)
        known = np.append(values, values[-1])
        axes.plot(edges, known, drawstyle="steps-post", color=colour, linewidth=2.2, label=label, zorder=3)
        axes.fill_between(edges, known, step="post", color=colour, alpha=0.10, linewidth=0, zorder=2)
    axes.set(ylim=(0, 1.04), ylabel="probability, scene")
    axes.grid(axis="y", color="#e4e7eb", linewidth=0.8, zorder=1)
    axes.tick_params(labelbottom=False)
    if colours:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9.5, labelcolor=INK)


def _mark_chapters(axes: Sequence[Any], chapters: Sequence[tuple[float, str]]) -> None:
    for index, (second, name) in enumerate(chapters):
        for axis in axes if index else ():
            axis.axvline(second, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=4)
        axes[0].annotate(
            name, (second, 1.0), xycoords=("data", "axes fraction"), xytext=(3, 4), textcoords="offset points",
            color=INK, fontsize=9, va="bottom", annotation_clip=False,
        )  # fmt: skip


def _dress(axes: Sequence[Any], begin_s: float, end_s: float) -> None:
    axes[-1].set(xlim=(begin_s, end_s), xlabel="time of the frames (s)")
    for axis in axes:
        bare(axis)
    axes[-1].spines["bottom"].set_visible(False)


def _explain(axes: Any, colours: Mapping[str, str]) -> None:
    """The labels that the scores above do not name already."""
    if colours:
        bars = [axes.barh(0, 0, color=colour, label=label) for label, colour in colours.items()]
        axes.legend(
            handles=bars, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9.5, labelcolor=INK
        )
