"""Composed ways down and up: sitting down, standing up, bending or picking up, squatting, of people who stand.

The feet stay where they are. The hips go down and back, the knees bend so that the legs keep their lengths, the trunk
leans to the front, and hands that pick something up reach for the floor. Depths, times and leans are wide.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recipes.everyday import bodies as body
from recipes.everyday.drawing import RATE_HZ, Floats, Random
from recipes.everyday.labels import GROUPS, UNKNOWN

KINDS = ("sitting_down", "standing_up", "bending", "squatting")
SITTING_DOWN, STANDING_UP, BENDING, SQUATTING = range(4)
UPPER = [body.NOSE, *body.SIDES[0], *body.SIDES[1]]
BEND_DOWN, BEND_LEAN = (-0.15, 0.6), (0.5, 1.9)  # how far down the hips of one who bends go, legs; of the trunk, rad
STANDING, SITTING = 0, 1  # of the group of postures


def lowered(bodies: Floats, down: Floats, back: Floats, lean: Floats) -> Floats:
    """Bodies whose hips go down and back while their feet stay, and whose trunk leans to the front.

    Args:
        bodies: (B, T, 13, 3) standing.
        down, back: way of the hips (B, T) in lengths of a leg; lean: rad (B, T).
    """
    left, front = body.frame_of(bodies)
    pelvis = body.middle(bodies, body.L_HIP, body.R_HIP)
    leg = body.limb(bodies, body.L_HIP, body.L_KNEE) + body.limb(bodies, body.L_KNEE, body.L_ANKLE)
    shift = (down * leg)[..., None] * body.DOWN - (back * leg)[..., None] * front
    out = bodies.copy()
    out[..., UPPER, :] = body.turned(bodies[..., UPPER, :], left[:, 0], lean, pelvis)
    out[..., [*UPPER, body.L_HIP, body.R_HIP], :] += shift[..., None, :]
    for hip, knee, ankle in ((body.L_HIP, body.L_KNEE, body.L_ANKLE), (body.R_HIP, body.R_KNEE, body.R_ANKLE)):
        thigh, shank = body.limb(bodies, hip, knee), body.limb(bodies, knee, ankle)
        out[..., knee, :] = body.bent(out[..., hip, :], out[..., ankle, :], thigh, shank, front)
    return out


def reaching(bodies: Floats, share: Floats, ahead: Floats, hands: NDArray[np.bool_]) -> Floats:
    """Bodies whose hands go towards the floor before them by `share` (B, T), `ahead` rad (B,) of the vertical.

    Args:
        hands: (B, 2) which of the hands do.
    """
    _, front = body.frame_of(bodies)
    direction = body.DOWN * np.cos(ahead)[:, None, None] + front * np.sin(ahead)[:, None, None]
    out = bodies.copy()
    for number, (shoulder, elbow, wrist) in enumerate(body.SIDES):
        upper, fore = body.limb(bodies, shoulder, elbow), body.limb(bodies, elbow, wrist)
        goal = bodies[..., shoulder, :] + direction * (0.95 * (upper + fore))[..., None]
        own = (share * hands[:, number, None])[..., None]
        at = bodies[..., wrist, :] * (1 - own) + goal * own
        out[..., wrist, :] = at
        bent = body.bent(bodies[..., shoulder, :], at, upper, fore, -front)
        out[..., elbow, :] = np.where(own > 0.02, bent, bodies[..., elbow, :])
    return out


def composed(bodies: Floats, goals: NDArray[np.int64], rng: Random) -> Floats:
    """Standing people (B, T, 13, 3) who go down, up, or both; sets their targets of posture, motion and arms."""
    n, frames = bodies.shape[:2]
    kind = np.asarray(rng.integers(0, len(KINDS), n))
    phase, held = _phases(n, frames, kind, rng)
    out = performed(bodies, kind, phase, rng)
    set_goals(goals, kind, phase, held)
    return out


def performed(bodies: Floats, kind: NDArray[np.int64], phase: Floats, rng: Random) -> Floats:
    """Standing people (B, T, 13, 3) who are down by `phase` (B, T), 0 to 1, in the ways of `kind` (B,)."""
    n = len(bodies)
    thigh = body.limb(bodies, body.L_HIP, body.L_KNEE)[:, 0]
    share = thigh / (thigh + body.limb(bodies, body.L_KNEE, body.L_ANKLE)[:, 0])
    sit = (kind == SITTING_DOWN) | (kind == STANDING_UP)
    down = np.select(
        [sit, kind == BENDING],
        [share * rng.uniform(0.75, 1.1, n), np.maximum(rng.uniform(*BEND_DOWN, n), 0.01)],
        rng.uniform(0.3, 0.75, n),
    )
    back = np.select(
        [sit, kind == BENDING], [share * rng.uniform(0.8, 1.0, n), rng.uniform(0.05, 0.25, n)], rng.uniform(0, 0.25, n)
    )
    final = np.select(
        [sit, kind == BENDING], [rng.normal(0.05, 0.15, n), rng.uniform(*BEND_LEAN, n)], rng.uniform(0.1, 0.8, n)
    )
    midway = np.where(sit, rng.uniform(0.1, 0.9, n), 0)
    lean = phase * final[:, None] + np.sin(np.pi * phase) * midway[:, None]
    smooth = [np.asarray(each, np.float32) for each in (phase * down[:, None], phase * back[:, None], lean)]
    out = lowered(bodies, *smooth)
    hands = (rng.random((n, 2)) < 0.65) & (kind == BENDING)[:, None]
    out = reaching(out, np.square(phase), np.asarray(rng.uniform(-0.15, 0.7, n)), hands)
    return np.asarray(out, np.float32)


def seated_bends(bodies: Floats, goals: NDArray[np.int64], rng: Random) -> Floats:
    """Seated people (B, T, 13, 3) who bend down to the front or aside and come up again; sets motion and arms."""
    n = len(bodies)
    if not n:
        return bodies
    phase, _ = _phases(n, bodies.shape[1], np.full(n, BENDING), rng)
    left, front = body.frame_of(bodies)
    aside = rng.normal(0, 0.5, (n, 1))
    axis = body.unit(left[:, 0] * np.cos(aside) + front[:, 0] * np.sin(aside))
    pelvis = body.middle(bodies, body.L_HIP, body.R_HIP)
    out = bodies.copy()
    lean = (phase * rng.uniform(0.6, 1.6, (n, 1))).astype(np.float32)
    out[..., UPPER, :] = body.turned(bodies[..., UPPER, :], axis.astype(np.float32), lean, pelvis)
    out = reaching(out, np.square(phase), np.asarray(rng.uniform(-0.15, 0.7, n)), rng.random((n, 2)) < 0.7)
    goals[..., 1] = np.where(phase > 0.35, GROUPS["motion"].index("bending"), np.where(phase < 0.02, 0, UNKNOWN))
    goals[..., 2] = np.where(phase < 0.02, goals[..., 2], UNKNOWN)
    goals[..., 3:] = UNKNOWN
    return np.asarray(out, np.float32)


def _phases(n: int, frames: int, kind: NDArray[np.int64], rng: Random) -> tuple[Floats, NDArray[np.bool_]]:
    """How far down everybody is (n, frames), 0 to 1, and when the way down is over and that up has not begun."""
    at = np.arange(frames)
    first, second = (rng.uniform(0.4, 1.5, (n, 1)) * RATE_HZ for _ in range(2))
    begin = rng.uniform(-0.2, 0.7, (n, 1)) * frames
    rest = rng.uniform(0.0, 1.2, (n, 1)) * RATE_HZ
    return ways(at - begin, first, rest, second, kind)


def ways(
    at: Floats, first: Floats, rest: Floats, second: Floats, kind: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.bool_]]:
    """As `_phases`, at frames (n, T) since the way down began that take `first`, `rest` and `second` frames (n, 1)."""
    down = np.clip(at / first, 0, 1)
    up = np.clip((at - first - rest) / second, 0, 1)
    up[kind == SITTING_DOWN] = 0
    share = np.where((kind == STANDING_UP)[:, None], 1 - down, down - up)
    return share * share * (3 - 2 * share), (down >= 1) & (up <= 0)


def set_goals(goals: NDArray[np.int64], kind: NDArray[np.int64], phase: Floats, held: NDArray[np.bool_]) -> None:
    """Targets (n, T, 4) of composed ways; nothing is known in the first moments."""
    sit = ((kind == SITTING_DOWN) | (kind == STANDING_UP))[:, None]
    numbers = np.array([GROUPS["motion"].index(name) for name in KINDS])[kind][:, None]
    moving = np.where(sit, (phase > 0.12) & (phase < 0.97), phase > 0.2)
    moving &= ~(sit & held)
    still = np.where(sit, (phase < 0.01) | (phase > 0.995), phase < 0.02)
    goals[..., 1] = np.where(moving, numbers, np.where(still, 0, UNKNOWN))
    upright = np.where((kind == SQUATTING)[:, None], phase < 0.15, True) & ~(sit & (phase >= 0.25))
    goals[..., 0] = np.where(sit & (phase > 0.75), SITTING, np.where(upright, STANDING, UNKNOWN))
    bending = (kind == BENDING)[:, None]
    goals[..., 2] = np.where(still, goals[..., 2], np.where(bending | sit, 0, UNKNOWN))
    goals[..., 3:] = UNKNOWN
