"""Samples dealt out into parts that no recording or person is torn between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def partition(labels: Sequence[int], groups: Sequence[str], shares: Sequence[float], seed: int) -> list[list[int]]:
    """The indices 0..N-1 in as many parts as there are shares, each group whole in one part.

    Part p comes close to `shares[p]` of every class and of all samples together: groups are dealt out largest first,
    each to the part whose classes it brings nearest to what they should be (the greedy rule of scikit-learn's
    StratifiedGroupKFold, which has no shares). Equal arguments give equal parts; every part has a group at least.

    Args:
        labels: (N,) class index of each sample.
        groups: (N,) name of the recording or person each sample is of.
        shares: positive, in sum 1.
        seed: settles the order of groups of one size.

    Raises: ValueError where there are fewer groups than parts.
    """
    names, members = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    if len(names) < len(shares):
        raise ValueError(
            f"{len(shares)} parts need as many groups at least, there are {len(names)}: {list(names[:5])}. A group is "
            "one recording (or one person) and is never torn apart: record more, or ask for fewer parts."
        )
    counts = np.zeros((len(names), max(labels) + 1))
    np.add.at(counts, (members, np.asarray(labels)), 1)
    # All together count as one more class: else every class gives its largest group to the first part.
    counts = np.concatenate([counts, counts.sum(1, keepdims=True)], 1)
    place = _deal(counts, np.asarray(shares, dtype=float), seed)
    return [[int(i) for i in np.flatnonzero(place[members] == part)] for part in range(len(shares))]


def _deal(counts: NDArray[np.float64], shares: NDArray[np.float64], seed: int) -> NDArray[np.intp]:
    """(G,) the part of each group, from counts (G, classes) of its samples."""
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(1), kind="stable")]
    totals = np.maximum(counts.sum(0), 1)
    missing = np.outer(shares, counts.sum(0))  # (parts, classes) what each part still lacks
    place = np.full(len(counts), -1)
    for done, group in enumerate(order):
        gain = (((missing - counts[group]) ** 2 - missing**2) / totals**2).sum(1)
        empty = ~np.isin(np.arange(len(shares)), place)
        if empty.sum() == len(order) - done:
            gain[~empty] = np.inf
        best = int(np.argmin(gain))
        place[group] = best
        missing[best] -= counts[group]
    return place
