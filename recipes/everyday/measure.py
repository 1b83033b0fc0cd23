"""Measures of the everyday model: one answer per take, from any side, and figures with intervals.

A take has one label, of motion or of arms. Its answer is the label with the highest probability over a while (see
`take_scores`); "none" has the smaller one of both groups' none, so that a label wins where either group is sure of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipes.everyday import bodies as body
from recipes.everyday.drawing import RATE_HZ, Drawing
from recipes.everyday.estimator import estimated, seen_from_anywhere
from recipes.everyday.labels import GROUPS, NONE, label_of, targets
from recipes.everyday.training import SLICES
from recipes.readers.takes import Take

Floats = NDArray[np.floating]
SPAN = 25  # frames in a row, 1.7 s
TOLD = 5  # answers in a row with which a label counts as told, a third of a second
MOST_SECONDS, FEWEST_FRAMES = 30.0, 8
# What a camera and an estimator add where a set has joints in space; milder than in training.
SEEN = Drawing(late=0, cut=0, legless=0, jumps=0.02, lost=0.1, noise=(0.003, 0.012))
ANSWERS = (NONE, *GROUPS["motion"][1:], *GROUPS["arms"][1:])


@dataclass(frozen=True, eq=False)
class Stream:
    """A take as a camera and an estimator give it, at 15 Hz.

    Args:
        joints: (T, 13, 3).
        goals: (T, 3) class of each frame in each group, or UNKNOWN.
        label: one of `ANSWERS`.
    """

    joints: Floats
    goals: NDArray[np.int8]
    label: str
    take: Take


def streams(takes: Sequence[Take], seed: int, views: int = 1) -> list[Stream]:
    """Takes of a known label, each from `views` random sides; those of joints in a picture as they are."""
    rng, found = np.random.default_rng(seed), list[Stream]()
    for take in takes:
        label = label_of(take)
        even = take.at_rate(RATE_HZ)
        joints = even.joints[: round(MOST_SECONDS * RATE_HZ)]
        if label is None or len(joints) < FEWEST_FRAMES:
            continue
        for _ in range(views if joints.shape[-1] == 3 else 1):
            planar = joints.shape[-1] == 2
            points = joints[None] if planar else seen_from_anywhere(body.completed(joints)[None], rng)
            goals = targets(even)[: len(joints)]
            batch = estimated(points, goals[None].astype(np.int64), SEEN, rng)
            found.append(Stream(batch.joints[0], goals, label, take))
    return found


def take_scores(probabilities: Floats) -> Floats:
    """(answers,) of one take from the probabilities (T, classes) of its frames; the first frames do not count.

    A label has a mean over `SPAN` frames in a row that a quarter of the take's spans reach, "none" that of its worst,
    so that an action may be a part of the take. Chosen on held-out people beside the best span, means over all frames,
    over the better half, and of logarithms.
    """
    rows = probabilities[min(8, len(probabilities) // 3) :]
    motion, arms = rows[:, SLICES["motion"]], rows[:, SLICES["arms"]]
    none = np.minimum(motion[:, :1], arms[:, :1])
    shares = np.concatenate([none, motion[:, 1:], arms[:, 1:]], 1)
    span = min(SPAN, len(shares))
    sums = np.cumsum(np.pad(shares, ((1, 0), (0, 0))), 0)
    means = (sums[span:] - sums[:-span]) / span
    return np.concatenate([means[:, :1].min(0), np.quantile(means[:, 1:], 0.75, axis=0)])


def false_alarms(rows: Sequence[Floats], tests: Sequence[Stream], limits: Mapping[str, float]) -> dict[str, float]:
    """How often a label of motion or arms is told of people who do something else, and their hours.

    Args:
        rows: probabilities (T, classes) of each stream.
        limits: least probability of an answer that counts, by group.
    """
    alarms, frames = 0, 0
    for shares, test in zip(rows, tests, strict=True):
        if test.label != NONE:
            continue
        frames += len(shares)
        for group in ("motion", "arms"):
            own = shares[:, SLICES[group]]
            label = np.where(own.max(1) >= limits[group], own.argmax(1), 0)
            starts = np.flatnonzero(np.diff(label, prepend=0))
            ends = np.append(starts[1:], len(label))
            alarms += int(((label[starts] > 0) & (ends - starts >= TOLD)).sum())
    return {"alarms": alarms, "hours": frames / RATE_HZ / 3600}


def answers(scores: Floats, allowed: Collection[str] = ANSWERS) -> list[str]:
    """The best of the allowed answers for each take, scores (N, answers)."""
    possible = np.isin(ANSWERS, list(allowed))
    return [ANSWERS[int(number)] for number in np.where(possible, scores, -np.inf).argmax(1)]


@dataclass(frozen=True)
class Figures:
    """How good the answers of one set are.

    Args:
        accuracy: share of the takes with a label that got it.
        macro: mean over labels of that share.
        false: share of the takes of other acts that got a label, NaN where there is none.
        recalls: (share, takes) by label.
    """

    accuracy: float
    macro: float
    false: float
    recalls: dict[str, tuple[float, int]]


def figures(found: Sequence[str], wanted: Sequence[str]) -> Figures:
    """Figures of answers."""
    right, true = np.array(found) == np.array(wanted), np.array(wanted)
    labels = sorted(set(wanted) - {NONE})
    recalls = {label: (float(right[true == label].mean()), int((true == label).sum())) for label in labels}
    known = true != NONE
    return Figures(
        float(right[known].mean()) if known.any() else float("nan"),
        float(np.mean([share for share, _ in recalls.values()])) if recalls else float("nan"),
        float((~right[~known]).mean()) if (~known).any() else float("nan"),
        recalls,
    )


def interval(
    found: Sequence[str],
    wanted: Sequence[str],
    people: Sequence[str],
    measure: Callable[[Figures], float],
    draws: int = 300,
) -> tuple[float, float]:
    """95 % interval of a measure when people are drawn anew, with replacement (a bootstrap over people)."""
    rng, names = np.random.default_rng(0), sorted(set(people))
    members = {name: [i for i, person in enumerate(people) if person == name] for name in names}
    values = []
    for _ in range(draws):
        chosen = [i for name in rng.choice(names, len(names)) for i in members[name]]
        values.append(measure(figures([found[i] for i in chosen], [wanted[i] for i in chosen])))
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def floor_features(stream: Stream, steps: int = 32) -> Floats:
    """Trivial features: 13 joints at even steps over the whole take, centered and scaled by their spread."""
    joints = stream.joints[np.linspace(0, len(stream.joints) - 1, steps).round().astype(int)]
    seen = joints[..., 2:] > 0
    points = np.where(seen, joints[..., :2], np.nan)
    points = points - np.nanmean(points, (0, 1))
    return np.nan_to_num(points / max(float(np.nanstd(points)), 1e-6)).ravel().astype(np.float32)
