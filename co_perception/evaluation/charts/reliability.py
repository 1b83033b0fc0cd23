"""The reliability diagram: how often what was said with a confidence was right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from co_perception.evaluation.charts.svg import chart, line, words
from co_perception.evaluation.markup import Markup, tag
from co_perception.evaluation.metrics.calibration import Reliability

SIDE, LEFT, TOP, LOW, FOOT = 330, 54, 34, 70, 40  # LOW: height of the bars that count the frames


def draw_reliability(found: Reliability) -> Markup:
    """Bars are the share of right ones in each bin, dots the mean confidence: over-confident where the dot is higher.
    Below is how many of the frames each bin has."""
    bottom, frames = TOP + SIDE, found.frames.sum()
    return chart(
        LEFT + SIDE + 12, bottom + 22 + LOW + FOOT,
        "Reliability diagram",
        f"Share of right answers by confidence, {int(frames)} frames, expected calibration error {found.ece:.3f}.",
        *_axes(bottom),
        *(part for bin_ in np.flatnonzero(found.frames) for part in _bin(found, int(bin_), bottom)),
        line(LEFT, bottom, LEFT + SIDE, TOP, "dashed"),
        words(LEFT, 15, f"ECE {found.ece:.3f}", 13, class_="strong"),
        words(LEFT + SIDE, 15, f"largest difference {found.mce:.3f}", anchor="end", class_="faint"),
    )  # fmt: skip


def _axes(bottom: float) -> Iterator[Markup]:
    foot = bottom + 22 + LOW
    for share in (0, 0.2, 0.4, 0.6, 0.8, 1):
        x, y = LEFT + share * SIDE, bottom - share * SIDE
        yield line(LEFT, y, LEFT + SIDE, y)
        yield words(LEFT - 6, y + 4, f"{share:g}", 10, "end", class_="faint")
        yield words(x, foot + 13, f"{share:g}", 10, "middle", class_="faint")
    yield line(LEFT, foot, LEFT + SIDE, foot)
    yield words(14, TOP + SIDE / 2, "share of right ones", 11, "middle", -90)
    yield words(14, bottom + 22 + LOW / 2, "frames", 11, "middle", -90)
    yield words(LEFT + SIDE / 2, foot + 31, "confidence of the best class", 11, "middle")


def _bin(found: Reliability, bin_: int, bottom: float) -> Iterator[Markup]:
    width, foot = SIDE / len(found.frames), bottom + 22 + LOW
    frames, right, sure = found.frames[bin_], float(found.accuracy[bin_]), float(found.confidence[bin_])
    x, few = LEFT + bin_ * width + 0.5, LOW * float(frames / found.frames.max())
    told = tag("title", f"{int(frames)} frames, confidence {sure:.3f}, right {right:.3f}")
    yield tag("rect", told, x=x, y=bottom - right * SIDE, width=width - 1, height=right * SIDE, class_="c0")
    yield tag("rect", told, x=x, y=foot - few, width=width - 1, height=few, class_="other")
    yield line(LEFT + sure * SIDE, bottom - right * SIDE, LEFT + sure * SIDE, bottom - sure * SIDE, "gap")
    yield tag("circle", told, cx=LEFT + sure * SIDE, cy=bottom - sure * SIDE, r=3.5, class_="c1")
