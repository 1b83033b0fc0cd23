"""Keypoint similarity against its formula for single joints; the assignment against SciPy's and every permutation."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from co_perception.pose.matching import areas, assign, boxes, sigmas, similarity
from co_perception.skeletons.layouts import LAYOUTS

# As in COCO's own evaluation (cocoeval.py, kpt_oks_sigmas), joint by joint.
COCO = (26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89)


def test_sigmas_are_those_of_coco() -> None:
    assert [round(1000 * sigma) for sigma in sigmas("coco17")] == list(COCO)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_has_sigmas(name: str) -> None:
    assert sigmas(name).shape == (len(LAYOUTS[name]),)
    assert (sigmas(name) > 0).all()


def test_one_joint_by_hand() -> None:
    rng = np.random.default_rng(0)
    one = np.concatenate([rng.uniform(0, 200, (1, 17, 2)), np.ones((1, 17, 1))], -1)
    other = one.copy()
    other[0, 9, :2] += (3, -4)
    area = (areas(one)[0] + areas(other)[0]) / 2
    for slack in (1.0, 2.0):
        wrist = math.exp(-(5**2) / (2 * area * (2 * slack * 0.062) ** 2))
        assert similarity(one, other, "coco17", slack)[0, 0] == pytest.approx((16 + wrist) / 17)


def test_only_joints_found_in_both_count_and_two_are_too_few() -> None:
    one = np.concatenate([np.arange(34.0).reshape(1, 17, 2), np.ones((1, 17, 1))], -1)
    other = one.copy()
    other[0, 3:] = 0.0
    assert similarity(one, other, "coco17")[0, 0] == 1.0
    other[0, 2] = 0.0
    assert similarity(one, other, "coco17")[0, 0] == 0.0


def test_boxes_hold_the_joints_found() -> None:
    pose = np.zeros((2, 17, 3))
    pose[0, :3] = [(10, 40, 1), (30, 20, 0.5), (20, 25, 1)]
    assert boxes(pose).tolist() == [[10, 20, 30, 40], [0, 0, 0, 0]]
    assert areas(pose)[0] == pytest.approx(0.53 * 400)


def best_total(similarities: NDArray[np.float64]) -> float:
    """By trying everything."""
    rows, columns = similarities.shape
    if rows > columns:
        return best_total(similarities.T)
    ways = permutations(range(columns), rows)
    return max(sum(similarities[row, column] for row, column in enumerate(way)) for way in ways)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 5))
def test_no_other_assignment_is_worth_more(seed: int, rows: int, columns: int) -> None:
    similarities = np.random.default_rng(seed).integers(1, 6, (rows, columns)) / 5  # whole fifths: ties are frequent
    pairs = assign(similarities, threshold=0.0)
    assert len(pairs) == min(rows, columns)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert sum(similarities[pair] for pair in pairs) == pytest.approx(best_total(similarities))


def test_large_ones_against_scipy() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    rng = np.random.default_rng(0)
    for shape in ((64, 64), (64, 20), (20, 64)):
        similarities = rng.random(shape)
        rows, columns = optimize.linear_sum_assignment(-similarities)
        total = sum(similarities[pair] for pair in assign(similarities, 0.0))
        assert total == pytest.approx(similarities[rows, columns].sum())


def test_what_is_worth_too_little_is_not_paired() -> None:
    similarities = np.array([[0.9, 0.8], [0.8, 0.1]])
    assert assign(similarities, 0.5) == [(0, 1), (1, 0)]  # 1.6 beats 0.9 + nothing
    assert assign(similarities, 0.85) == [(0, 0)]
    assert assign(similarities, 0.95) == []


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nobody_to_pair(shape: tuple[int, int]) -> None:
    assert assign(np.zeros(shape), 0.0) == []
