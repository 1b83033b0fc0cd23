"""Figures of single frames beside scikit-learn's, and where there is nothing to divide by."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.evaluation.metrics import frame

CLASSES = 7


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth (400,), predictions, weights; the last class is neither annotated nor predicted."""
    rng = np.random.default_rng(3)
    truth = rng.integers(CLASSES - 1, size=400)
    predicted = np.where(rng.random(400) < 0.5, truth, rng.integers(CLASSES - 1, size=400))
    return truth, predicted, rng.integers(4, size=400).astype(np.float64)


@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")
@pytest.mark.parametrize("weighted", [False, True])
def test_all_figures_are_those_of_scikit_learn(
    answers: tuple[np.ndarray, np.ndarray, np.ndarray], weighted: bool
) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    truth, predicted, weights = answers
    copies = weights if weighted else None
    counts = frame.confusion(truth, predicted, CLASSES, copies)
    theirs = metrics.confusion_matrix(truth, predicted, labels=range(CLASSES), sample_weight=copies)
    assert counts.tolist() == theirs.tolist()
    assert frame.accuracy(counts) == pytest.approx(metrics.accuracy_score(truth, predicted, sample_weight=copies))
    balanced = metrics.balanced_accuracy_score(truth, predicted, sample_weight=copies)
    assert frame.balanced_accuracy(counts) == pytest.approx(balanced)
    wanted = metrics.f1_score(truth, predicted, average="macro", sample_weight=copies)
    assert frame.macro_f1(counts) == pytest.approx(wanted)
    each = metrics.precision_recall_fscore_support(truth, predicted, labels=range(CLASSES - 1), sample_weight=copies)
    for ours, expected in zip((frame.precision, frame.recall, frame.f1), each, strict=False):
        assert ours(counts)[:-1] == pytest.approx(expected)
        assert np.isnan(ours(counts)[-1])


@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_truth_among_the_best_is_scikit_learns_top_k(k: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(4)
    scores = rng.random((300, CLASSES)).astype(np.float32)
    truth = rng.integers(CLASSES, size=300)
    expected = metrics.top_k_accuracy_score(truth, scores, k=k, labels=range(CLASSES))
    assert frame.in_top(scores, truth, k).mean() == pytest.approx(expected)


def test_of_equal_scores_the_lower_index_comes_first() -> None:
    scores = np.full((4, 4), 0.25, np.float32)
    assert frame.in_top(scores, np.arange(4), 2).tolist() == [True, True, False, False]


def test_a_class_that_has_no_score_is_never_among_the_best() -> None:
    assert frame.in_top(np.ones((1, 3), np.float32), np.array([3]), 3).tolist() == [False]


def test_without_frames_there_is_no_figure() -> None:
    none = np.zeros(0, np.int64)
    counts = frame.confusion(none, none, 3)
    assert counts.shape == (3, 3)
    for figure in (frame.accuracy, frame.balanced_accuracy, frame.macro_f1):
        assert np.isnan(figure(counts))
