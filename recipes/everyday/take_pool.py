"""Recordings of one dimension as one array, from which windows of the everyday model are drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recipes.everyday import bodies as body
from recipes.everyday.drawing import (
    ACTION,
    MOTION,
    RATE_HZ,
    SIT,
    STAND,
    Floats,
    Random,
    smooth,
)
from recipes.everyday.figure import RATE_HZ as FIGURE_HZ
from recipes.everyday.key_poses import Motion
from recipes.everyday.labels import GROUPS, NONE, UNKNOWN, act_of, label_of, moving_span, targets
from recipes.readers.takes import Take

# Of these nobody says in a still picture that they go on. A kick is told for a while after it (`labels.HELD_S`).
MOVING = [number for number, name in enumerate(GROUPS["motion"]) if name not in (NONE, "kicking")]


class TakePool:
    """Recordings of one dimension as one array, from which windows are drawn.

    Args:
        joints: (T, 13, 2 or 3) of each, without gaps.
        goals: (T, 4) class of each frame in each group and number of the data set's own action, or UNKNOWN.
        rates: frames per second of each.
        weights: how often each is drawn, in sum 1.
        actions: how many actions of data sets the numbers stand for.
    """

    def __init__(
        self,
        joints: Sequence[Floats],
        goals: Sequence[NDArray[np.integer]],
        rates: Sequence[float],
        weights: Floats,
        actions: int = 0,
    ) -> None:
        self.joints, self.targets, self.actions = np.concatenate(joints), np.concatenate(goals), actions
        self.lengths = np.array([len(each) for each in joints])
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.rates = np.array(rates)
        self.shares, self.chances = weights, np.cumsum(weights)
        self.quiet = {
            posture: np.flatnonzero((self.targets[:, :ACTION] == [posture, 0, 0]).all(1)) for posture in (STAND, SIT)
        }

    @classmethod
    def of_takes(cls, takes: Sequence[Take]) -> TakePool:
        """Takes, drawn so that every class comes equally often."""
        joints = [body.completed(take.joints) if take.joints.shape[-1] == 3 else take.joints for take in takes]
        actions = sorted({(take.dataset, take.action) for take in takes})
        goals = [_with_action(take, actions.index((take.dataset, take.action))) for take in takes]
        return cls(joints, goals, [take.rate_hz for take in takes], _chances(takes), len(actions))

    @classmethod
    def of_motions(cls, motions: Sequence[Motion]) -> TakePool:
        """Simulated motions, each drawn equally often."""
        goals = [np.pad(each.targets, ((0, 0), (0, 1)), constant_values=UNKNOWN) for each in motions]
        weights = np.full(len(motions), 1 / len(motions))
        return cls([each.joints for each in motions], goals, [FIGURE_HZ] * len(motions), weights)

    def draw(
        self, count: int, frames: int, speed: tuple[float, float], rng: Random, pace: float = 0.0
    ) -> tuple[Floats, NDArray[np.int64]]:
        """Windows (count, frames, 13, 2 or 3) and their targets (count, frames, 4), at `speed` times their own.

        `pace` is how unevenly time passes, as the deviation of the logarithm of the speed.
        Before its beginning and after its end a take stands still: nobody walks or stands up there, and long after its
        end nothing is known but the posture.
        """
        which = np.minimum(np.searchsorted(self.chances, rng.random(count)), len(self.lengths) - 1)
        step = self.rates[which] / RATE_HZ * np.exp(rng.uniform(np.log(speed[0]), np.log(speed[1]), count))
        last = self.lengths[which] - 1
        end = rng.uniform(0.3, 1.1, count) * np.maximum(last, 1) + rng.uniform(0, 0.5, count) * frames * step
        end = np.minimum(end, np.maximum(last + 6 * step, frames * step * rng.uniform(0.5, 1, count)))
        ago = np.arange(frames - 1, -1, -1, dtype=float)
        if pace:
            ago = np.cumsum(np.exp(pace * smooth((count, frames), 8, rng)), 1)[:, ::-1] - 1
        at = end[:, None] - ago * step[:, None]
        beyond = (at > last[:, None] + 8 * step[:, None]) | (at < -4 * step[:, None])
        frozen = (at > last[:, None] + step[:, None]) | (at < -step[:, None])
        at = np.clip(at, 0, last[:, None])
        joints = self.between(which, at)
        goals = self.targets[self.starts[which][:, None] + np.rint(at).astype(int)].astype(np.int64)
        goals[..., 1:][beyond] = UNKNOWN
        goals[..., MOTION][frozen & np.isin(goals[..., MOTION], MOVING)] = UNKNOWN
        return joints, goals

    def between(self, which: NDArray[np.integer], at: Floats) -> Floats:
        """Joints (count, frames, 13, 2 or 3) of takes at frames (count, frames), linear between them."""
        low = np.minimum(at.astype(int), np.maximum(self.lengths[which, None] - 2, 0))
        share = (at - low)[..., None, None].astype(np.float32)
        index = self.starts[which][:, None] + low
        return np.asarray(self.joints[index] * (1 - share) + self.joints[index + 1] * share)

    def stills(self, count: int, frames: int, rng: Random, posture: int = STAND) -> Floats:
        """Bodies that stand or sit still, (count, frames, 13, 3)."""
        chosen = self.joints[rng.choice(self.quiet[posture], count)]
        return np.repeat(chosen[:, None], frames, 1)


def _with_action(take: Take, number: int) -> NDArray[np.int16]:
    """Targets (T, 4): the three groups, and the number of the data set's own action while it lasts."""
    action = np.full((len(take), 1), UNKNOWN, np.int16)
    first, last = (0, len(take)) if act_of(take).held else moving_span(take)
    action[first:last] = number
    return np.concatenate([targets(take), action], 1)


def _chances(takes: Sequence[Take]) -> Floats:
    """How often each take is drawn: labels by the fourth root of their takes, their sets by the square root.

    Takes of other acts, and those of which only a part is known, come as often as five labels and as one and a half.
    """
    # What is picked up and thrown counts as a bend: it is the only one in reach of a hand on the floor.
    names = [str(act_of(take).motion if act_of(take).in_turn else label_of(take)) for take in takes]
    pairs = [(name, take.dataset) for name, take in zip(names, takes, strict=True)]
    counts = Counter(pairs)
    weights = np.zeros(len(takes))
    labels = Counter(name for name, _ in pairs)
    for number, (name, dataset) in enumerate(pairs):
        roots = sum(np.sqrt(count) for (other, _), count in counts.items() if other == name)
        often = {"none": 5.0, "None": 1.5}.get(name, (labels[name] / 30) ** 0.25)
        weights[number] = often * np.sqrt(counts[name, dataset]) / roots / counts[name, dataset]
    return np.asarray(weights / weights.sum())
