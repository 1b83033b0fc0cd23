"""Answers as arrays, to be compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.target import Category


def scores(answers: Sequence[Category]) -> NDArray[np.float32]:
    """(N, classes) of the answers that have a class."""
    return np.stack([answer.probabilities for answer in answers if answer.probabilities is not None])
