"""Measures beside scikit-learn's."""

from __future__ import annotations

import pytest
import torch

from co_perception.training.metrics import measure

sklearn = pytest.importorskip("sklearn.metrics")


def test_measures_are_scikit_learns() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(60, 4, generator=generator)
    labels = torch.multinomial(torch.tensor([0.6, 0.2, 0.1, 0.1]), 60, replacement=True, generator=generator)
    answers, found = logits.argmax(1), measure(logits, labels)
    wanted = {
        "loss": sklearn.log_loss(labels, logits.double().softmax(1).numpy()),
        "accuracy": sklearn.accuracy_score(labels, answers),
        "balanced_accuracy": sklearn.balanced_accuracy_score(labels, answers),
        "f1": sklearn.f1_score(labels, answers, average="macro"),
    }
    assert found == pytest.approx(wanted, abs=1e-6)
