"""People as a camera anywhere and a pose estimator with its errors would show them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recipes.everyday import bodies as body
from recipes.everyday.drawing import (
    LIE,
    MOTION,
    POSTURE,
    Batch,
    Drawing,
    Floats,
    Random,
    smooth,
)
from recipes.everyday.labels import UNKNOWN

LYING_TREMOR = 2.5  # how much more joints of people who lie may tremble


def seen_from_anywhere(people: Floats, rng: Random) -> Floats:
    """Points (B, T, 13, 2) of people before random cameras."""
    count = len(people)
    pelvis = body.middle(people, body.L_HIP, body.R_HIP)
    progress = np.linalg.norm(pelvis.max(1) - pelvis.min(1), axis=-1)
    distance = rng.uniform(2.0, 7.0, count) + progress
    yaw = rng.uniform(-np.pi, np.pi, count)
    pitch = np.deg2rad(rng.uniform(-10, 38, count))
    aside = rng.uniform([-0.5, -0.25], [0.5, 0.25], (count, 2))
    roll = np.deg2rad(rng.normal(0, 3, count))
    return body.picture(people, yaw, pitch, distance, aside, roll)


def rolled(points: Floats, rng: Random) -> Floats:
    angle = np.deg2rad(rng.normal(0, 4, len(points)))[:, None, None]
    c, s = np.cos(angle), np.sin(angle)
    x, y = points[..., 0], points[..., 1]
    return np.stack([x * c - y * s, x * s + y * c], -1).astype(np.float32)


def estimated(points: Floats, goals: NDArray[np.int64], how: Drawing, rng: Random) -> Batch:
    """Points as a pose estimator finds them: with tremor, lost joints, the border of the picture, and a beginning."""
    count, frames = points.shape[:2]
    known: NDArray[np.bool_] = np.asarray(np.isfinite(points).all(-1))
    points = np.where(known[..., None], points, 0)
    low, high = (np.moveaxis(np.where(known[..., None], points, side), 2, 0).copy() for side in (np.inf, -np.inf))
    extent = np.maximum((high.max(0) - low.min(0)).max(-1), 1e-3)  # (B, T)
    height = np.median(np.where(np.isfinite(extent), extent, 1), 1)[:, None, None, None]
    level = np.exp(rng.uniform(np.log(how.noise[0]), np.log(how.noise[1]), (count, 1, 1, 1)))
    lying = (goals[..., POSTURE] == LIE)[..., None, None]  # estimators are surest of people who stand
    level = level * np.where(lying, rng.uniform(1, LYING_TREMOR, (count, 1, 1, 1)), 1)
    # Joints differ: wrists, elbows and ankles are found worse than shoulders.
    spread = np.array([0.8, 0.7, 0.7, 1.1, 1.1, 1.5, 1.5, 0.9, 0.9, 1.1, 1.1, 1.3, 1.3], np.float32)[:, None]
    noise = 0.6 * rng.standard_normal(points.shape).astype(np.float32) + 0.8 * smooth(points.shape, 5, rng)
    drift = rng.standard_normal((count, 1, 13, 2)) * 0.012
    points = points + ((noise * level + drift) * spread * height).astype(np.float32)
    points = _misplaced(_hidden(points, height, how, rng), height, how, rng)
    seen = known & ~_lost(count, frames, how, rng) & ~_cut(points, goals, how, rng)
    gone = rng.uniform(0, frames * 0.7, (count, 1)) * (rng.random((count, 1)) < how.late)
    seen &= (np.arange(frames) >= gone)[..., None]
    joints = np.concatenate([np.where(seen[..., None], points, 0), seen[..., None]], -1).astype(np.float32)
    few = seen.sum(-1) < 4
    goals[few] = UNKNOWN
    return Batch(joints, goals)


def _hidden(points: Floats, height: Floats, how: Drawing, rng: Random) -> Floats:
    """Points (B, T, 13, 2) of which one arm is found near the other while the body is seen from the side.

    So do estimators with an arm that the body hides: its elbow and wrist are taken to be those of the arm they see.
    """
    breadth = np.linalg.norm(points[..., body.L_SHOULDER, :] - points[..., body.R_SHOULDER, :], axis=-1)
    hips = body.middle(points, body.L_HIP, body.R_HIP)
    torso = np.linalg.norm(body.middle(points, body.L_SHOULDER, body.R_SHOULDER) - hips, axis=-1)
    chosen = (rng.random((len(points), 1)) < how.hidden) & (breadth < 0.45 * torso)
    near = rng.integers(0, 2, len(points))
    out = points.copy()
    for side in (0, 1):
        rows = chosen & (near == side)[:, None]
        for seen, lost in zip(body.SIDES[side][1:], body.SIDES[1 - side][1:], strict=True):
            off = rng.normal(0, 0.02, (len(points), 1, 2)) * height[..., 0]
            out[..., lost, :] = np.where(rows[..., None], points[..., seen, :] + off, points[..., lost, :])
    return np.asarray(out, np.float32)


def _misplaced(points: Floats, height: Floats, how: Drawing, rng: Random) -> Floats:
    """Points (B, T, 13, 2) of which some jump for a few frames, and limbs that change sides with each other.

    So does MoveNet: on clips of falls and daily life its joints tremble by .4 to .8 % of the height in most frames, and
    in one of twenty they are off by 15 to 25 %, elbows, wrists, knees and ankles above all. It hardly loses any.
    """
    count, frames = points.shape[:2]
    rate = rng.uniform(0, how.jumps, (count, 1, 1)) * (rng.random((count, 1, 1)) < 0.6)
    begin = rng.random((count, frames, 13)) < rate / 2  # jumps last about two frames
    away = begin.copy()
    for later in (1, 2):
        away[:, later:] |= begin[:, :-later] & (rng.random((count, frames - later, 13)) < 0.5)
    offset = 0.12 * rng.standard_normal((count, 1, 13, 2)) * height
    moved = points + np.where(away[..., None], offset, 0)
    for left, right in ((slice(3, 7, 2), slice(4, 7, 2)), (slice(9, 13, 2), slice(10, 13, 2))):  # arms, legs
        begin = rng.random((count, frames)) < rate[..., 0] / 3
        exchanged = begin.copy()
        for later in (1, 2, 3):
            exchanged[:, later:] |= begin[:, :-later]
        one, other = moved[:, :, left].copy(), moved[:, :, right].copy()
        moved[:, :, left] = np.where(exchanged[..., None, None], other, one)
        moved[:, :, right] = np.where(exchanged[..., None, None], one, other)
    return np.asarray(moved, np.float32)


def _lost(count: int, frames: int, how: Drawing, rng: Random) -> NDArray[np.bool_]:
    """Joints (B, T, 13) that the estimator does not find: now and then, for a while, and legs together."""
    rate = rng.uniform(0, how.lost, (count, 1, 1)) * (rng.random((count, 1, 1)) < 0.6)
    single = rng.random((count, frames, 13)) < rate * 0.5
    at = np.arange(frames)[None, :, None]
    begin, long = rng.uniform(-20, frames, (count, 1, 13)), rng.exponential(12, (count, 1, 13))
    while_ = (at >= begin) & (at < begin + long) & (rng.random((count, 1, 13)) < rate * 2)
    legs = np.zeros((count, 1, 13), bool)
    legs[rng.random(count) < how.legless, :, body.L_KNEE :] = True
    always = rng.random((count, 1, 13)) < rate * 0.3
    return single | while_ | legs | always


def _cut(points: Floats, goals: NDArray[np.int64], how: Drawing, rng: Random) -> NDArray[np.bool_]:
    """Joints (B, T, 13) beyond the lower border of the picture; without knees nobody can tell posture or steps."""
    count = len(points)
    hips, knees = points[:, 0, body.L_HIP, 1], points[:, 0, body.L_KNEE, 1]
    border = np.where(rng.random(count) < how.cut, hips + (knees - hips) * rng.uniform(-0.6, 1.3, count), np.inf)
    gone = np.asarray(points[..., 1] > border[:, None, None])
    unclear = gone[..., body.L_KNEE] & gone[..., body.R_KNEE]
    goals[unclear, POSTURE] = UNKNOWN
    goals[unclear, MOTION] = UNKNOWN
    return gone
