"""People who walk to what they do: walks that end in a bend, on a chair, in a short act or a gesture, or that begin
with one; and walks that go on, stop, or turn, while the arms do anything.

Takes begin where the act does. In real life people walk to what they pick up, turn round before they sit, and walk
away when they have stood up.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from recipes.everyday import bodies as body
from recipes.everyday import gestures, strikes, transitions, walks
from recipes.everyday.drawing import (
    ACTION,
    ARMS,
    MOTION,
    POSTURE,
    RATE_HZ,
    STAND,
    WALKING,
    Drawing,
    Floats,
    Random,
    smooth,
)
from recipes.everyday.labels import UNKNOWN
from recipes.everyday.take_pool import TakePool
from recipes.everyday.walks import FAR

KINDS = ("walk", "way down or up", "short act", "gesture")
CHANCES = (0.3, 0.42, 0.18, 0.1)
WALK, WAY, SHORT_ACT, GESTURE = range(4)
BUSY_HANDS = 0.35  # share of people whose arms do not swing: they carry, hold or touch something
LEFT = transitions.STANDING_UP  # from a chair people walk away
UNCLEAR_S = (0.3, 0.35, 0.1, 0.45)  # before and after a halt and a start, in which nobody can tell whether one walks


def approaches(count: int, pool: TakePool, how: Drawing, rng: Random) -> tuple[Floats, NDArray[np.int64]]:
    """People (count, T, 13, 3) who walk before, after, or while they do something, and their targets (count, T, 4)."""
    frames = how.frames
    still = pool.stills(count, frames, rng)
    goals = np.zeros((count, frames, ACTION + 1), np.int64)
    goals[..., POSTURE], goals[..., ACTION] = STAND, UNKNOWN
    kind = rng.choice(len(KINDS), count, p=CHANCES)
    halt, go = _standing(count, frames, rng)
    turning = (kind == WAY) & (rng.random(count) < 0.4)
    posed = still.copy()
    for which, pose in ((WAY, _way), (SHORT_ACT, partial(_short_act, how=how))):
        chosen = np.flatnonzero(kind == which)
        if len(chosen):
            own = goals[chosen]
            posed[chosen], halt[chosen], go[chosen] = pose(posed[chosen], own, rng)
            goals[chosen] = own
    walk = walks.drawn(halt, go, turning[:, None], rng)
    free = np.flatnonzero(kind != SHORT_ACT)
    amount, lean = rng.uniform(0, 0.6, (count, 1)), rng.uniform(-0.05, 0.25, (count, 1))
    posed = np.where((kind == SHORT_ACT)[:, None, None, None], posed, walks.swung(posed, walk, amount, lean))
    busy = free[(rng.random(len(free)) < BUSY_HANDS) & (kind[free] != WAY)]
    posed[busy] = _busy(posed[busy], rng)
    waving = np.flatnonzero(kind == GESTURE)
    if len(waving):
        hands, elbows, goals[waving, :, ARMS] = gestures.composed(len(waving), frames, rng)
        posed[waving] = body.with_wrists(posed[waving], hands, elbows)
    posed += smooth(posed.shape, 15, rng) * rng.uniform(0, 0.012, (count, 1, 1, 1))
    _tell_walks(goals, halt, go)
    return walks.carried(posed.astype(np.float32), still, walk), goals


def _standing(count: int, frames: int, rng: Random) -> tuple[Floats, Floats]:
    """Frames (count, 1) between which people stand: never, from one on, until one, or between two."""
    how = rng.choice(4, (count, 1), p=(0.35, 0.3, 0.2, 0.15))
    at = rng.uniform(4, frames - 6, (count, 1))
    halt = np.select([how == 0, how == 2], [FAR, -FAR], at)
    go = np.select([how == 0, how == 2, how == 3], [FAR + 1, at, at + rng.uniform(6, 25, (count, 1))], FAR)
    return halt, go


def _way(bodies: Floats, goals: NDArray[np.int64], rng: Random) -> tuple[Floats, Floats, Floats]:
    """Ways down and up after a walk and before the next; sets goals. The bodies in place, and when they stand."""
    n, frames = bodies.shape[:2]
    kind = np.asarray(rng.integers(0, len(transitions.KINDS), n))
    first, second = (rng.uniform(0.4, 1.2, (n, 1)) * RATE_HZ for _ in range(2))
    rest = rng.uniform(0, 0.9, (n, 1)) * RATE_HZ
    begin = rng.uniform(-0.1, 0.8, (n, 1)) * frames
    phase, held = transitions.ways(np.arange(frames) - begin, first, rest, second, kind)
    out = transitions.performed(bodies, kind, phase, rng)
    transitions.set_goals(goals, kind, phase, held)
    up = (kind == LEFT)[:, None]
    halt = np.where(up, -FAR, begin + rng.uniform(-0.4, 0.25, (n, 1)) * RATE_HZ)
    over = np.where(up, begin + first, begin + first + rest + second)
    leaves = (rng.random((n, 1)) < np.where(up, 0.8, 0.6)) & (kind != transitions.SITTING_DOWN)[:, None]
    go = np.where(leaves, over + rng.uniform(-0.3, 0.6, (n, 1)) * RATE_HZ, FAR)
    halt = np.where(~up & leaves & (rng.random((n, 1)) < 0.25), -FAR, halt)  # who stood before
    return out, halt, go


def _short_act(bodies: Floats, goals: NDArray[np.int64], rng: Random, how: Drawing) -> tuple[Floats, Floats, Floats]:
    """One short act after a walk or in it; sets goals. The bodies in place, and when they stand."""
    n, frames = bodies.shape[:2]
    acts = strikes.drawn(n, rng, how.haste)
    phase, at = strikes.phases(acts, frames, rng)
    out = strikes.acted(bodies, acts, phase, at, rng)
    strikes.set_goals(goals, acts, phase, at, how.steps_none)
    begin = -at[:, :1] * RATE_HZ
    halt = begin + rng.uniform(-1.0, 0.2, (n, 1)) * RATE_HZ
    long = np.array([[sum(act.times)] for act in acts]) * RATE_HZ
    go = np.where(rng.random((n, 1)) < 0.3, begin + long + rng.uniform(0, 1, (n, 1)) * RATE_HZ, FAR)
    return out, halt, go


def _busy(bodies: Floats, rng: Random) -> Floats:
    """People whose hands rest, hold or touch something, one of them or both."""
    n, frames = bodies.shape[:2]
    places, elbows = gestures.resting_hands(n, frames, rng, gestures.BUSY), gestures.elbow_sides(n, rng)
    out = body.with_wrists(bodies, places.astype(np.float32), elbows.astype(np.float32))
    side = rng.integers(0, 3, n)  # the left one stays as it was, the right one, neither
    for kept, (_, elbow, wrist) in enumerate(body.SIDES):
        for joint in (elbow, wrist):
            out[side == kept, :, joint] = bodies[side == kept, :, joint]
    return out


def _tell_walks(goals: NDArray[np.int64], halt: Floats, go: Floats) -> None:
    """Targets of motion where nothing else is done: walking, unknown about halts and starts, none."""
    at = np.arange(goals.shape[1])
    before, after, early, late = (seconds * RATE_HZ for seconds in UNCLEAR_S)
    walking = (at < halt - before) | (at > go + late)
    standing = (at > halt + after) & (at < go - early)
    own = np.where(walking, WALKING, np.where(standing, 0, UNKNOWN))
    goals[..., MOTION] = np.where(goals[..., MOTION] == 0, own, goals[..., MOTION])
