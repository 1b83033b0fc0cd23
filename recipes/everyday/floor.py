"""People on the floor: sitting on it, lying with the knees up, and sinking down onto it as one who faints.

Takes of people on the floor are rare, and where they lie with the feet to the camera they look much as if they sat.
"""

from __future__ import annotations

import numpy as np

from recipes.everyday import bodies as body
from recipes.everyday.drawing import Floats, Random

Angles = tuple[Floats, Floats, Floats, Floats]  # as `bodies.seated` takes them: thighs, knees, shanks and trunk, rad
STRETCHED = 0.5  # share of people on the floor whose legs are stretched


def sitting(count: int, rng: Random) -> Angles:
    """How people sit on the floor: with stretched legs, or with the knees up and the feet before them."""
    stretched = rng.random((count, 1)) < STRETCHED
    rise = np.where(stretched, rng.normal(0, 0.08, (count, 1)), rng.uniform(0.3, 1.0, (count, 1)))
    shanks = np.where(stretched, rng.normal(1.45, 0.12, (count, 2)), _to_floor(rise) + rng.normal(0, 0.15, (count, 2)))
    return rise, rng.normal(0.2, 0.25, (count, 2)), shanks, rng.normal(-0.1, 0.25, (count, 1))


def lying(count: int, rng: Random) -> Angles:
    """How people lie on their back with the knees up, with the feet before the knees or near the hips."""
    rise = rng.uniform(0.25, 1.15, (count, 1))
    shanks = _to_floor(rise) * rng.choice([1.0, -0.7], (count, 1), p=[0.7, 0.3]) + rng.normal(0, 0.15, (count, 2))
    return rise, rng.normal(0.15, 0.25, (count, 2)), shanks, -np.deg2rad(rng.uniform(72, 100, (count, 1)))


def _to_floor(rise: Floats) -> Floats:
    """Angle of shanks from the vertical with which the feet are as low as the hips, thighs and shanks being alike."""
    return np.arccos(np.clip(np.sin(rise), 0, 1))


def sunk(bodies: Floats, share: Floats, rng: Random) -> Floats:
    """Standing bodies (B, T, 13, 3) that sink onto the floor and lie back by `share` (B, T), 0 to 1.

    The knees give way in the first half; the trunk goes back in the second. The hips end behind the feet.
    """
    n = len(bodies)
    rise, spread, shanks, lean = lying(n, rng)
    down, back = np.clip(share / 0.6, 0, 1), np.clip((share - 0.4) / 0.6, 0, 1)
    squat = body.with_knees(bodies, (down * rng.uniform(0.6, 0.85, (n, 1))).astype(np.float32))
    on_floor = body.seated(bodies, rise, spread, shanks, lean * back**1.5)
    _, front = body.frame_of(bodies)
    leg = body.limb(bodies, body.L_HIP, body.L_KNEE) + body.limb(bodies, body.L_KNEE, body.L_ANKLE)
    away = leg[..., None] * (0.93 * body.DOWN - rng.uniform(0.1, 0.5, (n, 1, 1)) * front)
    over = np.clip((share - 0.25) / 0.45, 0, 1)
    over = (over * over * (3 - 2 * over))[..., None, None]
    return np.asarray(squat * (1 - over) + (on_floor + away[..., None, :]) * over, np.float32)
