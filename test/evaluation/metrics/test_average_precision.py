"""AP beside scikit-learn's and torchmetrics', cAP beside weighted AP and by hand, and what guessing is worth."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.random_search import examples
from hypothesis import given
from hypothesis import strategies as st

from co_perception.evaluation.metrics.average_precision import Ranking
from co_perception.evaluation.metrics.frame import mean


def average_precision(positive: np.ndarray, scores: np.ndarray, calibrated: bool = False) -> float:
    return Ranking(positive, scores).average_precisions()[calibrated]


def mean_average_precision(truth: np.ndarray, scores: np.ndarray, calibrated: bool = False) -> float:
    return mean(np.array([average_precision(truth == k, scores[:, k], calibrated) for k in range(scores.shape[1])]))


def frames(seed: int, share: float = 0.2, levels: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Positive (500,) and scores that know something of it; with `levels` many are equal."""
    rng = np.random.default_rng(seed)
    positive = rng.random(500) < share
    scores = rng.normal(size=500) + positive
    return positive, (np.round(scores * levels) if levels else scores).astype(np.float32)


@pytest.mark.parametrize("levels", [None, 1, 3])
def test_ap_is_scikit_learns_and_torchmetrics(levels: int | None) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    torch, functional = pytest.importorskip("torch"), pytest.importorskip("torchmetrics.functional.classification")
    positive, scores = frames(1, levels=levels)
    found = average_precision(positive, scores)
    assert found == pytest.approx(metrics.average_precision_score(positive, scores))
    spread = 1 / (1 + np.exp(-scores))
    theirs = functional.binary_average_precision(torch.from_numpy(spread), torch.from_numpy(positive).long())
    assert found == pytest.approx(float(theirs), abs=1e-5)


def test_weights_are_copies_of_frames() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    positive, scores = frames(2, levels=2)
    copies = np.random.default_rng(0).integers(3, size=500)
    found, _ = Ranking(positive, scores).average_precisions(copies.astype(np.float64))
    assert found == pytest.approx(average_precision(positive.repeat(copies), scores.repeat(copies)))
    assert found == pytest.approx(metrics.average_precision_score(positive, scores, sample_weight=copies))


def test_cap_is_ap_with_positive_frames_weighed_by_the_ratio() -> None:
    """cPrec = w TP / (w TP + FP) is the precision of data in which each positive frame counts w times."""
    metrics = pytest.importorskip("sklearn.metrics")
    positive, scores = frames(3, levels=4)
    weights = np.where(positive, (~positive).sum() / positive.sum(), 1.0)
    expected = metrics.average_precision_score(positive, scores, sample_weight=weights)
    assert average_precision(positive, scores, calibrated=True) == pytest.approx(expected)


def test_four_frames_by_hand() -> None:
    positive, scores = np.array([False, True, False, False]), np.array([0.9, 0.8, 0.2, 0.1], np.float32)
    assert average_precision(positive, scores) == 1 / 2
    assert average_precision(positive, scores, calibrated=True) == 3 / (3 + 1)  # w = 3, TP = FP = 1


@pytest.mark.parametrize("share", [0.5, 0.02])
def test_guessing_is_worth_a_half_when_calibrated_and_the_share_of_frames_when_not(share: float) -> None:
    rng = np.random.default_rng(5)
    positive, scores = rng.random(200_000) < share, rng.random(200_000).astype(np.float32)
    assert average_precision(positive, scores) == pytest.approx(share, abs=0.01)
    assert average_precision(positive, scores, calibrated=True) == pytest.approx(0.5, abs=0.02)


@examples(60)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=1, max_size=30), st.randoms(use_true_random=False)
)
def test_the_order_of_frames_means_nothing_and_a_perfect_ranking_is_one(pairs: list, random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for calibrated in (False, True):
        one, other = (
            average_precision(np.array([p for p, _ in each]), np.array([s for _, s in each], np.float32), calibrated)
            for each in (pairs, shuffled)
        )
        assert one == pytest.approx(other, nan_ok=True)
        positive = np.array([p for p, _ in pairs])
        perfect = average_precision(positive, positive.astype(np.float32), calibrated)
        assert np.isnan(perfect) if not positive.any() else perfect == 1


def test_the_mean_is_over_classes_that_were_shown() -> None:
    scores = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5], [0.6, 0.4, 0.0]], np.float32)
    truth = np.array([0, 1, 3])  # class 2 is never shown; 3 is background, which has no score
    assert mean_average_precision(truth, scores) == pytest.approx((1 + 1 / 2) / 2)
    assert mean_average_precision(truth, scores, calibrated=True) == pytest.approx((1 + 2 / 3) / 2)
    assert np.isnan(mean_average_precision(np.array([3, 3, 3]), scores))
