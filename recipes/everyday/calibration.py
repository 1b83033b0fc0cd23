"""Calibration of the everyday model on people that it was not trained on: a temperature, biases and a threshold.

Guo et al., On Calibration of Modern Neural Networks, ICML 2017, arXiv:1706.04599: temperature scaling, and the biases
of vector scaling. Training shows classes as often as their examples are drawn, composed ones above all; the biases take
that back. Scores of a group are divided by its temperature and moved by its biases, which become a part of the last
layer, so that nothing has to know of them afterwards.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from co_perception.networks.temporal import CoTcn
from recipes.everyday.labels import UNKNOWN
from recipes.everyday.measure import Floats, Stream
from recipes.everyday.training import SLICES, probabilities

Scalings = Mapping[str, tuple[float, Floats]]
# Of the biases with the least cross-entropy. Who is posed here stands, so that posture keeps its own. Of those of the
# arms a quarter costs held-out people .015 of accuracy on one half of them, and a label for .075 of the other acts.
BIAS_SHARES = {"posture": 0.0, "motion": 1.0, "arms": 0.25}
SMALL = 1e-3  # weight of the squares of the biases
TEMPERATURES = np.geomspace(0.2, 4, 60)
COST = 0.03  # share of right answers that a threshold may turn down
ENOUGH = 0.6  # confidence that no threshold asks more than: where a group is hardly ever wrong, nothing is gained
WARM_UP = 8  # frames of a stream that do not count


def scalings(rows: Sequence[Floats], tests: Sequence[Stream]) -> Scalings:
    """By group, temperature and biases (classes,) with the least cross-entropy over frames whose class is known.

    The biases are `BIAS_SHARES` of those with the least cross-entropy, and the temperature is fitted to them.

    Args:
        rows: probabilities (T, classes) of each stream.
    """
    found = {}
    for group, (shares, goals) in _known_frames(rows, tests).items():
        logits = np.log(np.maximum(shares, 1e-9))
        share = BIAS_SHARES[group] if len(goals) else 0.0
        biases = share * _biases(logits, goals) if share else np.zeros(logits.shape[1])
        losses = [_cross_entropy(logits / temperature + biases, goals) for temperature in TEMPERATURES]
        found[group] = (float(TEMPERATURES[int(np.argmin(losses))]) if len(goals) else 1.0, biases)
    return found


def _biases(logits: Floats, goals: np.ndarray) -> Floats:
    """Biases (classes,) of mean zero with the least cross-entropy, beside a temperature that is fitted with them."""
    scores, wanted = torch.tensor(logits, dtype=torch.float32), torch.tensor(goals, dtype=torch.int64)
    biases, scale = torch.zeros(logits.shape[1], requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([biases, scale], max_iter=60)

    def closure() -> float:
        optimizer.zero_grad()
        loss = F.cross_entropy(scores * scale.exp() + biases, wanted) + SMALL * (biases**2).sum()
        loss.backward()
        return float(loss.detach())

    optimizer.step(closure)
    return np.asarray((biases - biases.mean()).detach().numpy(), np.float64)


def calibrated(network: CoTcn, by_group: Scalings) -> CoTcn:
    """A copy of the network whose scores are divided by these temperatures and moved by these biases."""
    copied = copy.deepcopy(network)
    with torch.no_grad():
        for group, (temperature, biases) in by_group.items():
            copied.get_parameter("fc.weight")[SLICES[group]] /= temperature
            own = copied.get_parameter("fc.bias")[SLICES[group]]
            own /= temperature
            own += torch.tensor(biases, dtype=own.dtype)
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


def fitted(network: CoTcn, tests: Sequence[Stream]) -> tuple[Scalings, dict[str, float]]:
    """Temperatures and biases by group, and the thresholds after them."""
    joints = [test.joints for test in tests]
    by_group = scalings(probabilities(network, joints), tests)
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
