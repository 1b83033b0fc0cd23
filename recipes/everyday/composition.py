"""Bodies that the data lacks, composed from those it has: seated and lying people who gesture, idle ones, falls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recipes.everyday import bodies as body
from recipes.everyday import floor, transitions
from recipes.everyday.drawing import (
    ACTION,
    ARMS,
    CLASS,
    DRINKING,
    FALLING,
    LIE,
    MOTION,
    MOUTH,
    POSTURE,
    RAISING,
    RATE_HZ,
    RUNNING,
    SIT,
    STAND,
    WALKING,
    WAVING,
    Drawing,
    Floats,
    Random,
    smooth,
)
from recipes.everyday.gestures import BUSY, composed, elbow_sides, resting_hands
from recipes.everyday.labels import UNKNOWN
from recipes.everyday.take_pool import TakePool

SEATED_BENDS = 0.2  # share of seated windows in which somebody bends down, to pick something up
SAT = 0.5  # share of people who sit and do nothing whose body sat in a take
STRIKING = tuple(CLASS[ARMS, name] for name in ("punching", "pushing", "throwing"))  # nobody who sits does
ON_FLOOR = 0.25  # share of people who sit that have no chair
KNEES_UP = 0.35  # share of people who lie
SINKING = 0.4  # share of falls in which the body sinks down instead of falling over
LYING_ARMS = (UNKNOWN, 0, WAVING, *RAISING)  # what people do with their arms who lie


def compose_idle(people: Floats, goals: NDArray[np.int64], pool: TakePool, how: Drawing, rng: Random) -> None:
    """Some windows become people who stand about with their hands somewhere, and some who drink."""
    count = len(people)
    kind = rng.random(count)
    idle, drink = np.flatnonzero(kind < how.idle + how.drinking), kind < how.drinking
    if not len(idle):
        return
    frames = people.shape[1]
    still = pool.stills(len(idle), frames, rng)
    still = still + smooth((len(idle), frames, 1, 3), 20, rng) * rng.uniform(0, 0.02, (len(idle), 1, 1, 1))
    wrists = resting_hands(len(idle), frames, rng, BUSY)
    sips, sipping = _sip(len(idle), frames, rng)
    drinks = drink[idle]
    hand = rng.integers(0, 2, len(idle))
    for side in (0, 1):
        chosen = drinks & (hand == side)
        goal = MOUTH * [1 if side == 0 else -1, 1, 1]
        share = sips[chosen][..., None]
        wrists[chosen, :, side] = wrists[chosen, :, side] * (1 - share) + goal * share
    posed = body.with_wrists(still, wrists.astype(np.float32), elbow_sides(len(idle), rng, 0.5).astype(np.float32))
    posed += smooth((len(idle), frames, 13, 3), 15, rng) * rng.uniform(0, 0.012, (len(idle), 1, 1, 1))
    people[idle] = posed
    goals[idle, :, POSTURE], goals[idle, :, MOTION], goals[idle, :, ARMS] = STAND, 0, 0
    goals[idle, :, ACTION:] = UNKNOWN
    arms = np.where(sipping, DRINKING, np.where(sips > 0.02, UNKNOWN, 0))
    goals[idle[drinks], :, ARMS] = arms[drinks]


def compose_seated_idle(people: Floats, goals: NDArray[np.int64], pool: TakePool, share: float, rng: Random) -> None:
    """Some windows become people who sit and do nothing, many of them quite still: bodies that sat in a take, and
    standing ones on a chair. Takes of people who sit begin when they stand up.
    """
    chosen = np.flatnonzero(rng.random(len(people)) < share)
    n, frames = len(chosen), people.shape[1]
    if not n:
        return
    still = body.seated(pool.stills(n, frames, rng), *_sitting(n, rng))
    if len(pool.quiet[SIT]):
        sat = rng.random(n) < SAT
        still[sat] = pool.stills(int(sat.sum()), frames, rng, SIT)
    hands, elbows = resting_hands(n, frames, rng), elbow_sides(n, rng, 0.5)
    posed = body.with_wrists(still, hands.astype(np.float32), elbows.astype(np.float32))
    as_they_sat = rng.random(n) < 0.3
    posed[as_they_sat] = still[as_they_sat]
    calm = rng.uniform(0, 1, (n, 1, 1, 1)) ** 2
    posed += calm * (0.015 * smooth((n, frames, 1, 3), 20, rng) + 0.01 * smooth((n, frames, 13, 3), 15, rng))
    people[chosen] = posed
    goals[chosen, :, POSTURE], goals[chosen, :, MOTION], goals[chosen, :, ARMS] = SIT, 0, 0
    goals[chosen, :, ACTION:] = UNKNOWN


def compose_gestures(people: Floats, goals: NDArray[np.int64], pool: TakePool, share: float, rng: Random) -> None:
    """Some windows become people who stand and make a composed gesture."""
    chosen = np.flatnonzero(rng.random(len(people)) < share)
    n, frames = len(chosen), people.shape[1]
    if not n:
        return
    still = pool.stills(n, frames, rng)
    still = still + smooth((n, frames, 1, 3), 20, rng) * rng.uniform(0, 0.03, (n, 1, 1, 1))
    hands, elbows, arms = composed(n, frames, rng)
    hands = hands + smooth(hands.shape, 4, rng) * rng.uniform(0, 0.04, (n, 1, 1, 1))
    posed = body.with_wrists(still, hands.astype(np.float32), elbows)
    people[chosen] = posed + smooth(posed.shape, 15, rng) * rng.uniform(0, 0.015, (n, 1, 1, 1))
    goals[chosen, :, POSTURE], goals[chosen, :, MOTION], goals[chosen, :, ARMS] = STAND, 0, arms
    goals[chosen, :, ACTION:] = UNKNOWN


def _sip(count: int, frames: int, rng: Random) -> tuple[Floats, NDArray[np.bool_]]:
    """How near the hand is to the mouth (count, frames), 0 to 1, and in which frames one can tell."""
    begin = rng.uniform(-10, frames * 0.6, (count, 1))
    hold = rng.uniform(8, 35, (count, 1))
    pace = rng.uniform(1.2, 3.0, (count, 1))
    at = np.arange(frames)
    share = 1 / (1 + np.exp(-(at - begin) / pace)) / (1 + np.exp((at - begin - hold) / pace))
    return share.astype(np.float32), (share > 0.5) & (at > begin + 2)


def _standing(goals: NDArray[np.int64], motions: Sequence[int]) -> NDArray[np.bool_]:
    """Windows whose people stand in all frames and do one of these motions at most."""
    motion = goals[..., MOTION]
    possible = np.isin(motion, [*motions, UNKNOWN]).all(1) & (motion != UNKNOWN).any(1)
    return np.asarray((goals[..., POSTURE] == STAND).all(1) & possible)


def compose_transitions(people: Floats, goals: NDArray[np.int64], share: float, rng: Random) -> None:
    """Some people who stand and do nothing sit down, stand up, bend or squat."""
    quiet = _standing(goals, [0]) & (goals[..., ARMS] == 0).all(1)
    chosen = np.flatnonzero(quiet & (rng.random(len(people)) < share * 1.3))
    own = goals[chosen]
    people[chosen] = transitions.composed(people[chosen], own, rng)
    goals[chosen] = own


def _sitting(count: int, rng: Random) -> floor.Angles:
    """How people sit, on a chair or on the floor, as `bodies.seated` takes it."""
    thighs, knees = rng.normal(0, 0.2, (count, 1)), rng.normal(0.15, 0.2, (count, 2))
    chair = thighs, knees, rng.normal(0, 0.3, (count, 2)), rng.normal(0.05, 0.2, (count, 1))
    low = rng.random((count, 1)) < ON_FLOOR
    one, two, three, four = (np.where(low, *both) for both in zip(floor.sitting(count, rng), chair, strict=True))
    return one, two, three, four


def compose_seated(people: Floats, goals: NDArray[np.int64], share: float, rng: Random) -> None:
    """Some standing people sit, on a chair or on the floor, and go on with their arms."""
    chosen = np.flatnonzero(_standing(goals, [0]) & (rng.random(len(people)) < share * 1.3))
    n = len(chosen)
    people[chosen] = body.seated(people[chosen], *_sitting(n, rng))
    goals[chosen, :, POSTURE] = SIT
    arms = goals[chosen, :, ARMS]
    goals[chosen, :, ARMS] = np.where(np.isin(arms, STRIKING), UNKNOWN, arms)
    bend = chosen[rng.random(n) < SEATED_BENDS]
    own = goals[bend]
    people[bend] = transitions.seated_bends(people[bend], own, rng)
    goals[bend] = own


def _horizontal(count: int, rng: Random) -> Floats:
    """Random level unit vectors (count, 3)."""
    angle = rng.uniform(-np.pi, np.pi, count)
    return np.stack([np.cos(angle), np.zeros(count), np.sin(angle)], -1).astype(np.float32)


def compose_lying(people: Floats, goals: NDArray[np.int64], share: float, rng: Random) -> None:
    """Some standing people lie, on their back, front or side, with bent knees or not, and go on with their arms.

    Who lies waves or raises an arm; of one who would strike or clap there nothing is asked.
    """
    chosen = np.flatnonzero(_standing(goals, [0]) & (rng.random(len(people)) < share * 1.3))
    n, frames = len(chosen), people.shape[1]
    drop = np.repeat(np.maximum(rng.uniform(-0.3, 0.6, (n, 1)), 0), frames, 1)
    bent = body.with_knees(people[chosen], drop.astype(np.float32))
    angle = np.repeat(np.deg2rad(rng.uniform(70, 110, (n, 1))), frames, 1)
    flat = body.turned(bent, _horizontal(n, rng), angle, body.middle(bent, body.L_HIP, body.R_HIP))
    knees_up = rng.random(n) < KNEES_UP
    flat[knees_up] = body.seated(people[chosen[knees_up]], *floor.lying(int(knees_up.sum()), rng))
    people[chosen] = flat
    goals[chosen, :, POSTURE] = LIE
    arms = goals[chosen, :, ARMS]
    goals[chosen, :, ARMS] = np.where(np.isin(arms, LYING_ARMS), arms, UNKNOWN)


def compose_falls(people: Floats, goals: NDArray[np.int64], share: float, rng: Random) -> None:
    """Some people who stand or walk fall: an inverted pendulum about the ankles, knees give way, then stillness.

    Others sink down and lie back, as one who faints.
    """
    can = _standing(goals, [0, WALKING, RUNNING])
    chosen = np.flatnonzero(can & (rng.random(len(people)) < share * 1.3))
    n, frames = len(chosen), people.shape[1]
    if not n:
        return
    start = rng.uniform(3, frames - 8, (n, 1))
    sinking = rng.random(n) < SINKING
    stop = start + np.where(sinking[:, None], rng.uniform(0.7, 1.6, (n, 1)), rng.uniform(0.6, 1.3, (n, 1))) * RATE_HZ
    at = np.arange(frames)
    # Of its way a falling rod has done little at first: the cosh of the pendulum, brought to 0 .. 1.
    phase = np.clip((at - start) / (stop - start), 0, 1)
    way = (np.cosh(3 * phase) - 1) / (np.cosh(3.0) - 1)
    moving = people[chosen]
    halted = np.minimum(at, (start + 0.5 * (stop - start)).astype(int))  # the limbs' own movement ends
    moving = moving[np.arange(n)[:, None], halted]
    drop = np.maximum(rng.uniform(-0.3, 0.75, (n, 1)), 0) * np.sin(np.pi / 2 * np.minimum(phase * 1.4, 1))
    relaxed = drop * np.where(phase < 1, 1, np.exp(-(at - stop) / 6) * 0.7 + 0.3)
    sunk = body.with_knees(moving, relaxed.astype(np.float32))
    final = np.deg2rad(rng.uniform(75, 100, (n, 1)))
    feet = body.middle(sunk, body.L_ANKLE, body.R_ANKLE)
    fallen = body.turned(sunk, _horizontal(n, rng), (way * final).astype(np.float32), feet)
    fallen[sinking] = floor.sunk(moving[sinking], phase[sinking].astype(np.float32), rng)
    tremor = smooth((n, frames, 13, 3), 6, rng) * (0.03 * np.sin(np.pi * np.clip(phase, 0, 1)))[..., None, None]
    people[chosen] = fallen + tremor.astype(np.float32)
    gone = np.where(sinking[:, None], phase * 0.9, way * final)
    falling = (gone > 0.25) & (at < stop + 4)
    lying = at >= stop - 1
    before = gone <= 0.08
    goals[chosen, :, MOTION] = np.where(
        falling, FALLING, np.where(lying, 0, np.where(before, goals[chosen, :, MOTION], UNKNOWN))
    )
    goals[chosen, :, ARMS] = np.where(before, goals[chosen, :, ARMS], np.where(lying & ~falling, 0, UNKNOWN))
    goals[chosen, :, POSTURE] = np.where(lying, LIE, np.where(before, STAND, UNKNOWN))
    goals[chosen, :, ACTION:] = UNKNOWN


def walk_over_floor(people: Floats, goals: NDArray[np.int64], rng: Random) -> None:
    """People who walk or run on the spot go somewhere, most of them to their front."""
    motion = goals[..., MOTION]
    for label, slow, fast in ((WALKING, 0.3, 1.7), (RUNNING, 1.5, 3.5)):
        pelvis = body.middle(people, body.L_HIP, body.R_HIP)
        progress = np.linalg.norm((pelvis[:, -1] - pelvis[:, 0])[:, [0, 2]], axis=-1)
        chosen = np.flatnonzero((motion == label).any(1) & (progress < 0.5) & (rng.random(len(people)) < 0.85))
        if not len(chosen):
            continue
        _, front = body.frame_of(people[chosen])
        speed = rng.uniform(slow, fast, (len(chosen), 1, 1)) * (motion[chosen] == label)[..., None]
        path = np.cumsum(front * speed / RATE_HZ, 1)
        people[chosen] += path[:, :, None].astype(np.float32)
