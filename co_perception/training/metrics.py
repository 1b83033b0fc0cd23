"""How good a classifier is, in torchmetrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from co_perception.training.config import EXTRA

if TYPE_CHECKING:
    from torchmetrics import Metric, MetricCollection


def collection(classes: int) -> MetricCollection:
    """Measures that take logits (B, classes) and labels (B,), and agree among processes.

    accuracy: share of examples; balanced_accuracy: mean over classes of the share of their examples; f1: mean over
    classes. A class that is neither shown nor answered does not count.
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
    """What `collection` says, and the loss (mean cross entropy), of logits (N, classes) and labels (N,)."""
    found = {name: float(value) for name, value in collection(logits.shape[1])(logits, labels).items()}
    return {"loss": float(torch.nn.functional.cross_entropy(logits, labels)), **found}


def confusion(logits: Tensor, labels: Tensor) -> NDArray[np.int64]:
    """(classes, classes) counts: rows are what it was, columns what it was taken for."""
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    return multiclass_confusion_matrix(logits, labels, logits.shape[1]).numpy()


def mean() -> Metric:
    """Of values with weights, `update(value, weight)`, over all processes."""
    from torchmetrics import MeanMetric

    # NaN stays NaN, because a loss that is no number must be seen; "disable" (1.9) would also drop the weights.
    return MeanMetric(nan_strategy=float("nan"))
