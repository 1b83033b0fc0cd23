"""Who did what when: a row for each subject, its labels as coloured bars. Drawn on axes of matplotlib's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from co_perception.evaluation.colours import COLOURS, GREY, ink_on, places
from co_perception.evaluation.moments import Moment, Spell, spells

INK, FAINT, PALE = "#1f2933", "#6b7785", "#eef1f4"
BRIDGE_S = 0.25  # a detector's blink: not seen for so long draws no gap
WARMING_UP = {"hatch": "////", "edgecolor": "#cbd2d9", "facecolor": PALE, "linewidth": 0}


def draw_rows(
    axes: Any,
    tracks: Mapping[str, Sequence[Moment]],
    end_s: float,
    colours: Mapping[str, str],
    badges: Mapping[str, str],
) -> None:
    """One row per subject, the first on top. Hatched: warming up. Pale: no label. Nothing: not seen.

    Args:
        axes: whose x axis is the time in seconds.
        tracks: what was said of each subject by its name, in order of time.
        end_s: where the run ends.
        colours: of the labels; those without one are grey.
        badges: colour behind a subject's name.
    """
    begin_s = min(moments[0].time_s for moments in tracks.values())
    for row, (name, moments) in enumerate(tracks.items()):
        for spell, until_s in _bars(moments, end_s):
            _draw_bar(axes, row, spell, until_s, colours.get(spell.label, GREY), end_s - begin_s)
        _name(axes, row, name, badges.get(name))
    axes.set(ylim=(len(tracks) - 0.5, -0.5), yticks=[])


def label_colours(tracks: Mapping[str, Sequence[Moment]], first: Sequence[str] = ()) -> dict[str, str]:
    """A colour for each label, those of `first` before those given out for longest, as far as there are colours."""
    given = [spell for moments in tracks.values() for spell in spells(moments, BRIDGE_S) if spell.label]
    others = places((spell.label, spell.end_s - spell.begin_s) for spell in given if spell.label not in first)
    return dict(zip([*first, *others], COLOURS, strict=False))


def _bars(moments: Sequence[Moment], end_s: float) -> list[tuple[Spell, float]]:
    """Each spell and where its bar ends: at the next one, or a frame's time after its last frame."""
    times = np.array([moment.time_s for moment in moments])
    period_s = float(np.median(np.diff(times))) if len(times) > 1 else end_s - float(times[0])
    bridge_s = max(BRIDGE_S, 1.5 * period_s)
    found = spells(moments, bridge_s)
    ends = [min(spell.end_s + period_s, end_s) for spell in found]
    for index, (spell, after) in enumerate(pairwise(found)):
        if after.begin_s - spell.end_s <= bridge_s:
            ends[index] = after.begin_s
    return list(zip(found, ends, strict=True))


def _draw_bar(axes: Any, row: int, spell: Spell, until_s: float, colour: str, whole_s: float) -> None:
    width = until_s - spell.begin_s
    text = spell.label or ("no label" if spell.warm else "warming up")
    plain = {"facecolor": colour if spell.label else PALE, "linewidth": 0}
    axes.barh(row, width, left=spell.begin_s, height=0.76, **(plain if spell.warm else WARMING_UP))
    if width > whole_s * (0.0088 * len(text) + 0.008):
        behind = None if spell.label else {"facecolor": PALE, "linewidth": 0, "pad": 1.5}
        axes.text(
            spell.begin_s + width / 2, row, text, ha="center", va="center", fontsize=9.5,
            color=ink_on(colour) if spell.label else FAINT, bbox=behind,
        )  # fmt: skip


def _name(axes: Any, row: int, name: str, badge: str | None) -> None:
    patch = {"facecolor": badge, "linewidth": 0, "boxstyle": "round,pad=0.25"} if badge else None
    axes.annotate(
        name, (0, row), xycoords=("axes fraction", "data"), xytext=(-10, 0), textcoords="offset points",
        ha="right", va="center", color=INK, fontsize=9.5, bbox=patch, annotation_clip=False,
    )  # fmt: skip
