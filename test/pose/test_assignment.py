"""The assignment, against SciPy's and against every permutation."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from co_perception.pose.assignment import assign


def best_total(worth: NDArray[np.float64]) -> float:
    """By trying everything."""
    rows, columns = worth.shape
    if rows > columns:
        return best_total(worth.T)
    ways = permutations(range(columns), rows)
    return max(sum(worth[row, column] for row, column in enumerate(way)) for way in ways)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 5))
def test_no_other_assignment_is_worth_more(seed: int, rows: int, columns: int) -> None:
    worth = np.random.default_rng(seed).integers(1, 6, (rows, columns)) / 5  # whole fifths: ties are frequent
    pairs = assign(worth, least=0.0)
    assert len(pairs) == min(rows, columns)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert sum(worth[pair] for pair in pairs) == pytest.approx(best_total(worth))


def test_large_ones_against_scipy() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(0)
    for shape in ((64, 64), (64, 20), (20, 64)):
        worth = rng.random(shape)
        rows, columns = optimize.linear_sum_assignment(-worth)
        assert sum(worth[pair] for pair in assign(worth, 0.0)) == pytest.approx(worth[rows, columns].sum())


def test_what_is_worth_too_little_is_not_paired() -> None:
    worth = np.array([[0.9, 0.8], [0.8, 0.1]])
    assert assign(worth, 0.5) == [(0, 1), (1, 0)]  # 1.6 beats 0.9 + nothing
    assert assign(worth, 0.85) == [(0, 0)]
    assert assign(worth, 0.95) == []


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nobody_to_pair(shape: tuple[int, int]) -> None:
    assert assign(np.zeros(shape), 0.0) == []
