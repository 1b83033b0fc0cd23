"""Frame measures: accuracy, precision, recall and F1 out of a confusion matrix, and top-k accuracy.

Rows are true classes, columns predicted ones. Balanced accuracy is the mean recall over the classes that were shown
(Brodersen et al., The balanced accuracy and its posterior distribution, ICPR 2010). Macro F1 is the mean over the
classes that were shown or predicted of F1 = 2 TP / (2 TP + FP + FN), not the F1 of mean precision and mean recall; the
two differ (Opitz and Burst, Macro F1 and macro F1, arXiv 1911.03347).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def confusion(truth: Ints, predicted: Ints, classes: int, weights: Floats | None = None) -> Floats:
    """(classes, classes) frames, each counted `weights` times (once without).

    Args:
        truth, predicted: (N,) class indices, none of them negative.
        classes: number of classes.
        weights: (N,).

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), classes=2).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    counts = np.bincount(truth * classes + predicted, weights, minlength=classes * classes)
    return counts.astype(np.float64).reshape(classes, classes)


def accuracy(counts: Floats) -> float:
    """Share of the frames on the diagonal; NaN without any frame.

    >>> accuracy(np.array([[2.0, 1.0], [0.0, 1.0]]))
    0.75
    """
    return ratio(np.trace(counts), counts.sum())


def recall(counts: Floats) -> Floats:
    """(classes,) share of each class's frames that were recognized; NaN for one never shown.

    >>> recall(np.array([[3.0, 1.0], [0.0, 1.0]])).tolist()
    [0.75, 1.0]
    """
    return ratios(np.diagonal(counts), counts.sum(axis=1))


def precision(counts: Floats) -> Floats:
    """(classes,) share of right ones among the frames in which a class was predicted; NaN for one never predicted.

    >>> precision(np.array([[3.0, 1.0], [0.0, 1.0]])).tolist()
    [1.0, 0.5]
    """
    return ratios(np.diagonal(counts), counts.sum(axis=0))


def f1(counts: Floats) -> Floats:
    """(classes,) harmonic mean of precision and recall; NaN for a class neither shown nor predicted.

    >>> f1(np.array([[1.0, 1.0], [1.0, 2.0]])).round(3).tolist()
    [0.5, 0.667]
    """
    return ratios(2 * np.diagonal(counts), counts.sum(axis=0) + counts.sum(axis=1))


def balanced_accuracy(counts: Floats) -> float:
    """Mean recall over the classes shown.

    >>> balanced_accuracy(np.array([[8.0, 0.0], [1.0, 1.0]]))
    0.75
    """
    return mean(recall(counts))


def macro_f1(counts: Floats) -> float:
    """Mean F1 over the classes shown or predicted.

    >>> macro_f1(np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]))
    0.3333333333333333
    """
    return mean(f1(counts))


def in_top(scores: NDArray[np.float32], truth: Ints, k: int) -> NDArray[np.bool_]:
    """(N,) whether the true class is among the `k` best scored ones; of equal scores the lower index comes first.

    Args:
        scores: (N, classes).
        truth: (N,) class indices; one that has no score (`classes` or above) is never among them.
        k: how many are looked at.

    >>> in_top(np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], np.float32), np.array([1, 2]), k=2).tolist()
    [True, False]
    """
    known = truth < scores.shape[1]
    index = np.where(known, truth, 0)[:, None]
    own = np.take_along_axis(scores, index, axis=1)
    before = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < index))
    return known & (before.sum(axis=1) < k)


def ratio(part: float, whole: float) -> float:
    """`part / whole`; NaN where `whole` is 0."""
    return float(part) / float(whole) if whole else float("nan")


def ratios(part: Floats, whole: Floats) -> Floats:
    """`part / whole` for each element; NaN where `whole` is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def mean(values: Floats) -> float:
    """Mean of the values that are not NaN; NaN without any."""
    known = values[~np.isnan(values)]
    return ratio(known.sum(), len(known))
