"""Kinds of short acts of the whole body as numbers that are drawn: kicks, punches, pushes, throws, pointing; and acts
like them that are none of the classes. `strikes` makes bodies of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recipes.everyday.drawing import Floats, Random
from recipes.everyday.labels import NONE


@dataclass(frozen=True, eq=False)
class Strike:
    """One act as numbers; places of hands are as in `gestures`, for the left hand.

    Args:
        label: of motion or arms, or NONE.
        times: of the way out, the hold, the way back, seconds.
        hands: of the acting hand, places along the way out (2 or 3 of them); none: the hand hangs.
        both: both hands do it.
        shake: how far the hand swings up and down while it holds, arms.
        turn, lean, aside: of the trunk at the end of the way out, rad: to the side of the acting hand, to the front,
            and to the side.
        step: of the front foot, m; of the whole body backwards where it is negative.
        kick: highest angle of the thigh, rad; flexed: of the knee on the way, rad; outwards: of the leg, rad.
        wind: of the thigh backwards before the kick, rad.
        fling: how far both hands fly about, arms.
        side: 0 where the left limb acts, 1 for the right one.
    """

    label: str
    times: tuple[float, float, float]
    hands: Floats | None = None
    both: bool = False
    shake: float = 0.0
    turn: float = 0.0
    lean: float = 0.0
    aside: float = 0.0
    step: float = 0.0
    kick: float = 0.0
    flexed: float = 0.0
    outwards: float = 0.0
    wind: float = 0.0
    fling: float = 0.0
    side: int = 0


def _kick(rng: Random) -> Strike:
    sideways = rng.random() < 0.35
    return Strike(
        "kicking", (rng.uniform(0.13, 0.4), rng.uniform(0, 0.2), rng.uniform(0.2, 0.6)),
        kick=rng.uniform(0.55, 1.9), flexed=rng.uniform(0.0, 1.8), wind=max(rng.uniform(-0.4, 0.9), 0.0),
        outwards=rng.uniform(0.7, 1.5) if sideways else rng.normal(0, 0.3), lean=-rng.uniform(-0.15, 0.6),
        aside=rng.uniform(-0.1, 0.5) if sideways else rng.normal(0, 0.12), turn=rng.normal(0, 0.4),
        step=max(rng.uniform(-0.2, 0.3), 0), fling=rng.uniform(0, 0.5),
    )  # fmt: skip


def _punch(rng: Random) -> Strike:
    guard = [rng.uniform(0.05, 0.5), rng.uniform(0.0, 0.45), rng.uniform(-0.2, 0.5)]
    hit = [rng.uniform(-0.2, 0.3), rng.uniform(0.8, 1.0), rng.uniform(-0.45, 0.25)]
    path = [guard, hit]
    if rng.random() < 0.35:  # a hook, from the side
        path.insert(1, [rng.uniform(0.6, 0.9), rng.uniform(0.3, 0.7), rng.uniform(-0.3, 0.15)])
    return Strike(
        "punching", (rng.uniform(0.12, 0.35), rng.uniform(0, 0.25), rng.uniform(0.2, 0.8)), np.array(path),
        turn=-rng.uniform(-0.1, 1.0), lean=rng.uniform(-0.1, 0.5), aside=rng.normal(0, 0.12),
        step=max(rng.uniform(-0.3, 0.7), 0), fling=rng.uniform(0, 0.25),
    )  # fmt: skip


def _push(rng: Random) -> Strike:
    near = [rng.uniform(0.1, 0.35), rng.uniform(0.2, 0.5), rng.uniform(-0.1, 0.5)]
    far = [rng.uniform(0.0, 0.3), rng.uniform(0.75, 1.0), rng.uniform(-0.25, 0.35)]
    return Strike(
        "pushing", (rng.uniform(0.2, 0.7), rng.uniform(0, 0.6), rng.uniform(0.3, 0.9)), np.array([near, far]),
        both=rng.random() < 0.85, lean=rng.uniform(-0.1, 0.6), step=max(rng.uniform(-0.3, 0.6), 0),
        turn=rng.normal(0, 0.15),
    )  # fmt: skip


def _point(rng: Random) -> Strike:
    around, up = rng.uniform(-0.5, 1.2), rng.uniform(-0.35, 0.4)
    ahead = [0.3 + np.sin(around) * np.cos(up), np.cos(around) * np.cos(up), -np.sin(up)]
    return Strike(
        "pointing", (rng.uniform(0.25, 0.7), rng.uniform(0.4, 2.5), rng.uniform(0.3, 0.9)),
        np.array([np.array(ahead) * rng.uniform(0.85, 1.0)]), turn=rng.normal(0, 0.2), lean=rng.normal(0, 0.1),
        step=max(rng.uniform(-0.6, 0.3), 0), shake=max(rng.uniform(-0.1, 0.08), 0),
    )  # fmt: skip


def _throw(rng: Random) -> Strike:
    back = [rng.uniform(0.3, 0.7), rng.uniform(-0.6, -0.05), rng.uniform(-0.7, 0.1)]
    over = [0.35, 0.3, rng.uniform(-0.9, -0.5)]
    end = [rng.uniform(-0.3, 0.3), rng.uniform(0.6, 0.95), rng.uniform(0.0, 0.6)]
    return Strike(
        "throwing", (rng.uniform(0.4, 0.9), rng.uniform(0, 0.2), rng.uniform(0.3, 0.8)), np.array([back, over, end]),
        turn=-rng.uniform(0, 1.0), lean=rng.uniform(0, 0.5), step=max(rng.uniform(-0.2, 0.6), 0),
    )  # fmt: skip


def _handshake(rng: Random) -> Strike:
    place = [rng.uniform(-0.1, 0.3), rng.uniform(0.55, 0.85), rng.uniform(0.25, 0.6)]
    return Strike(
        NONE, (rng.uniform(0.3, 0.9), rng.uniform(0.6, 2.5), rng.uniform(0.3, 0.9)), np.array([place]),
        shake=rng.uniform(0, 0.12), lean=rng.uniform(-0.05, 0.3), step=max(rng.uniform(-0.3, 0.5), 0),
    )  # fmt: skip


def _embrace(rng: Random) -> Strike:
    around = [rng.uniform(-0.25, 0.3), rng.uniform(0.35, 0.7), rng.uniform(-0.25, 0.4)]
    wide = [rng.uniform(0.3, 0.8), rng.uniform(0.4, 0.7), rng.uniform(-0.3, 0.3)]
    return Strike(
        NONE, (rng.uniform(0.5, 1.2), rng.uniform(0.6, 2.5), rng.uniform(0.4, 1.0)), np.array([wide, around]),
        both=True, lean=rng.uniform(0, 0.4), step=rng.uniform(0, 0.5),
    )  # fmt: skip


def _stagger(rng: Random) -> Strike:
    return Strike(
        NONE, (rng.uniform(0.12, 0.5), rng.uniform(0, 0.4), rng.uniform(0.4, 1.2)), lean=rng.uniform(-0.6, 0.3),
        turn=rng.normal(0, 0.4), aside=rng.normal(0, 0.25), step=-rng.uniform(0, 0.6), fling=rng.uniform(0, 0.45),
    )  # fmt: skip


def _step(rng: Random) -> Strike:
    return Strike(
        NONE, (rng.uniform(0.3, 0.8), rng.uniform(0.2, 2.0), rng.uniform(0.3, 0.8)), step=rng.uniform(-0.5, 0.6),
        turn=rng.normal(0, 0.5), lean=rng.normal(0, 0.15),
    )  # fmt: skip


def _reach(rng: Random) -> Strike:
    """A hand goes somewhere and does something there: takes, gives, touches, scratches."""
    place = [rng.uniform(-0.4, 0.8), rng.uniform(0.0, 0.8), rng.uniform(-0.5, 0.9)]
    return Strike(
        NONE, (rng.uniform(0.25, 0.9), rng.uniform(0.2, 2.5), rng.uniform(0.3, 0.9)),
        np.array([np.array(place) * rng.uniform(0.4, 0.8)]), both=rng.random() < 0.3, shake=rng.uniform(0, 0.1),
        turn=rng.normal(0, 0.3), lean=rng.normal(0.05, 0.2), step=max(rng.uniform(-0.8, 0.4), 0),
    )  # fmt: skip


STRIKES: tuple[tuple[Callable[[Random], Strike], float], ...] = (
    (_kick, 0.18), (_punch, 0.2), (_push, 0.1), (_point, 0.18), (_throw, 0.07), (_handshake, 0.06), (_embrace, 0.04),
    (_stagger, 0.06), (_step, 0.04), (_reach, 0.07),
)  # fmt: skip
"""Ways to draw an act, and how often each is."""
