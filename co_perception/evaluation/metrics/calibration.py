"""Calibration: whether a confidence of 0.8 is right eight times in ten (ECE, MCE, reliability diagram).

Frames are put into bins of equal width by the confidence of their best class. ECE = sum over bins of (frames in it /
all frames) |share of right ones - mean confidence| (Naeini et al., AAAI 2015; Guo et al., On Calibration of Modern
Neural Networks, ICML 2017, arXiv 1706.04599, with 15 bins). MCE is the largest of these differences.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from co_perception.evaluation.metrics.frame import Floats, ratio, ratios

BINS = 15


@dataclass(frozen=True, eq=False)
class Reliability:
    """Bins of confidence from 0 to 1.

    Args:
        frames: (bins,) number of frames.
        confidence: (bins,) their mean confidence, NaN in an empty bin.
        accuracy: (bins,) share of right ones, NaN in an empty bin.
    """

    frames: Floats
    confidence: Floats
    accuracy: Floats

    @property
    def ece(self) -> float:
        """Expected calibration error, 0..1; NaN without frames."""
        return ratio(np.nansum(self.frames * np.abs(self.accuracy - self.confidence)), self.frames.sum())

    @property
    def mce(self) -> float:
        """Largest difference in a bin, 0..1; NaN without frames."""
        gaps = np.abs(self.accuracy - self.confidence)[self.frames > 0]
        return float(gaps.max()) if len(gaps) else float("nan")


def bin_of(confidence: NDArray[np.floating], bins: int = BINS) -> NDArray[np.int64]:
    """(N,) the bin of each confidence 0..1: bin i holds (i / bins, (i + 1) / bins], the first one 0 too.

    >>> bin_of(np.array([0.0, 0.5, 0.51, 1.0]), bins=4).tolist()
    [0, 1, 2, 3]
    """
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    return np.searchsorted(edges, confidence, side="left").astype(np.int64)


def reliability(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], bins: int = BINS, weights: Floats | None = None
) -> Reliability:
    """The bins of frames.

    Args:
        confidence: (N,) 0..1.
        right: (N,).
        bins: number of bins.
        weights: (N,) how often each frame counts; None: once.

    Raises:
        ValueError: without a bin.

    >>> reliability(np.array([0.9, 0.9, 0.9, 0.3]), np.array([True, True, False, False]), bins=2).ece.__round__(3)
    0.25
    """
    if bins < 1:
        raise ValueError(f"there is at least 1 bin, got {bins}.")
    counts = np.ones(len(confidence)) if weights is None else weights
    places = bin_of(confidence, bins)
    frames, sums, hits = (
        np.bincount(places, counts * values, minlength=bins).astype(np.float64)
        for values in (1.0, confidence.astype(np.float64), right)
    )
    return Reliability(frames, ratios(sums, frames), ratios(hits, frames))
