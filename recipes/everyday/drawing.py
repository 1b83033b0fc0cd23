"""How examples of the everyday model are drawn, and what a batch of them is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipes.everyday.labels import GROUPS

Floats = NDArray[np.floating]
Random = np.random.Generator

RATE_HZ = 15.0
POSTURE, MOTION, ARMS, ACTION = range(4)
STAND, SIT, LIE = range(3)
CLASS = {(group, name): number for group, names in enumerate(GROUPS.values()) for number, name in enumerate(names)}
WALKING, RUNNING, FALLING = (CLASS[MOTION, name] for name in ("walking", "running", "falling"))
RAISING = (CLASS[ARMS, "raising_left"], CLASS[ARMS, "raising_right"])
WAVING, DRINKING = CLASS[ARMS, "waving"], CLASS[ARMS, "drinking"]
MOUTH = np.array([0.05, 0.3, -0.22], np.float32)


@dataclass(frozen=True)
class Drawing:
    """How examples are drawn. Shares are of the windows that they can be applied to.

    Args:
        frames: of a window at 15 Hz.
        seated, lying, idle, drinking, falling, gestures, transitions: shares of composed bodies.
        seated_idle: share of windows of people who sit and do nothing, still or nearly so.
        exchanged: share of windows in which left and right are taken for each other, as of people seen from behind.
        strikes: share of windows of one composed short act of the whole body (`strikes`).
        single: share of windows of one short act between stretches of standing still (`single_acts`).
        single_speed: range of its speed.
        approaches: share of windows in space of people who walk to what they do, or away from it (`approaches`).
        abrupt: share of windows of a short act whose person appears as it begins.
        haste: how much quicker composed short acts of approaches and `strikes` may be, at most.
        steps_none: whether the one step of such an act is no motion; else nothing is known of it.
        speed: range of the speed, times that of the take.
        late: share of windows whose person appears within them.
        cut: share of windows in which the picture ends within the body.
        noise: range of the tremor's deviation, in heights of the person.
        lost: highest probability that a joint is lost in a window.
        legless: share of windows whose knees and ankles are all lost.
        jumps: highest share of a joint's frames in which it is found elsewhere, or on the other side of the body.
        hidden: share of windows in which the arm behind a body seen from the side is found where the other one is.
        builds: how much the builds of people differ, times `examples.BUILDS`.
        placing: deviation of the place at which a joint is found, in torsos, the same through a window.
        pace: how unevenly time passes in a take that is drawn, as the deviation of the logarithm of its speed.
        picture_share: share of windows that come from takes in a picture, JHMDB's among them.
        simulated: share of windows that come from simulated falls and movements that are none (`falls`).
    """

    frames: int = 40
    seated: float = 0.3
    lying: float = 0.15
    idle: float = 0.12
    seated_idle: float = 0.04
    drinking: float = 0.04
    falling: float = 0.05
    gestures: float = 0.06
    transitions: float = 0.1
    exchanged: float = 0.05
    strikes: float = 0.25
    single: float = 0.1
    single_speed: tuple[float, float] = (0.8, 2.4)
    approaches: float = 0.13
    abrupt: float = 0.25
    haste: float = 1.8
    steps_none: bool = True
    speed: tuple[float, float] = (0.65, 1.45)
    late: float = 0.25
    cut: float = 0.1
    noise: tuple[float, float] = (0.002, 0.02)
    lost: float = 0.25
    legless: float = 0.06
    jumps: float = 0.04
    hidden: float = 0.15
    builds: float = 1.0
    placing: float = 0.04
    pace: float = 0.15
    picture_share: float = 0.2
    simulated: float = 0.06


@dataclass(frozen=True, eq=False)
class Batch:
    """Windows of one person each.

    Args:
        joints: (B, T, 13, 3) x, y in any unit and 1 where the joint is seen, else three zeros.
        targets: (B, T, 4) class in each group and number of the data set's own action, or UNKNOWN.
    """

    joints: Floats
    targets: NDArray[np.int64]


DEFAULT_DRAWING = Drawing()


def smooth(shape: tuple[int, ...], width: float, rng: Random) -> Floats:
    """Noise (B, T, ...) of deviation one that changes within about `width` frames."""
    count, frames = shape[:2]
    knots = max(int(np.ceil(frames / width)) + 2, 3)
    noise = rng.standard_normal((count, knots, *shape[2:])).astype(np.float32)
    at = np.arange(frames) / width + rng.random()
    low = np.minimum(at.astype(int), knots - 2)
    share = (at - low).reshape(-1, *[1] * (len(shape) - 2)).astype(np.float32)
    share = share * share * (3 - 2 * share)
    return noise[:, low] * (1 - share) + noise[:, low + 1] * share
