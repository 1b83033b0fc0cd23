"""Gestures composed of paths of the hands, so that no class is only what the few people of one data set did.

Hands move in the frame of `bodies.with_wrists`: origin in the middle of the shoulders, lengths in arms, axes to the
left, to the front and down the trunk. Paths are for the left hand; the right one has its mirror image. Ranges are
wide: one hand or both, high or low, quick or slow.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from recipes.everyday.drawing import RATE_HZ, Floats, Random
from recipes.everyday.labels import GROUPS, UNKNOWN

Gesture = Callable[[Floats, Random], tuple[Floats, bool]]

# Places of hands: at the side, in the lap, on the belly, at the hip, at the chin, before the chest, on a table.
REST = np.array([[0.45, 0.1, 1.0], [0.2, 0.45, 0.75], [0.0, 0.35, 0.5], [0.5, 0.0, 0.65], [0.1, 0.3, -0.1],
                 [0.05, 0.4, 0.25], [0.25, 0.65, 0.5]], np.float32)  # fmt: skip
# Of hands that do something else: on the head, at the ear, reaching out low and to the side, at the other shoulder.
BUSY = np.array([[0.1, 0.05, -0.55], [0.22, 0.08, -0.2], [0.3, 0.75, 0.35], [0.6, 0.4, 0.5], [-0.25, 0.3, 0.1],
                 [0.15, 0.5, 0.1], *REST], np.float32)  # fmt: skip
SIDES_ALIKE = np.array([-1, 1, 1], np.float32)


def resting(count: int, frames: int, rng: Random, places: Floats = REST) -> Floats:
    """Places (count, frames, 3) of a hand that rests; in half of the windows it changes its place once or twice."""
    chosen = places[rng.integers(0, len(places), (count, 3))] + rng.normal(0, 0.08, (count, 3, 3))
    times = np.sort(rng.uniform(0, frames, (count, 2)), 1)
    times[rng.random(count) < 0.5] = 200.0
    path = np.repeat(chosen[:, None, 0], frames, 1)
    for change in (0, 1):
        pace = rng.uniform(1.2, 4, (count, 1))
        share = 1 / (1 + np.exp(np.clip((times[:, change, None] - np.arange(frames)) / pace, -50, 50)))
        path += share[..., None] * (chosen[:, change + 1] - chosen[:, change])[:, None]
    return path.astype(np.float32)


def resting_hands(count: int, frames: int, rng: Random, places: Floats = REST) -> Floats:
    """Places (count, frames, 2, 3) of both hands, left and right, that rest."""
    hands = np.stack([resting(count, frames, rng, places) for _ in range(2)], 2)
    hands[:, :, 1] *= SIDES_ALIKE
    return hands


def elbow_sides(count: int, rng: Random, back: float = 0.4) -> Floats:
    """To which side the elbows point (count, 2, 3), left and right, as `bodies.with_wrists` takes it."""
    return np.array([[0.5, -back, 0.6], [-0.5, -back, 0.6]], np.float32) + rng.normal(0, 0.2, (count, 2, 3))


def _wave(seconds: Floats, rng: Random) -> tuple[Floats, bool]:
    center = np.array([rng.uniform(0.1, 0.8), rng.uniform(0.05, 0.7), rng.uniform(-0.9, 0.05)])
    axis = np.array([1.0, rng.normal(0, 0.3), rng.normal(0, 0.3)])
    swing = rng.uniform(0.1, 0.35) * np.sin(2 * np.pi * rng.uniform(0.9, 3.0) * seconds + rng.uniform(0, 6))
    return center + swing[:, None] * axis, rng.random() < 0.3


def _raise(seconds: Floats, rng: Random) -> tuple[Floats, bool]:
    place = np.array([rng.uniform(0.1, 0.5), rng.uniform(-0.15, 0.4), rng.uniform(-1.0, -0.6)])
    return place + 0 * seconds[:, None], False


def _point(seconds: Floats, rng: Random) -> tuple[Floats, bool]:
    around, up = rng.uniform(-0.5, 1.0), rng.uniform(-0.4, 0.35)
    reach = rng.uniform(0.85, 1.0)
    ahead = np.array([np.sin(around) * np.cos(up), np.cos(around) * np.cos(up), -np.sin(up)])
    return np.array([0.3, 0, 0]) + reach * ahead + 0 * seconds[:, None], False


def _clap(seconds: Floats, rng: Random) -> tuple[Floats, bool]:
    center = np.array([0.03, rng.uniform(0.25, 0.7), rng.uniform(-0.35, 0.4)])
    apart = rng.uniform(0.08, 0.4) * (0.5 - 0.5 * np.cos(2 * np.pi * rng.uniform(1.0, 3.5) * seconds))
    return center + apart[:, None] * [1.0, 0, 0], True


def _there_and_back(seconds: Floats, out_s: float, hold_s: float, back_s: float, pause_s: float) -> Floats:
    """0 to 1 and back, again and again."""
    at = seconds % (out_s + hold_s + back_s + pause_s)
    out = np.clip(at / out_s, 0, 1)
    back = np.clip((at - out_s - hold_s) / back_s, 0, 1)
    share = out - back
    return np.asarray(share * share * (3 - 2 * share))


def _punch(seconds: Floats, rng: Random) -> tuple[Floats, bool]:
    guard = np.array([rng.uniform(0.05, 0.35), rng.uniform(0.2, 0.45), rng.uniform(-0.2, 0.3)])
    hit = np.array([rng.uniform(-0.1, 0.3), rng.uniform(0.85, 1.0), rng.uniform(-0.3, 0.25)])
    phase = seconds + rng.uniform(0, 1)
    share = _there_and_back(phase, rng.uniform(0.1, 0.2), 0.03, rng.uniform(0.12, 0.35), rng.uniform(0, 0.9))
    return guard + share[:, None] * (hit - guard), False


def _push(seconds: Floats, rng: Random) -> tuple[Floats, bool]:
    near = np.array([rng.uniform(0.1, 0.35), rng.uniform(0.2, 0.4), rng.uniform(-0.05, 0.35)])
    far = np.array([rng.uniform(0.1, 0.35), rng.uniform(0.8, 1.0), rng.uniform(-0.15, 0.3)])
    share = _there_and_back(seconds, rng.uniform(0.25, 0.7), rng.uniform(0.05, 0.6), rng.uniform(0.3, 0.8), 0.3)
    return near + share[:, None] * (far - near), rng.random() < 0.75


def _throw(seconds: Floats, rng: Random) -> tuple[Floats, bool]:
    back = np.array([rng.uniform(0.3, 0.7), rng.uniform(-0.6, -0.05), rng.uniform(-0.7, 0.1)])
    over = np.array([0.35, 0.3, rng.uniform(-0.9, -0.5)])
    end = np.array([rng.uniform(-0.3, 0.3), rng.uniform(0.6, 0.95), rng.uniform(0.0, 0.6)])
    swing_s, draw_s = rng.uniform(0.2, 0.5), rng.uniform(0.15, 0.6)
    share = np.clip((seconds - draw_s) / swing_s, 0, 1)[:, None]
    path = back * (1 - share) ** 2 + 2 * over * share * (1 - share) + end * share**2
    return np.asarray(path), False


GESTURES: dict[str, Gesture] = {
    "waving": _wave, "raising": _raise, "pointing": _point, "clapping": _clap, "punching": _punch, "pushing": _push,
    "throwing": _throw,
}  # fmt: skip
"""Paths (T, 3) of the left hand by class, from the seconds since the gesture began; and whether both hands do it."""
SECONDS = {"throwing": (0.6, 1.0), "pushing": (0.7, 2.2)}  # how long one lasts; the others 1 to 4


def composed(count: int, frames: int, rng: Random) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Hands that gesture: places (count, frames, 2, 3) left and right, sides of the elbows (count, 2, 3), classes.

    The classes (count, frames) are those of the group of arms; UNKNOWN while one cannot tell yet.
    """
    hands = resting_hands(count, frames, rng)
    goals = np.zeros((count, frames), np.int64)
    names = list(GESTURES)
    for number in range(count):
        name, side = names[rng.integers(len(names))], int(rng.integers(2))
        begin = rng.uniform(-10, 0.6 * frames)
        long = rng.uniform(*SECONDS.get(name, (1.0, 4.0))) * RATE_HZ
        pace = rng.uniform(0.8, 2.5)
        at = np.arange(frames) - begin
        share = 1 / (1 + np.exp(np.clip(-at / pace, -50, 50))) / (1 + np.exp(np.clip((at - long) / pace, -50, 50)))
        path, both = GESTURES[name](np.maximum(at, 0) / RATE_HZ, rng)
        sides = (0, 1) if both or (name == "punching" and rng.random() < 0.5) else (side,)
        shift = rng.uniform(0, 0.5) if name == "punching" else 0.0
        for hand in sides:
            own = path if hand == sides[0] or not shift else np.roll(path, round(shift * RATE_HZ), 0)
            own = own * SIDES_ALIKE if hand else own
            hands[number, :, hand] += share[:, None].astype(np.float32) * (own - hands[number, :, hand])
        label = f"raising_{('left', 'right')[side]}" if name == "raising" else name
        told = (share > 0.5) & (at > 3)
        goals[number] = np.where(told, GROUPS["arms"].index(label), np.where(share > 0.03, UNKNOWN, 0))
    elbows = elbow_sides(count, rng)
    return hands.astype(np.float32), elbows.astype(np.float32), goals
