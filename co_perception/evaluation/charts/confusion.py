"""The confusion matrix, shaded by the share of each row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from co_perception.evaluation.charts.svg import chart, width_of, words
from co_perception.evaluation.markup import Markup, joined, shortened, tag

MOST, OTHERS = 60, "all others"
SIDE, SMALLEST, LARGEST = 660, 11, 46  # pixels of the whole and of a cell
PERCENT_FROM, COUNT_FROM = 27, 40  # pixels of a cell in which there is room for them
LONGEST = 24  # letters of a name
FAINTEST, STRONGEST = 0.1, 0.75  # shades; on the strongest the page's ink can still be read, dark or light


def occurring(
    names: Sequence[str], counts: NDArray[np.float64], most: int = MOST
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The classes that were shown or said, in their order; beyond `most` the rarest of them are one row and column."""
    often = counts.sum(axis=0) + counts.sum(axis=1)
    ranked = np.argsort(-often, kind="stable")[: int((often > 0).sum())]
    if len(ranked) <= most:
        kept = np.sort(ranked)
        return _named(names, kept), counts[np.ix_(kept, kept)]
    kept = np.sort(ranked[: most - 1])
    to = np.full(len(names), most - 1)
    to[kept] = np.arange(most - 1)
    folded = np.zeros((most, most))
    np.add.at(folded, (to[:, None], to[None, :]), counts)
    return (*_named(names, kept), OTHERS), folded


def _named(names: Sequence[str], kept: NDArray[np.integer]) -> tuple[str, ...]:
    return tuple(names[k] for k in kept.tolist())


def draw_confusion(names: Sequence[str], counts: NDArray[np.float64]) -> Markup:
    """One cell for each pair of classes, empty where there is no frame.

    Args:
        names: (N,).
        counts: (N, N) frames, rows what was true, columns what was said.
    """
    cell = float(min(max(SIDE / max(len(names), 1), SMALLEST), LARGEST))
    size = min(11.0, cell - 1)
    labels = [shortened(name, LONGEST) for name in names]
    edge = max((width_of(label, size) for label in labels), default=0) + 12
    left, top, side = edge + 18, edge + 18, cell * len(names)
    return chart(
        left + side + 4, top + side + 4,
        "Confusion matrix",
        f"{len(names)} classes. Rows are what was true, columns what was said; shaded by the share of the row.",
        words(left + side / 2, 11, "said", 11, "middle", class_="faint"),
        words(11, top + side / 2, "true", 11, "middle", -90, class_="faint"),
        *_names(labels, left, top, cell, size),
        tag("rect", x=left, y=top, width=side, height=side, class_="frame"),
        *(_cell(names, counts, row, column, left, top, cell) for row, column in np.argwhere(counts > 0)),
    )  # fmt: skip


def _names(labels: Sequence[str], left: float, top: float, cell: float, size: float) -> Iterator[Markup]:
    for place, label in enumerate(labels):
        middle = (place + 0.5) * cell + size * 0.35
        yield words(left - 6, top + middle, label, size, "end")
        yield words(left + middle, top - 6, label, size, None, -90)


def _cell(
    names: Sequence[str], counts: NDArray[np.float64], row: int, column: int, left: float, top: float, cell: float
) -> Markup:
    frames, share = int(counts[row, column]), float(counts[row, column] / counts[row].sum())
    shade = FAINTEST + (STRONGEST - FAINTEST) * share
    x, y = left + column * cell, top + row * cell
    told = tag("title", f"{names[row]} said to be {names[column]}: {frames} frames, {share:.1%} of the row")
    parts = [
        tag(
            "rect", told, x=x + 0.5, y=y + 0.5, width=cell - 1, height=cell - 1,
            class_="right" if row == column else "wrong", fill_opacity=shade,
        )
    ]  # fmt: skip
    if cell >= PERCENT_FROM:
        lift = -1.0 if cell >= COUNT_FROM else 4.0
        parts.append(words(x + cell / 2, y + cell / 2 + lift, _percent(share), 11, "middle", class_="bar"))
    if cell >= COUNT_FROM:
        parts.append(words(x + cell / 2, y + cell / 2 + 12, _short(frames), 9, "middle", class_="bar"))
    return joined(parts)


def _percent(share: float) -> str:
    return "<1%" if share < 0.005 else ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


def _short(frames: int) -> str:
    return str(frames) if frames < 10_000 else f"{frames / 1000:.0f}k" if frames < 1_000_000 else f"{frames / 1e6:.1f}M"
