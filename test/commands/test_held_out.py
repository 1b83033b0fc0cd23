"""Figures of what is held out: a table of what was taken for what, printed and written beside the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from co_perception.commands.held_out import HELD_OUT, held_out_confusion, print_confusion
from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import SkeletonSequence

Capture = pytest.CaptureFixture[str]


class Guess:
    """A learner whose answers are given."""

    def __init__(self, answers: list[int]) -> None:
        self._answers = answers

    def predict(self, held_out: Samples, config: Any = None) -> np.ndarray:
        return np.array(self._answers, np.int64)


def test_counts_are_of_the_classes_that_occur(capsys: Capture) -> None:
    data = SkeletonSequence(np.ones((3, 4, 17, 1), np.float32), "coco17", 15.0, "pixels")
    items = [Sample(data, label, "", str(n), "", "") for n, label in enumerate((0, 0, 2, 2, 2))]
    samples = Samples(items, ["squat", "stand", "wave", "jump"])
    guess: Any = Guess([0, 2, 2, 2, 3])
    found = held_out_confusion(guess, samples)
    assert found.classes == ("squat", "wave", "jump")
    assert found.rows == ((1, 1, 0), (0, 2, 1), (0, 0, 0))
    print_confusion(found)
    assert capsys.readouterr().out.splitlines()[1:] == [
        "       squat  wave  jump", "squat  1      1     0", "wave   0      2     1", "jump   0      0     0",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_training_writes_them(trained: Path) -> None:
    found = json.loads((trained / HELD_OUT).read_text())
    counts = np.array(found["confusion"])
    assert found["classes"] == ["squat", "wave"] and counts.sum() > 0
    assert found["judged"]["accuracy"] == pytest.approx(np.trace(counts) / counts.sum())
    recalls = np.diag(counts) / counts.sum(1)
    assert found["balanced_accuracy"] == pytest.approx(recalls.mean(), abs=1e-6)
