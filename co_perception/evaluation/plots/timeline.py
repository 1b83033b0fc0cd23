"""The timeline of a run as one picture: the scene's best scores, and a row of labeled segments for each subject."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.time import NANO
from co_perception.evaluation.metrics.segments import Segment, SegmentKind, frame_ends, segments_of_frames
from co_perception.evaluation.plots.style import COLORS, FAINT, GRAY, INK, PALE, bare, color_indices, ink_on, pyplot
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.subject_track import frame_states, segments_with_records, stamps_of

if TYPE_CHECKING:
    from co_perception.evaluation.plots.style import Axes

SCENE = "scene"  # name of the subject without an id
NO_BADGES: Mapping[str, str] = MappingProxyType({})
CURVES = 5  # number of the scene's labels that are drawn: those that were best, or second best, for longest
SCORES_IN, ROW_IN = 3.3, 0.42  # heights [inches]
BRIDGE_NS = NANO // 4  # a detector's blink: a subject that is not seen for so long leaves no gap
WARM_UP_STYLE: Mapping[str, Any] = {"hatch": "////", "edgecolor": "#cbd2d9", "facecolor": PALE, "linewidth": 0}
Tracks = Mapping[str, Sequence[FrameRecord]]
"""The records of each subject by its id, in order of time, without stale ones; the scene's id is empty."""


def draw_timeline(
    tracks: Tracks,
    classes: Sequence[str],
    path: Path | str,
    *,
    title: str,
    subtitle: str = "",
    origin_ns: int = 0,
    chapters: Sequence[tuple[int, str]] = (),
    badges: Mapping[str, str] = NO_BADGES,
) -> None:
    """Writes the timeline of a run.

    Args:
        tracks: where there is no scene, there are rows only.
        classes: names of the classes, by index.
        path: file to write; its suffix says the format (.png, .svg, .pdf).
        title: first line above the picture.
        subtitle: second line.
        origin_ns: stamp at which the axis has its zero.
        chapters: (stamp, name) where each part of the source begins; marked with a line.
        badges: colors by which subjects are known elsewhere, such as in a film.

    Raises:
        ValueError: for an empty run.
        ImportError: where matplotlib is missing, with the name of the extra.
    """
    if not any(tracks.values()):
        raise ValueError("a timeline needs at least one moment: was anything published?")
    plt = pyplot()
    named = {subject or SCENE: records for subject, records in tracks.items() if records}
    begin_ns, end_ns = time_range(named.values())
    segments = {name: run_segments(records, classes, end_ns) for name, records in named.items()}
    leaders = leading(named.get(SCENE, ()), classes, CURVES)
    colors = label_colors(named, classes, leaders)
    heights = [SCORES_IN] * (SCENE in named) + [ROW_IN * len(named)]
    figure, grid = plt.subplots(
        len(heights), 1, figsize=(11, sum(heights) / 0.77), dpi=140, sharex=True, squeeze=False,
        gridspec_kw={"height_ratios": heights, "hspace": 0.07},
    )  # fmt: skip
    axes = grid[:, 0]
    try:
        top, rows = axes[0], axes[-1]
        if top is not rows:
            _draw_scores(top, named[SCENE], classes, {label: colors[label] for label in leaders}, origin_ns, end_ns)
        draw_rows(rows, segments, colors, badges, origin_ns, (end_ns - begin_ns) / NANO)
        for index, (stamp_ns, name) in enumerate(chapters):
            at_s = (stamp_ns - origin_ns) / NANO
            for axis in axes if index else ():
                axis.axvline(at_s, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=4)
            top.annotate(
                name, (at_s, 1.0), xycoords=("data", "axes fraction"), xytext=(3, 4), textcoords="offset points",
                color=INK, fontsize=9, va="bottom", annotation_clip=False,
            )  # fmt: skip
        rows.set(xlim=((begin_ns - origin_ns) / NANO, (end_ns - origin_ns) / NANO), xlabel="time of the frames (s)")
        for axis in axes:
            bare(axis)
        rows.spines["bottom"].set_visible(False)
        others = {label: color for label, color in colors.items() if label not in leaders}
        if others:
            _legend(rows, handles=[rows.barh(0, 0, color=color, label=label) for label, color in others.items()])
        left, height_in = rows.get_position().x0, figure.get_figheight()
        figure.text(left, 0.88 + 0.59 / height_in, title, fontsize=14, fontweight="bold", color=INK)
        figure.text(left, 0.88 + 0.36 / height_in, subtitle, fontsize=9.5, color=FAINT)
        figure.savefig(path, facecolor="white", bbox_inches="tight", pad_inches=0.25)
    finally:
        plt.close(figure)


def time_range(tracks: Iterable[Sequence[FrameRecord]]) -> tuple[int, int]:
    """Stamp of the first answer, and when the last one has held for as long as the others [ns]."""
    stamps_ns = np.unique([record.stamp_ns for records in tracks for record in records])
    step_ns = round(float(np.median(np.diff(stamps_ns)))) if len(stamps_ns) > 1 else NANO
    return int(stamps_ns[0]), int(stamps_ns[-1]) + step_ns


def run_segments(records: Sequence[FrameRecord], classes: Sequence[str], end_ns: int) -> list[Segment]:
    """The segments of one subject as they are drawn: each to the next, or for a frame's time after its last frame.

    Args:
        records: at least one, see `Tracks`.
        classes: names of the classes, by index.
        end_ns: stamp at which the run ends.
    """
    stamps_ns = stamps_of(records)
    period_ns = round(float(np.median(np.diff(stamps_ns)))) if len(stamps_ns) > 1 else end_ns - int(stamps_ns[0])
    ends_ns = frame_ends(stamps_ns, max(BRIDGE_NS, round(1.5 * period_ns)), period_ns)
    return segments_of_frames(frame_states(records, classes), stamps_ns, np.minimum(ends_ns, end_ns))


def label_colors(tracks: Tracks, classes: Sequence[str], first: Sequence[str] = ()) -> dict[str, str]:
    """A color for each label, those of `first` before those that held for longest, as far as there are colors."""
    durations = [
        (segment.label, (inside[-1].stamp_ns - inside[0].stamp_ns) / NANO)
        for records in tracks.values()
        for segment, inside in segments_with_records(records, classes, BRIDGE_NS)
        if segment.label and segment.label not in first
    ]
    return dict(zip([*first, *color_indices(durations)], COLORS, strict=False))


def draw_rows(
    axes: Axes,
    rows: Mapping[str, Sequence[Segment]],
    colors: Mapping[str, str],
    badges: Mapping[str, str],
    origin_ns: int,
    duration_s: float,
) -> None:
    """One row per subject, the first on top. Hatched: warming up. Pale: no label. Nothing: not seen.

    Args:
        axes: its x axis is the time in seconds.
        rows: the segments of each subject by its name.
        colors: of the labels; those without one are gray.
        badges: color behind a subject's name.
        origin_ns: stamp at which the axis has its zero.
        duration_s: of the whole run: a label is written where its bar is wide enough.
    """
    for row, (name, segments) in enumerate(rows.items()):
        for segment in segments:
            left, width = (segment.start_ns - origin_ns) / NANO, segment.duration_s
            color = colors.get(segment.label, GRAY)
            plain: Mapping[str, Any] = {"facecolor": color if segment.label else PALE, "linewidth": 0}
            style = WARM_UP_STYLE if segment.kind == SegmentKind.WARMING_UP else plain
            axes.barh(row, width, left=left, height=0.76, **style)
            text = segment.label or segment.kind.value
            if width > duration_s * (0.0088 * len(text) + 0.008):
                behind = None if segment.label else {"facecolor": PALE, "linewidth": 0, "pad": 1.5}
                axes.text(
                    left + width / 2, row, text, ha="center", va="center", fontsize=9.5,
                    color=ink_on(color) if segment.label else FAINT, bbox=behind,
                )  # fmt: skip
        badge = badges.get(name)
        patch = {"facecolor": badge, "linewidth": 0, "boxstyle": "round,pad=0.25"} if badge else None
        axes.annotate(
            name, (0, row), xycoords=("axes fraction", "data"), xytext=(-10, 0), textcoords="offset points",
            ha="right", va="center", color=INK, fontsize=9.5, bbox=patch, annotation_clip=False,
        )  # fmt: skip
    axes.set(ylim=(len(rows) - 0.5, -0.5), yticks=[])


def leading(records: Sequence[FrameRecord], classes: Sequence[str], most: int) -> list[str]:
    """The labels that led for longest, a second place counting a tenth of a first; ties in order of appearance."""
    weight: Counter[str] = Counter()
    for record in records:
        for (index, score), points in zip(record.top(2), (10, 1), strict=False):
            if score > 0:
                weight[classes[index]] += points
    return [label for label, _ in weight.most_common(most)]


def curve(records: Sequence[FrameRecord], index: int) -> NDArray[np.float64]:
    """(records,) probability of a class; NaN where the message did not name it."""
    scores = (record.probabilities for record in records)
    return np.array([np.nan if s is None or index >= len(s) or s[index] <= 0 else s[index] for s in scores], np.float64)


def _draw_scores(
    axes: Axes,
    records: Sequence[FrameRecord],
    classes: Sequence[str],
    colors: Mapping[str, str],
    origin_ns: int,
    end_ns: int,
) -> None:
    """Curves of the scene's scores; warm-up is shaded."""
    stamps_ns = stamps_of(records)
    ends_ns = np.append(stamps_ns[1:], end_ns)
    for segment in segments_of_frames(frame_states(records, classes), stamps_ns, ends_ns):
        if segment.kind == SegmentKind.WARMING_UP:
            edges_s = ((at_ns - origin_ns) / NANO for at_ns in (segment.start_ns, segment.end_ns))
            axes.axvspan(*edges_s, color="#e9edf1", zorder=0, linewidth=0)
    edges = (np.append(stamps_ns, end_ns) - origin_ns) / NANO
    for label, color in colors.items():
        values = curve(records, classes.index(label))
        known = np.append(values, values[-1])
        axes.plot(edges, known, drawstyle="steps-post", color=color, linewidth=2.2, label=label, zorder=3)
        axes.fill_between(edges, known, step="post", color=color, alpha=0.10, linewidth=0, zorder=2)
    axes.set(ylim=(0, 1.04), ylabel="probability, scene")
    axes.grid(axis="y", color="#e4e7eb", linewidth=0.8, zorder=1)
    axes.tick_params(labelbottom=False)
    if colors:
        _legend(axes)


def _legend(axes: Axes, **handles: Any) -> None:
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9.5, labelcolor=INK, **handles)
