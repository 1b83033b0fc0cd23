"""ECE and MCE beside torchmetrics, and bins by hand."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.evaluation.metrics.calibration import bin_of, reliability


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_errors_are_those_of_torchmetrics(bins: int) -> None:
    torch, functional = pytest.importorskip("torch"), pytest.importorskip("torchmetrics.functional.classification")
    rng = np.random.default_rng(1)
    scores = rng.dirichlet(np.full(5, 0.5), size=2000).astype(np.float32)
    truth = rng.integers(5, size=2000)
    found = reliability(scores.max(axis=1), scores.argmax(axis=1) == truth, bins)
    for norm, ours in (("l1", found.ece), ("max", found.mce)):
        theirs = functional.multiclass_calibration_error(
            torch.from_numpy(scores), torch.from_numpy(truth), num_classes=5, n_bins=bins, norm=norm
        )
        assert ours == pytest.approx(float(theirs), abs=1e-5)


def test_two_bins_by_hand() -> None:
    found = reliability(np.array([0.3, 0.5, 0.8, 1.0]), np.array([True, False, True, True]), bins=2)
    assert found.frames.tolist() == [2, 2]
    assert found.confidence == pytest.approx([0.4, 0.9])
    assert found.accuracy.tolist() == [0.5, 1.0]
    assert [found.ece, found.mce] == pytest.approx([0.1, 0.1])


def test_a_bin_holds_its_upper_edge_and_the_first_one_zero() -> None:
    assert bin_of(np.array([0.0, 0.25, 0.26, 0.5, 1.0]), 4).tolist() == [0, 0, 1, 1, 3]


def test_who_is_right_as_often_as_confident_has_no_error() -> None:
    rng = np.random.default_rng(2)
    confidence = rng.random(400_000)
    assert reliability(confidence, rng.random(400_000) < confidence).ece < 0.005
    assert reliability(confidence, np.ones(400_000, bool)).ece == pytest.approx(0.5, abs=0.005)


def test_weights_are_copies_and_nothing_has_no_error() -> None:
    confidence, right, copies = np.array([0.2, 0.7, 0.75]), np.array([True, True, False]), np.array([0, 3, 1])
    weighted = reliability(confidence, right, weights=copies.astype(np.float64))
    assert weighted.ece == pytest.approx(reliability(confidence.repeat(copies), right.repeat(copies)).ece)
    assert np.isnan(reliability(confidence[:0], right[:0]).ece)
    with pytest.raises(ValueError, match="at least 1 bin"):
        reliability(confidence, right, bins=0)
