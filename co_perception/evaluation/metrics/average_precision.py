"""Average precision over frames, plain and calibrated.

The frames of a class are ranked by its score; at each score that occurs TP and FP are those at or above it.
AP = sum of precision times the gain in recall, without interpolation. Its value depends on how rare a class is, so De
Geest et al. (Online Action Detection, ECCV 2016) weigh by w, the ratio of negative to positive frames:
cPrec = w TP / (w TP + FP). A recogniser that guesses then has about 1/2 for every class, rare or common. Frames with
equal scores come in together, so their order means nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from co_perception.evaluation.metrics.frame import mean

Floats = NDArray[np.float64]


class Ranking:
    """The frames ordered by the score of one class, once; measured with any weights after that.

    Args:
        positive: (N,) whether each frame shows the class.
        scores: (N,) its score.
    """

    def __init__(self, positive: NDArray[np.bool_], scores: NDArray[np.float32]) -> None:
        self._order = np.argsort(-scores, kind="stable")
        ranked = scores[self._order]
        self._positive = positive[self._order]
        self._last_of_score = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)

    def average_precisions(self, weights: Floats | None = None) -> tuple[float, float]:
        """AP and cAP with each frame counted `weights` times; NaN without a positive frame."""
        counts = np.ones(len(self._order)) if weights is None else weights[self._order]
        positive, negative = (np.where(self._positive == kind, counts, 0.0) for kind in (True, False))
        positives, negatives = float(positive.sum()), float(negative.sum())
        if not positives:
            return float("nan"), float("nan")
        right, wrong = (np.cumsum(each)[self._last_of_score] for each in (positive, negative))
        gain = np.diff(right, prepend=0.0) / positives
        # cPrec divided by w above and below, which also holds where there is no negative frame.
        balance = positives / negatives if negatives else 1.0
        return _area(right, wrong, gain), _area(right, balance * wrong, gain)


def _area(right: Floats, wrong: Floats, gain: Floats) -> float:
    whole = right + wrong
    return float(np.divide(right, whole, out=np.zeros_like(right), where=whole > 0) @ gain)


def average_precision(positive: NDArray[np.bool_], scores: NDArray[np.float32], calibrated: bool = False) -> float:
    """AP of one class, or cAP; NaN without a positive frame. See `Ranking` for the arguments."""
    return Ranking(positive, scores).average_precisions()[calibrated]


def mean_average_precision(truth: NDArray[np.int64], scores: NDArray[np.float32], calibrated: bool = False) -> float:
    """mAP or mcAP: the mean over the classes that have a positive frame.

    Args:
        truth: (N,) class indices; one that has no score is negative for all.
        scores: (N, classes).
    """
    each = [average_precision(truth == k, scores[:, k], calibrated) for k in range(scores.shape[1])]
    return mean(np.array(each))
