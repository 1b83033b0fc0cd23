"""From measurements to a feature network's input, the same in training and on the robot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from co_perception.engine.data import Timeseries
from co_perception.learners.rates import places
from co_perception.networks.variants_features import FeatureVariant


def checked(values: NDArray[Any], variant: FeatureVariant) -> NDArray[np.float32]:
    """Rows (T, features) as they are; ValueError for another number of features, or where one is NaN or infinite."""
    if values.shape[-1] != variant.features:
        raise ValueError(
            f"{variant.name} takes {variant.features} features a frame, got shape {values.shape}: build the learner "
            f"with features={values.shape[-1]}, or give time first, (time, features)"
        )
    if not np.isfinite(values).all():
        raise ValueError("a feature is NaN or infinite: leave such a frame out, or repeat the one before")
    return values


def to_input(rows: NDArray[np.float32]) -> Tensor:
    """(features, T) of rows (T, features)."""
    return torch.from_numpy(np.ascontiguousarray(rows.T))


def at_rate(series: Timeseries, variant: FeatureVariant) -> NDArray[np.float32]:
    """Rows (T, features) at the network's rate: those nearest in time."""
    values = checked(series.data, variant)
    return values[places(len(values), series.rate_hz, variant.rate_hz)]


class FeatureExamples:
    """(Timeseries, Category) pairs as inputs of a network: the newest `frames` rows, or any run of as many where rng
    draws."""

    def __init__(
        self, dataset: Sequence[tuple[Any, Any]], labels: Sequence[int], variant: FeatureVariant, frames: int
    ) -> None:
        self.dataset, self.labels, self.variant, self.frames = dataset, labels, variant, frames

    def __len__(self) -> int:
        return len(self.labels)

    def tensor(self, index: int, rng: np.random.Generator | None) -> Tensor:
        """(features, frames) float32."""
        rows = series_rows(self.dataset, index, self.variant)
        spare = len(rows) - self.frames
        start = spare if rng is None else int(rng.integers(spare + 1))
        return to_input(rows[start : start + self.frames])


def series_rows(dataset: Sequence[tuple[Any, Any]], index: int, variant: FeatureVariant) -> NDArray[np.float32]:
    """Rows (T, features) of an example at the network's rate; ValueError names it."""
    series = dataset[index][0]
    if not isinstance(series, Timeseries):
        raise ValueError(f"example {index}: expected a Timeseries (time, features), got {type(series).__name__}")
    try:
        return at_rate(series, variant)
    except ValueError as error:
        raise ValueError(f"example {index}: {error}") from error
