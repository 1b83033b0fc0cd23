"""Chance beside an accuracy: what a constant answer gets, an interval for few takes, and a permutation test.

Examples of one take (a recording, a person, one performance of an activity) resemble each other. So takes are counted,
not windows or frames, and labels are permuted between takes.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from statistics import NormalDist

import numpy as np

from co_perception.evaluation.metrics.frame import Floats, Ints

DRAWS, AT_ONCE = 10_000, 500


def constant_accuracy(truth: Ints) -> float:
    """The accuracy of answering the most frequent class of (N,) true class indices always; NaN without any.

    >>> constant_accuracy(np.array([0, 0, 1, 2]))
    0.5
    """
    return float(np.bincount(truth).max() / len(truth)) if len(truth) else float("nan")


def effective_units(sizes: Sequence[float] | Floats) -> float:
    """How many units of equal size say as much about a mean as units of these sizes (Kish, Survey Sampling, 1965).

    >>> effective_units([4, 4, 4]), effective_units([10, 1, 1])
    (3.0, 1.411764705882353)
    """
    each = np.asarray(sizes, np.float64)
    return float(each.sum() ** 2 / (each**2).sum()) if each.any() else 0.0


def wilson_interval(share: float, units: float, level: float = 0.95) -> tuple[float, float]:
    """The score interval of a share seen in `units` independent units (Wilson, JASA 22, 1927).

    A mean over takes of shares varies at most as much as one of takes that are wholly right or wholly wrong, so this
    interval holds for takes too, however alike the examples in a take are. Its width is never 0.

    >>> [round(end, 4) for end in wilson_interval(1.0, 4)]
    [0.5101, 1.0]
    """
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    middle = (share + z2 / (2 * units)) / (1 + z2 / units)
    half = math.sqrt(z2 * (share * (1 - share) / units + z2 / (4 * units**2))) / (1 + z2 / units)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def label_units(labels: Sequence[int] | Ints, *levels: Sequence[Hashable]) -> Ints:
    """(N,) number of the unit to which each example's label was given as a whole: what a permutation must not tear.

    That is the coarsest level whose unit has one label only: where a person did one thing, the person; where a
    recording shows several, its takes.

    Args:
        labels: (N,) class indices.
        levels: (N,) names of units each, the coarsest level first; the last one is used whatever its labels.

    >>> label_units([0, 0, 1, 1, 0], ["a", "a", "a", "b", "c"], [1, 1, 2, 3, 4]).tolist()
    [0, 0, 1, 2, 3]
    """
    labels_of: list[dict[Hashable, set[int]]] = [{} for _ in levels]
    for found_labels, names in zip(labels_of, levels, strict=True):
        for name, label in zip(names, labels, strict=True):
            found_labels.setdefault(name, set()).add(int(label))
    numbers: dict[tuple[int, Hashable], int] = {}
    found = []
    for example in range(len(labels)):
        whole = (n for n, names in enumerate(levels) if len(labels_of[n][names[example]]) == 1)
        level = next(whole, len(levels) - 1)
        found.append(numbers.setdefault((level, levels[level][example]), len(numbers)))
    return np.array(found, np.int64)


def permutation_p(truth: Ints, predicted: Ints, units: Ints, seed: int = 0, draws: int = DRAWS) -> float:
    """How often labels that are dealt out anew to the units are hit as often as the true ones, 0..1.

    Small where answers have to do with labels. Test 1 of Ojala and Garriga, JMLR 11, 2010; the same seed gives the same
    value. Exact where labels were given to whole units, whatever the answers have in common.

    Args:
        truth, predicted: (N,) class indices.
        units: (N,) numbers from 0 of the units, see `label_units`; all examples of one have the same truth.
    """
    if not len(truth):
        return 1.0
    classes = int(max(truth.max(), predicted.max())) + 1
    answers = np.zeros((int(units.max()) + 1, classes))
    np.add.at(answers, (units, predicted), 1)
    labels = np.zeros(len(answers), np.int64)
    labels[units] = truth
    every, rng, reached = np.arange(len(answers)), np.random.default_rng(seed), 0
    for begin in range(0, draws, AT_ONCE):
        drawn = rng.permuted(np.tile(labels, (min(AT_ONCE, draws - begin), 1)), axis=1)
        reached += int((answers[every, drawn].sum(axis=1) >= answers[every, labels].sum()).sum())
    return (1 + reached) / (1 + draws)


def orders(truth: Ints, units: Ints) -> float:
    """In how many ways the labels can be dealt out to the units: `permutation_p` is never below one of them.

    >>> orders(np.array([0, 0, 1, 2]), np.array([0, 0, 1, 2]))
    6.0
    """
    labels = np.zeros(int(units.max(initial=-1)) + 1, np.int64)
    labels[units] = truth
    same = sum(math.lgamma(count + 1) for count in np.bincount(labels).tolist())
    return round(math.exp(min(math.lgamma(len(labels) + 1) - same, 700.0)), 3)
