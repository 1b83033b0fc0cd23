"""How long answers took: a histogram with its percentiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from co_perception.evaluation.charts.svg import chart, line, ticks, width_of, words
from co_perception.evaluation.markup import Markup, tag

BINS = 40
WIDTH, HEIGHT, LEFT, TOP, FOOT, RIGHT = 560, 220, 60, 44, 58, 24
END = 99.5  # percentile up to which is drawn: one hiccup must not squeeze all the others into one bar


def draw_latencies(latencies_ms: Sequence[float], percentiles_ms: Mapping[str, float | None]) -> Markup:
    """Latencies by length; the longest ones are not drawn but told.

    Args:
        latencies_ms: at least one.
        percentiles_ms: to mark, by name.

    Raises: ValueError without a latency.
    """
    if not len(latencies_ms):
        raise ValueError("a histogram needs at least one latency: leave it out where none was measured.")
    values = np.asarray(latencies_ms, np.float64)
    end = max(float(np.percentile(values, END)) * 1.05, 1e-3)
    counts, edges = np.histogram(values[values <= end], BINS, (0.0, end))
    scale, bottom = (WIDTH - LEFT - RIGHT) / end, TOP + HEIGHT
    longer = int((values > end).sum())
    beyond = f"{longer} longer than {end:.1f} ms are not drawn; the longest took {values.max():.1f} ms"
    return chart(
        WIDTH, bottom + FOOT,
        "Histogram of latencies",
        f"{len(values)} frames. {beyond if longer else ''}",
        *_axes(end, scale, int(counts.max()), bottom),
        *(_bar(int(counts[k]), edges[k], edges[k + 1], scale, counts.max(), bottom) for k in np.flatnonzero(counts)),
        *_marks(percentiles_ms, end, scale, bottom),
        *([words(LEFT, bottom + 50, beyond, 10, class_="faint")] if longer else []),
    )  # fmt: skip


def _axes(end: float, scale: float, most: int, bottom: float) -> Iterator[Markup]:
    for count in ticks(0, most, 4):
        y = bottom - HEIGHT * count / most
        yield line(LEFT, y, WIDTH - RIGHT, y)
        yield words(LEFT - 6, y + 4, f"{count:g}", 10, "end", class_="faint")
    for at_ms in ticks(0, end, 8):
        yield words(LEFT + at_ms * scale, bottom + 14, f"{at_ms:g}", 10, "middle", class_="faint")
    yield words(14, TOP + HEIGHT / 2, "frames", 11, "middle", -90)
    yield words((LEFT + WIDTH - RIGHT) / 2, bottom + 32, "from frame to answer (ms)", 11, "middle")


def _bar(count: int, low: float, high: float, scale: float, most: int, bottom: float) -> Markup:
    height = HEIGHT * float(count) / float(most)
    told = tag("title", f"{count} frames from {low:.2f} to {high:.2f} ms")
    width = (high - low) * scale - 1
    return tag("rect", told, x=LEFT + low * scale + 0.5, y=bottom - height, width=width, height=height, class_="c0")


def _marks(percentiles_ms: Mapping[str, float | None], end: float, scale: float, bottom: float) -> Iterator[Markup]:
    taken = 0.0
    for name, at_ms in percentiles_ms.items():
        if at_ms is not None and at_ms <= end:
            x, told = LEFT + at_ms * scale, f"{name} {at_ms:g}"
            yield line(x, TOP - 6, x, bottom, "mark")
            y = TOP - 10 if x - width_of(told, 10) / 2 > taken else TOP - 24
            yield words(x, y, told, 10, "middle", class_="strong")
            taken = x + width_of(told, 10) / 2 + 14
