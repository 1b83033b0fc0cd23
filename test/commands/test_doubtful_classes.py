"""Classes that may be a mistake are told before a training: spellings of one activity, indices that count from 1."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.commands.sources import _tell_doubtful
from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import Timeseries


def samples(classes: tuple[str, ...], *found: int) -> Samples:
    one = Timeseries(np.zeros((5, 2), np.float32), rate_hz=10.0)
    return Samples([Sample(one, label, source=f"{n}") for n, label in enumerate(found)], classes)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (samples(("class 0", "class 1", "class 2"), 1, 2, 1), "Class 0 has no example: do the class indices"),
        (samples(("class 0", "class 1"), 0, 1), ""),
        (samples(("sit down", "Sit-Down", "wave"), 0, 1, 2), "'Sit-Down' and 'sit down' are 2 classes"),
        (samples(("sit down", "Sit-Down", "wave"), 0, 2), ""),
    ],
)
def test_doubtful_classes(given: Samples, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    _tell_doubtful(given, "")
    error = capsys.readouterr().err
    assert words in error and bool(error) == bool(words)
