"""Charts of a report: the confusion matrix, latencies by length, and the reliability diagram."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from co_perception.evaluation.metrics.calibration import Reliability
from co_perception.evaluation.report.markup import Markup, chart, joined, line, shortened, tag, ticks, width_of, words

MOST, OTHERS = 60, "all others"
MATRIX, SMALLEST, LARGEST = 660, 11, 46  # pixels of the whole matrix and of a cell
PERCENT_FROM, COUNT_FROM = 27, 40  # pixels of a cell in which there is room for them
LONGEST = 24  # letters of a name
FAINTEST, STRONGEST = 0.1, 0.75  # shades; on the strongest the page's ink can still be read, dark or light
BINS = 40  # of latencies
END = 99.5  # percentile of latency up to which is drawn: one hiccup must not squeeze all the others into one bar
WIDTH, HEIGHT, LEFT, TOP, FOOT, RIGHT = 560, 220, 60, 44, 58, 24
SIDE, SIDE_LEFT, SIDE_TOP, SIDE_FOOT = 330, 54, 34, 40  # of the reliability diagram, which is a square
COUNTS = 70  # height of the bars below it that count the frames


def occurring(
    names: Sequence[str], counts: NDArray[np.float64], most: int = MOST
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The classes that were true or predicted, in their order; beyond `most` the rarest share one row and column."""
    often = counts.sum(axis=0) + counts.sum(axis=1)
    ranked = np.argsort(-often, kind="stable")[: int((often > 0).sum())]
    if len(ranked) <= most:
        shown = np.sort(ranked)
        return tuple(names[k] for k in shown), counts[np.ix_(shown, shown)]
    shown = np.sort(ranked[: most - 1])
    to = np.full(len(names), most - 1)
    to[shown] = np.arange(most - 1)
    folded = np.zeros((most, most))
    np.add.at(folded, (to[:, None], to[None, :]), counts)
    return (*(names[k] for k in shown), OTHERS), folded


def draw_confusion(names: Sequence[str], counts: NDArray[np.float64]) -> Markup:
    """Confusion matrix, shaded by the share of each row; a cell is empty where there is no frame.

    Args:
        names: (N,).
        counts: (N, N) frames, rows what was true, columns what was predicted.
    """
    cell = float(min(max(MATRIX / max(len(names), 1), SMALLEST), LARGEST))
    size = min(11.0, cell - 1)
    labels = [shortened(name, LONGEST) for name in names]
    edge = max((width_of(label, size) for label in labels), default=0) + 12
    left, top, side = edge + 18, edge + 18, cell * len(names)
    places = [(label, (place + 0.5) * cell + size * 0.35) for place, label in enumerate(labels)]
    return chart(
        left + side + 4, top + side + 4,
        "Confusion matrix",
        f"{len(names)} classes. Rows are the truth, columns the prediction; shaded by the share of the row.",
        words(left + side / 2, 11, "prediction", 11, "middle", class_="faint"),
        words(11, top + side / 2, "true", 11, "middle", -90, class_="faint"),
        *(
            word
            for label, at in places
            for word in (
                words(left - 6, top + at, label, size, "end"),
                words(left + at, top - 6, label, size, None, -90),
            )
        ),
        tag("rect", x=left, y=top, width=side, height=side, class_="frame"),
        *(_cell(names, counts, row, column, left, top, cell) for row, column in np.argwhere(counts > 0)),
    )  # fmt: skip


def _cell(
    names: Sequence[str], counts: NDArray[np.float64], row: int, column: int, left: float, top: float, cell: float
) -> Markup:
    frames, share = int(counts[row, column]), float(counts[row, column] / counts[row].sum())
    shade = FAINTEST + (STRONGEST - FAINTEST) * share
    x, y = left + column * cell, top + row * cell
    title = tag("title", f"{names[row]} predicted as {names[column]}: {frames} frames, {share:.1%} of the row")
    parts = [
        tag(
            "rect", title, x=x + 0.5, y=y + 0.5, width=cell - 1, height=cell - 1,
            class_="right" if row == column else "wrong", fill_opacity=shade,
        )
    ]  # fmt: skip
    if cell >= PERCENT_FROM:
        lift = -1.0 if cell >= COUNT_FROM else 4.0
        percent = "<1%" if share < 0.005 else ">99%" if 0.995 <= share < 1 else f"{share:.0%}"
        parts.append(words(x + cell / 2, y + cell / 2 + lift, percent, 11, "middle", class_="bar"))
    if cell >= COUNT_FROM:
        thousands = f"{frames / 1000:.0f}k" if frames < 1_000_000 else f"{frames / 1e6:.1f}M"
        short = str(frames) if frames < 10_000 else thousands
        parts.append(words(x + cell / 2, y + cell / 2 + 12, short, 9, "middle", class_="bar"))
    return joined(parts)


def draw_latencies(latencies_ms: Sequence[float], percentiles_ms: Mapping[str, float | None]) -> Markup:
    """Histogram of latencies; the longest ones are not drawn, their number and maximum are written below.

    Args:
        latencies_ms: at least one.
        percentiles_ms: marked, by name.

    Raises:
        ValueError: without a latency.
    """
    if not len(latencies_ms):
        raise ValueError("a histogram needs at least one latency: leave it out where none was measured.")
    values = np.asarray(latencies_ms, np.float64)
    end = max(float(np.percentile(values, END)) * 1.05, 1e-3)
    counts, edges = np.histogram(values[values <= end], BINS, (0.0, end))
    scale, bottom, most = (WIDTH - LEFT - RIGHT) / end, TOP + HEIGHT, int(counts.max())
    longer = int((values > end).sum())
    beyond = f"{longer} longer than {end:.1f} ms are not drawn; the longest took {values.max():.1f} ms"
    bars = [(int(counts[k]), edges[k], edges[k + 1]) for k in np.flatnonzero(counts)]
    return chart(
        WIDTH, bottom + FOOT,
        "Histogram of latencies",
        f"{len(values)} frames. {beyond if longer else ''}",
        *_latency_axes(end, scale, most),
        *(
            tag(
                "rect", tag("title", f"{count} frames from {low:.2f} to {high:.2f} ms"),
                x=LEFT + low * scale + 0.5, y=bottom - HEIGHT * float(count) / float(most),
                width=(high - low) * scale - 1, height=HEIGHT * float(count) / float(most), class_="c0",
            )
            for count, low, high in bars
        ),
        *_percentile_marks(percentiles_ms, end, scale),
        *([words(LEFT, bottom + 50, beyond, 10, class_="faint")] if longer else []),
    )  # fmt: skip


def _latency_axes(end: float, scale: float, most: int) -> Iterator[Markup]:
    bottom = TOP + HEIGHT
    for count in ticks(0, most, 4):
        y = bottom - HEIGHT * count / most
        yield line(LEFT, y, WIDTH - RIGHT, y)
        yield words(LEFT - 6, y + 4, f"{count:g}", 10, "end", class_="faint")
    for at_ms in ticks(0, end, 8):
        yield words(LEFT + at_ms * scale, bottom + 14, f"{at_ms:g}", 10, "middle", class_="faint")
    yield words(14, TOP + HEIGHT / 2, "frames", 11, "middle", -90)
    yield words((LEFT + WIDTH - RIGHT) / 2, bottom + 32, "from frame to answer (ms)", 11, "middle")


def _percentile_marks(percentiles_ms: Mapping[str, float | None], end: float, scale: float) -> Iterator[Markup]:
    taken = 0.0
    for name, at_ms in percentiles_ms.items():
        if at_ms is not None and at_ms <= end:
            x, text = LEFT + at_ms * scale, f"{name} {at_ms:g}"
            yield line(x, TOP - 6, x, TOP + HEIGHT, "mark")
            y = TOP - 10 if x - width_of(text, 10) / 2 > taken else TOP - 24
            yield words(x, y, text, 10, "middle", class_="strong")
            taken = x + width_of(text, 10) / 2 + 14


def draw_reliability(found: Reliability) -> Markup:
    """The reliability diagram: bars are the share of right answers in each bin, dots the mean confidence.

    The recognizer is over-confident where the dot is higher. Bars below count the frames of each bin.
    """
    bottom, frames = SIDE_TOP + SIDE, found.frames.sum()
    foot = bottom + 22 + COUNTS
    axes: list[Markup] = []
    for share in (0, 0.2, 0.4, 0.6, 0.8, 1):
        x, y = SIDE_LEFT + share * SIDE, bottom - share * SIDE
        axes.append(line(SIDE_LEFT, y, SIDE_LEFT + SIDE, y))
        axes.append(words(SIDE_LEFT - 6, y + 4, f"{share:g}", 10, "end", class_="faint"))
        axes.append(words(x, foot + 13, f"{share:g}", 10, "middle", class_="faint"))
    return chart(
        SIDE_LEFT + SIDE + 12, foot + SIDE_FOOT,
        "Reliability diagram",
        f"Share of right answers by confidence, {int(frames)} frames, expected calibration error {found.ece:.3f}.",
        *axes,
        line(SIDE_LEFT, foot, SIDE_LEFT + SIDE, foot),
        words(14, SIDE_TOP + SIDE / 2, "share of right ones", 11, "middle", -90),
        words(14, bottom + 22 + COUNTS / 2, "frames", 11, "middle", -90),
        words(SIDE_LEFT + SIDE / 2, foot + 31, "confidence of the best class", 11, "middle"),
        *(part for bin_ in np.flatnonzero(found.frames) for part in _reliability_bin(found, int(bin_), bottom)),
        line(SIDE_LEFT, bottom, SIDE_LEFT + SIDE, SIDE_TOP, "dashed"),
        words(SIDE_LEFT, 15, f"ECE {found.ece:.3f}", 13, class_="strong"),
        words(SIDE_LEFT + SIDE, 15, f"largest difference {found.mce:.3f}", anchor="end", class_="faint"),
    )  # fmt: skip


def _reliability_bin(found: Reliability, bin_: int, bottom: float) -> Iterator[Markup]:
    width, foot = SIDE / len(found.frames), bottom + 22 + COUNTS
    frames, right, sure = found.frames[bin_], float(found.accuracy[bin_]), float(found.confidence[bin_])
    x, few = SIDE_LEFT + bin_ * width + 0.5, COUNTS * float(frames / found.frames.max())
    title = tag("title", f"{int(frames)} frames, confidence {sure:.3f}, right {right:.3f}")
    yield tag("rect", title, x=x, y=bottom - right * SIDE, width=width - 1, height=right * SIDE, class_="c0")
    yield tag("rect", title, x=x, y=foot - few, width=width - 1, height=few, class_="other")
    yield line(SIDE_LEFT + sure * SIDE, bottom - right * SIDE, SIDE_LEFT + sure * SIDE, bottom - sure * SIDE, "gap")
    yield tag("circle", title, cx=SIDE_LEFT + sure * SIDE, cy=bottom - sure * SIDE, r=3.5, class_="c1")
