"""Accuracy as it is reported: beside chance, the number of independent takes, an interval and a verdict in words."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from co_perception.evaluation.metrics.chance import (
    constant_accuracy,
    effective_units,
    label_units,
    orders,
    permutation_p,
    wilson_interval,
)
from co_perception.evaluation.metrics.frame import Ints, accuracy, confusion

LEVEL, SIGNIFICANT = 0.95, 0.02


@dataclass(frozen=True)
class JudgedAccuracy:
    """An accuracy and what it has to be compared with.

    Args:
        accuracy: share of the examples whose class is right; NaN without examples.
        chance: the same of a constant answer, that of the most frequent class here.
        units: number of independent recordings, people or takes.
        unit: what they are, in the plural.
        interval: 95 % interval of the accuracy over units; None with fewer than two.
        p: see `chance.permutation_p`.
        least_p: the smallest that so few takes allow.
    """

    accuracy: float
    chance: float
    units: int
    unit: str
    interval: tuple[float, float] | None
    p: float
    least_p: float

    @property
    def above_chance(self) -> bool:
        """Whether answers have to do with labels: random ones would do as well in fewer than one case of fifty."""
        return self.p < SIGNIFICANT and self.accuracy > self.chance

    def words(self) -> str:
        """Chance, units, interval and verdict, as they follow the accuracy in a sentence."""
        if self.interval is None:
            spread = f"measured on {self.units} {self.unit}: no interval, two are needed"
        else:
            spread = f"95 % interval {self.interval[0]:.3f} to {self.interval[1]:.3f} over {self.units} {self.unit}"
        verdict = "Better than chance" if self.above_chance else "No better than chance"
        if self.least_p >= SIGNIFICANT:
            verdict += " as far as so few takes can tell: no accuracy on them could be"
        return f"chance {self.chance:.3f}, {spread}. {verdict} (p = {self.p:.2g}, labels permuted between takes)"

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self) | {"above_chance": self.above_chance}


def judged_accuracy(
    truth: Ints, predicted: Ints, units: Sequence[Hashable], unit: str, levels: Sequence[Sequence[Hashable]]
) -> JudgedAccuracy:
    """The accuracy of (N,) predicted class indices.

    Args:
        truth, predicted: (N,) class indices.
        units: (N,) the recording, person or take of each example: what was held out as a whole.
        unit: what the units are, in the plural.
        levels: (N,) names each of what may have been labeled as a whole, the coarsest first: people, recordings, takes.
    """
    classes = int(max(truth.max(initial=0), predicted.max(initial=0))) + 1
    share = accuracy(confusion(truth, predicted, classes))
    sizes = np.unique([str(each) for each in units], return_counts=True)[1]
    interval = wilson_interval(share, effective_units(sizes.astype(np.float64)), LEVEL) if len(sizes) > 1 else None
    labeled = label_units(truth, *levels)
    p, least_p = permutation_p(truth, predicted, labeled), 1 / orders(truth, labeled)
    return JudgedAccuracy(share, constant_accuracy(truth), len(sizes), unit, interval, p, least_p)
