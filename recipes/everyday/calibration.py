"""Calibration of the everyday model on people that it was not trained on: a temperature and a threshold for each group.

Guo et al., On Calibration of Modern Neural Networks, ICML 2017, arXiv:1706.04599. Scores of a group are divided by its
temperature, which becomes a part of the last layer, so that nothing has to know of it afterwards.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from co_perception.networks.temporal import CoTcn
from recipes.everyday.labels import UNKNOWN
from recipes.everyday.measure import Floats, Stream
from recipes.everyday.training import SLICES, probabilities

TEMPERATURES = np.geomspace(0.2, 4, 60)
COST = 0.03  # share of right answers that a threshold may turn down
ENOUGH = 0.6  # confidence that no threshold asks more than: where a group is hardly ever wrong, nothing is gained
WARM_UP = 8  # frames of a stream that do not count


def temperatures(rows: Sequence[Floats], tests: Sequence[Stream]) -> dict[str, float]:
    """By group, the temperature with the least cross-entropy over frames whose class is known.

    Args:
        rows: probabilities (T, classes) of each stream.
    """
    found = {}
    for group, (shares, goals) in _known_frames(rows, tests).items():
        logits = np.log(np.maximum(shares, 1e-9))
        losses = [_cross_entropy(logits / temperature, goals) for temperature in TEMPERATURES]
        found[group] = float(TEMPERATURES[int(np.argmin(losses))]) if len(goals) else 1.0
    return found


def calibrated(network: CoTcn, by_group: Mapping[str, float]) -> CoTcn:
    """A copy of the network whose scores are divided by these temperatures."""
    copied = copy.deepcopy(network)
    with torch.no_grad():
        for group, temperature in by_group.items():
            copied.get_parameter("fc.weight")[SLICES[group]] /= temperature
            copied.get_parameter("fc.bias")[SLICES[group]] /= temperature
    return copied


def thresholds(rows: Sequence[Floats], tests: Sequence[Stream]) -> dict[str, float]:
    """By group, the confidence below which `COST` of its right answers lie, `ENOUGH` at most."""
    found = {}
    for group, (shares, goals) in _known_frames(rows, tests).items():
        right = shares.max(1)[shares.argmax(1) == goals]
        found[group] = min(float(np.quantile(right, COST)), ENOUGH) if len(right) else 0.0
    return found


def calibration_error(rows: Sequence[Floats], tests: Sequence[Stream], bins: int = 10) -> dict[str, float]:
    """By group, the expected calibration error over frames whose class is known."""
    found = {}
    for group, (shares, goals) in _known_frames(rows, tests).items():
        confidence, right = shares.max(1), shares.argmax(1) == goals
        bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
        off = [
            abs(confidence[bin_of == n].mean() - right[bin_of == n].mean()) * (bin_of == n).mean()
            for n in np.unique(bin_of)
        ]
        found[group] = float(np.sum(off))
    return found


def rejected(rows: Sequence[Floats], tests: Sequence[Stream], limits: Mapping[str, float]) -> dict[str, float]:
    """Of frames whose class is known: the share that is right, and the share that is right and not below the limits."""
    pairs = _known_frames(rows, tests)
    right = np.concatenate([shares.argmax(1) == goals for shares, goals in pairs.values()])
    sure = np.concatenate([shares.max(1) >= limits[group] for group, (shares, _) in pairs.items()])
    return {"right": float(right.mean()), "right and sure": float((right & sure).mean())}


def fitted(network: CoTcn, tests: Sequence[Stream]) -> tuple[dict[str, float], dict[str, float]]:
    """Temperatures by group, and the thresholds after them."""
    joints = [test.joints for test in tests]
    by_group = temperatures(probabilities(network, joints), tests)
    return by_group, thresholds(probabilities(calibrated(network, by_group), joints), tests)


def _known_frames(rows: Sequence[Floats], tests: Sequence[Stream]) -> dict[str, tuple[Floats, np.ndarray]]:
    """By group, probabilities (N, its classes) and class of the frames of which it is known."""
    found = {}
    for number, (group, part) in enumerate(SLICES.items()):
        goals = np.concatenate([test.goals[WARM_UP:, number] for test in tests])
        shares = np.concatenate([row[WARM_UP:, part] for row in rows])
        found[group] = shares[goals != UNKNOWN], goals[goals != UNKNOWN]
    return found


def _cross_entropy(logits: Floats, goals: np.ndarray) -> float:
    logits = logits - logits.max(1, keepdims=True)
    return float((np.log(np.exp(logits).sum(1)) - logits[np.arange(len(goals)), goals]).mean())
