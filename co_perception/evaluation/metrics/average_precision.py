"""Average precision over frames (AP), plain and calibrated (cAP).

The frames of a class are ranked by its score; at each score that occurs TP and FP are those at or above it.
AP = sum of precision times the gain in recall, without interpolation. Its value depends on how rare a class is, so De
Geest et al. (Online Action Detection, ECCV 2016, arXiv 1604.06506) weigh by w, the ratio of negative to positive
frames: cPrec = w TP / (w TP + FP). A recognizer that guesses then has about 1/2 for every class, rare or common. Frames
with equal scores come in together, so their order means nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Ranking:
    """The frames ranked by the score of one class, once; measured with any weights after that.

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
        """AP and cAP with each frame counted `weights` times; NaN without a positive frame.

        >>> ranking = Ranking(np.array([True, False, True]), np.array([0.9, 0.8, 0.7], np.float32))
        >>> [round(found, 3) for found in ranking.average_precisions()]
        [0.833, 0.75]
        """
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
