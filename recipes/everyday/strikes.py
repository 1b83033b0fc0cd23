"""Short acts of the whole body, composed: one kick, punch, push, throw or pointing of somebody who stands, and acts
like them that are none: a handshake, an embrace, a step, a stagger of one who is hit.

Takes of few people show few ways to strike. Here the way of a limb, the trunk's turn and lean, the step and the times
are drawn wide, so that a class is what the limb does and not how the people of one data set stand meanwhile.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recipes.everyday import bodies as body
from recipes.everyday.drawing import ACTION, ARMS, MOTION, POSTURE, RATE_HZ, STAND, Drawing, Floats, Random, smooth
from recipes.everyday.gestures import REST, SIDES_ALIKE, resting
from recipes.everyday.labels import GROUPS, HELD_S, NONE, UNKNOWN
from recipes.everyday.strike_kinds import STRIKES, Strike
from recipes.everyday.take_pool import TakePool

UPPER = [body.NOSE, *body.SIDES[0], *body.SIDES[1]]
LEGS = ((body.L_HIP, body.L_KNEE, body.L_ANKLE), (body.R_HIP, body.R_KNEE, body.R_ANKLE))
ONSET = 0.4  # share of the way out after which one can tell what it is
STEP = 0.1  # m: who goes farther may be said to walk, or not


def compose_strikes(people: Floats, goals: NDArray[np.int64], pool: TakePool, how: Drawing, rng: Random) -> None:
    """Some windows become people who stand and do one short act, or one after another."""
    chosen = np.flatnonzero(rng.random(len(people)) < how.strikes)
    n, frames = len(chosen), people.shape[1]
    if not n:
        return
    acts = drawn(n, rng, how.haste)
    still = pool.stills(n, frames, rng)
    still = still + smooth((n, frames, 1, 3), 20, rng) * rng.uniform(0, 0.03, (n, 1, 1, 1))
    phase, at = phases(acts, frames, rng)
    people[chosen] = acted(still.astype(np.float32), acts, phase, at, rng)
    own = np.zeros((n, frames, goals.shape[-1]), np.int64)
    own[..., POSTURE], own[..., ACTION:] = STAND, UNKNOWN
    set_goals(own, acts, phase, at, how.steps_none)
    goals[chosen] = own


def drawn(count: int, rng: Random, haste: float = 1.0) -> list[Strike]:
    """Random short acts, up to `haste` times as quick as their kinds say."""
    chances = np.array([chance for _, chance in STRIKES])
    kinds = rng.choice(len(STRIKES), count, p=chances / chances.sum())
    acts = [replace(STRIKES[kind][0](rng), side=int(rng.integers(2))) for kind in kinds]
    if haste <= 1:
        return acts
    quicker = np.exp(rng.uniform(0, np.log(haste), count))
    return [
        replace(act, times=(act.times[0] / quick, act.times[1] / quick, act.times[2] / quick))
        for act, quick in zip(acts, quicker, strict=True)
    ]


def phases(acts: list[Strike], frames: int, rng: Random) -> tuple[Floats, Floats]:
    """How far on the way out everybody is (n, frames), 0 to 1, and the seconds since the act began.

    A third of the acts come twice, with a pause between them.
    """
    phase, seconds = np.zeros((2, len(acts), frames), np.float32)
    for number, act in enumerate(acts):
        out, hold, back = act.times
        long = (out + hold + back) * RATE_HZ
        begin = rng.uniform(-0.5 * long, frames - 4)
        at = (np.arange(frames) - begin) / RATE_HZ
        if rng.random() < 0.33:
            period = out + hold + back + rng.uniform(0.1, 0.8)
            at = np.where((at > period) & (at < 2 * period), at - period, at)
        way = np.clip(at / out, 0, 1) - np.clip((at - out - hold) / back, 0, 1)
        phase[number], seconds[number] = way * way * (3 - 2 * way), at
    return phase, seconds


def acted(still: Floats, acts: list[Strike], phase: Floats, at: Floats, rng: Random) -> Floats:
    """Standing bodies (n, T, 13, 3) that act: legs, then trunk, then arms."""
    out = _legs(still, acts, phase, at)
    left, front = body.frame_of(out)
    pelvis = body.middle(out, body.L_HIP, body.R_HIP)
    sign = np.array([1.0 if act.side == 0 else -1.0 for act in acts])
    for angles, axis in (
        (np.array([act.turn for act in acts]) * sign, np.broadcast_to(body.DOWN, (len(acts), 3))),
        (np.array([act.lean for act in acts]), left[:, 0]),
        (np.array([act.aside for act in acts]) * sign, front[:, 0]),
    ):
        out[..., UPPER, :] = body.turned(out[..., UPPER, :], axis, (phase * angles[:, None]).astype(np.float32), pelvis)
    hands, elbows = _hands(acts, phase, at, rng)
    return body.with_wrists(out, hands, elbows)


def _legs(still: Floats, acts: list[Strike], phase: Floats, at: Floats) -> Floats:
    """The bodies after step and kick: hips go along with a step, and down as far as the legs are too short for it."""
    out = still.copy()
    left, front = body.frame_of(still)
    step = np.array([act.step for act in acts])[:, None] * phase
    trunk = [*UPPER, body.L_HIP, body.R_HIP]
    out[..., trunk, :] += (front * (np.where(step > 0, 0.55, 1.0) * step)[..., None])[..., None, :]
    for number, act in enumerate(acts):
        for leg, (_, _, ankle) in enumerate(LEGS):
            if act.step < 0 or leg == act.side:
                out[number, :, ankle] += front[number] * step[number, :, None]
    drop = np.zeros(step.shape, np.float32)
    for hip, knee, ankle in LEGS:
        longest = 0.995 * (body.limb(still, hip, knee) + body.limb(still, knee, ankle))
        way = out[..., ankle, :] - out[..., hip, :]
        level = np.linalg.norm(way[..., [0, 2]], axis=-1)
        drop = np.maximum(drop, way[..., 1] - np.sqrt(np.maximum(longest**2 - level**2, 0)))
    out[..., trunk, :] += (drop * (np.abs(step) > 0))[..., None, None] * body.DOWN
    for hip, knee, ankle in LEGS:
        thigh, shank = body.limb(still, hip, knee), body.limb(still, knee, ankle)
        out[..., knee, :] = body.bent(out[..., hip, :], out[..., ankle, :], thigh, shank, front)
    for number, act in enumerate(acts):
        if act.kick:
            _kicked(out, still, number, act, phase[number], at[number], left, front)
    return out


def _kicked(
    out: Floats, still: Floats, number: int, act: Strike, phase: Floats, at: Floats, left: Floats, front: Floats
) -> None:
    """Sets the leg that kicks: thigh and shank in the plane of the kick, the knee bent until it strikes."""
    hip, knee, ankle = LEGS[act.side]
    sign = 1 if act.side == 0 else -1
    ahead = front[number] * np.cos(act.outwards) + sign * left[number] * np.sin(act.outwards)
    before = np.exp(-((at + 0.12) ** 2) / 0.02) * act.wind
    thigh_angle = act.kick * phase - before
    extended = np.clip(1.6 * phase - 0.6, 0, 1)
    flexed = act.flexed * (1 - extended) * np.minimum(phase * 4, 1) + before + 0.08
    thigh, shank = (float(body.limb(still, *pair)[number, 0]) for pair in ((hip, knee), (knee, ankle)))

    def direction(angle: Floats) -> Floats:
        return np.cos(angle)[:, None] * body.DOWN + np.sin(angle)[:, None] * ahead

    share = np.maximum(np.minimum(phase * 5, 1), np.minimum(before * 3, 1))[:, None]
    new_knee = out[number, :, hip] + thigh * direction(thigh_angle)
    new_ankle = new_knee + shank * direction(thigh_angle - flexed)
    out[number, :, knee] += share * (new_knee - out[number, :, knee])
    out[number, :, ankle] += share * (new_ankle - out[number, :, ankle])


def _hands(acts: list[Strike], phase: Floats, at: Floats, rng: Random) -> tuple[Floats, Floats]:
    """Places of the hands (n, T, 2, 3) and sides of the elbows (n, 2, 3)."""
    n, frames = phase.shape
    hanging = np.repeat(REST[:1], 3, 0)
    places = np.stack([resting(n, frames, rng, hanging if hand else REST) for hand in (0, 1)], 2)
    if rng.random() < 0.5:
        places = places[:, :, ::-1].copy()
    places[:, :, 1] *= SIDES_ALIKE
    away = smooth((n, frames, 2, 3), 6, rng) * phase[..., None, None]
    places += away * np.array([act.fling for act in acts])[:, None, None, None]
    for number, act in enumerate(acts):
        if act.hands is None:
            continue
        path = _along(act.hands, phase[number], at[number], act)
        for hand in (0, 1) if act.both else (act.side,):
            own = path * SIDES_ALIKE if hand else path
            share = np.clip(phase[number] * 3, 0, 1)[:, None]
            places[number, :, hand] += share * (own - places[number, :, hand])
    elbows = np.array([[0.5, -0.4, 0.6], [-0.5, -0.4, 0.6]], np.float32) + rng.normal(0, 0.25, (n, 2, 3))
    places = places + smooth(places.shape, 4, rng) * rng.uniform(0, 0.04, (n, 1, 1, 1))
    return places.astype(np.float32), elbows.astype(np.float32)


def _along(points: Floats, phase: Floats, at: Floats, act: Strike) -> Floats:
    """The hand's place (T, 3) on its way through the points; it shakes at the end of it."""
    where = np.clip(phase, 0, 1) * (len(points) - 1)
    low = np.minimum(where.astype(int), max(len(points) - 2, 0))
    following = np.minimum(low + 1, len(points) - 1)
    path = points[low] + (where - low)[:, None] * (points[following] - points[low])
    swing = act.shake * np.sin(2 * np.pi * 2.2 * at) * (phase > 0.8)
    return np.asarray(path + swing[:, None] * body.DOWN)


def set_goals(
    goals: NDArray[np.int64], acts: list[Strike], phase: Floats, at: Floats, steps_none: bool = False
) -> None:
    """Targets (n, T, 4): none before, unknown at first, the label until it is held no longer, unknown, none."""
    for number, act in enumerate(acts):
        if abs(act.step) > STEP and not steps_none:
            goals[number, (phase[number] > 0.02) & (phase[number] < 0.98), MOTION] = UNKNOWN
        if act.label == NONE:
            continue
        out, hold, back = act.times
        row = at[number]
        told_until = out + hold + back + HELD_S
        doing = (row >= ONSET * out) & (row <= told_until)
        unclear = (row > -0.15) & (row <= told_until + HELD_S) & ~doing
        group, other = (MOTION, ARMS) if act.label in GROUPS["motion"] else (ARMS, MOTION)
        label = list(GROUPS.values())[group].index(act.label)
        goals[number, :, group] = np.where(doing, label, np.where(unclear, UNKNOWN, 0))
        if group == MOTION:
            goals[number, doing | unclear, other] = UNKNOWN
