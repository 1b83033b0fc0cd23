"""Accuracy, balanced accuracy, F1 and loss of a classifier, with torchmetrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from co_perception.training.config import EXTRA

if TYPE_CHECKING:
    from torchmetrics import Metric, MetricCollection


def collection(classes: int) -> MetricCollection:
    """Measures that take logits (B, classes) and labels (B,), and are reduced over processes.

    `accuracy` is the share of examples, `balanced_accuracy` the mean recall over classes, `f1` the mean over classes. A
    class that neither occurs nor is predicted does not count.
    """
    try:
        from torchmetrics import MetricCollection
        from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score
    except ImportError as error:
        raise ImportError(EXTRA) from error
    return MetricCollection(
        {
            "accuracy": MulticlassAccuracy(classes, average="micro"),
            "balanced_accuracy": MulticlassAccuracy(classes, average="macro"),
            "f1": MulticlassF1Score(classes, average="macro"),
        }
    )


def measure(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """The measures of `collection` and the loss (mean cross entropy) of logits (N, classes) and labels (N,)."""
    measures = {name: float(value) for name, value in collection(logits.shape[1])(logits, labels).items()}
    return {"loss": float(torch.nn.functional.cross_entropy(logits, labels)), **measures}


def mean() -> Metric:
    """Weighted mean over all processes: `update(value, weight)`."""
    from torchmetrics import MeanMetric

    # NaN stays NaN, because a loss that is no number must be seen; "disable" (1.9) would also drop the weights.
    return MeanMetric(nan_strategy=float("nan"))


def take(metric: Metric) -> float:
    """The metric's value; the metric begins anew."""
    value = float(metric.compute())
    metric.reset()
    return value
