"""Single short acts between stretches of standing still: one punch, one kick, one push, not a series of them.

Takes repeat an act for seconds. In real life a person stands, strikes once within half a second, and stands. So single
acts are found in the takes of those acts, and in takes of other acts of the arms, and shown by themselves: before and
after it the person stays as they are, or lets the limb sink to where it rests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipes.everyday import bodies as body
from recipes.everyday.drawing import ACTION, ARMS, MOTION, POSTURE, RATE_HZ, STAND, Floats, Random
from recipes.everyday.labels import GROUPS, HELD_S, NONE, SHORT, UNKNOWN, act_of, label_of
from recipes.everyday.take_pool import TakePool
from recipes.readers.takes import Take

SECONDS = (0.2, 1.8)  # how long a single act lasts in a take
PROMINENCE, DEPTH = 0.4, 0.85  # of a peak among a take's range; of the peak at which the act begins and ends
ONSET, ONSET_S = 0.25, 0.25  # share of the act, and most seconds, in which nobody can tell
NONE_WEIGHT = 3.0  # how often other acts come, in labels
ARMS_SIDES = ((body.L_WRIST, body.L_HIP), (body.R_WRIST, body.R_HIP))
LEGS_SIDES = ((body.L_ANKLE, body.R_ANKLE),)


@dataclass(frozen=True)
class SingleAct:
    """A single act in a take.

    Args:
        take: number of the take in its pool.
        first, last: frames in the take.
        rest: frame in which the limb is nearest to where it rests.
        label: of motion or arms, or NONE.
    """

    take: int
    first: float
    last: float
    rest: int
    label: str


def reach(joints: Floats, label: str) -> Floats:
    """How far (T,) the limb of an act is from where it rests, m: wrists from the hips, ankles from each other."""
    ways = [
        np.linalg.norm(joints[:, end] - joints[:, start], axis=-1)
        for end, start in (LEGS_SIDES if label == "kicking" else ARMS_SIDES)
    ]
    return np.asarray(max(ways, key=np.ptp))


def single_acts(joints: Floats, rate_hz: float, label: str, take: int = 0) -> list[SingleAct]:
    """Single acts in the joints (T, 13, 3) of a take."""
    from scipy.signal import find_peaks, peak_widths

    way = reach(joints, label)
    width = max(round(rate_hz * 0.15), 1)
    way = np.convolve(np.pad(way, width // 2, "edge"), np.ones(width) / width, "same")[width // 2 :][: len(joints)]
    peaks, _ = find_peaks(np.pad(way, 1, constant_values=way.min()), prominence=max(PROMINENCE * np.ptp(way), 0.1))
    peaks = np.clip(peaks - 1, 0, len(way) - 1)
    if not len(peaks):
        return []
    padded = np.pad(way, 1, constant_values=way.min())
    _, _, begins, ends = peak_widths(padded, peaks + 1, rel_height=DEPTH)
    found = []
    for begin, end in zip(np.clip(begins - 1, 0, len(way) - 1), np.clip(ends - 1, 0, len(way) - 1), strict=True):
        if SECONDS[0] <= (end - begin) / rate_hz <= SECONDS[1]:
            found.append(SingleAct(take, float(begin), float(end), int(way.argmin()), label))
    return found


class SingleActs:
    """Single acts of takes in space, from which windows are drawn.

    Args:
        takes: those of the pool, in its order.
        pool: their joints.
    """

    def __init__(self, takes: Sequence[Take], pool: TakePool) -> None:
        self.pool, self.acts = pool, list[SingleAct]()
        for number, take in enumerate(takes):
            label = label_of(take)
            if label in SHORT or (label == NONE and act_of(take).posture == ("standing",)):
                own = pool.joints[pool.starts[number] : pool.starts[number] + pool.lengths[number]]
                self.acts += single_acts(own, take.rate_hz, str(label), number)
        labels = np.array([act.label for act in self.acts])
        weights = np.array([pool.shares[act.take] for act in self.acts])
        for label in np.unique(labels):
            weights[labels == label] *= (NONE_WEIGHT if label == NONE else 1) / weights[labels == label].sum()
        self.chances = np.cumsum(weights) / max(weights.sum(), 1e-9)

    def draw(
        self, count: int, frames: int, speed: tuple[float, float], rng: Random
    ) -> tuple[Floats, NDArray[np.int64], list[str]]:
        """Windows (count, frames, 13, 3) of single acts, their targets (count, frames, 4), and their labels."""
        chosen = [self.acts[min(int(n), len(self.acts) - 1)] for n in np.searchsorted(self.chances, rng.random(count))]
        take = np.array([act.take for act in chosen])
        first, last = (np.array([[getattr(act, name)] for act in chosen]) for name in ("first", "last"))
        step = (
            self.pool.rates[take, None] / RATE_HZ * np.exp(rng.uniform(np.log(speed[0]), np.log(speed[1]), (count, 1)))
        )
        long = (last - first) / step
        at = np.arange(frames) - rng.uniform(-0.2 * long, frames - 3)
        joints = self.pool.between(take, np.clip(first + at * step, first, last))
        rest = self.pool.joints[self.pool.starts[take] + [act.rest for act in chosen]][:, None]
        pelvis = body.middle(joints, body.L_HIP, body.R_HIP) - body.middle(rest, body.L_HIP, body.R_HIP)
        pelvis[..., 1] = 0
        ramp = rng.uniform(2, 7, (count, 1))
        share = np.clip(np.maximum(-at, at - long) / ramp, 0, 1) * (rng.random((count, 1)) < 0.65)
        share = (share * share * (3 - 2 * share)).astype(np.float32)[..., None, None]
        joints = joints * (1 - share) + (rest + pelvis[:, :, None]) * share
        return joints.astype(np.float32), self._goals(chosen, at, long), [act.label for act in chosen]

    def _goals(self, chosen: Sequence[SingleAct], at: Floats, long: Floats) -> NDArray[np.int64]:
        """Targets (count, frames, 4): none before, unknown at first, the label, unknown, none."""
        goals = np.zeros((*at.shape, ACTION + 1), np.int64)
        goals[..., POSTURE], goals[..., ACTION] = STAND, UNKNOWN
        held = HELD_S * RATE_HZ
        begun = at >= np.minimum(ONSET * long, ONSET_S * RATE_HZ)
        for number, act in enumerate(chosen):
            if act.label == NONE:
                continue
            group, other = (MOTION, ARMS) if act.label in GROUPS["motion"] else (ARMS, MOTION)
            row, end = at[number], long[number, 0] + held
            doing = begun[number] & (row <= end)
            unclear = (row > -1) & (row <= end + held) & ~doing
            label = list(GROUPS.values())[group].index(act.label)
            goals[number, :, group] = np.where(doing, label, np.where(unclear, UNKNOWN, 0))
            if group == MOTION:
                goals[number, doing | unclear, other] = UNKNOWN
        return goals
