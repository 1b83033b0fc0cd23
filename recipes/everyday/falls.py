"""Falls by physics: a figure that stands, walks or sits loses its muscles, or is pushed, trips or slips.

Falls are rare in recordings, and those that are acted are careful. Here the muscles of a jointed figure (`figure`)
become weak, or a force acts on it, and gravity does the rest; it ends lying in any pose. What does not end lying still
is drawn again. `simulated` adds movements that are near to a fall and are none (`key_poses`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from recipes.everyday import key_poses as poses
from recipes.everyday.bodies import L_HIP, L_SHOULDER, NOSE, R_HIP, R_SHOULDER, Floats
from recipes.everyday.figure import NAMES, PARTS, RATE_HZ, Build, Figure
from recipes.everyday.key_poses import MOTIONS, POSTURES, Key, Motion, Random
from recipes.everyday.labels import UNKNOWN

FALL_S = (3.2, 4.5)  # simulated time
TRIES = 20
STILL_MPS, LOW = 0.25, 0.3  # speed of a body that lies; height of its trunk, as a share of the stature
FALLING, LIE = MOTIONS.index("falling"), POSTURES.index("lying")


@dataclass(frozen=True)
class FallSettings:
    """What is simulated.

    Args:
        falls, others: how many falls, and movements that are none.
        seed: of everything that is drawn.
    """

    falls: int = 300
    others: int = 300
    seed: int = 0


@dataclass(frozen=True, eq=False)
class _Cause:
    """Why a figure falls.

    Args:
        tone: of the muscles while it falls and when it lies.
        ramp_s: time in which they become so weak.
        goals: angles that they pull to, rad.
        forces: N on bodies by name, for `push_s`.
        friction: of the soles.
    """

    tone: tuple[float, float]
    ramp_s: float
    goals: Floats
    forces: dict[str, Floats]
    push_s: float
    friction: float = 0.9


@lru_cache(maxsize=1)
def simulated(settings: FallSettings) -> tuple[Motion, ...]:
    """Falls and other movements, each of another person; the same for a seed. Takes a minute on one core."""
    makers: Sequence[Callable[[Random], Motion]] = [fall] * settings.falls + [other] * settings.others
    return tuple(make(np.random.default_rng((settings.seed, number))) for number, make in enumerate(makers))


def other(rng: Random) -> Motion:
    """A movement of a random person that is near to a fall and is none."""
    name, keys = poses.contrasts(rng)
    return poses.played(Figure(build(rng)), keys, rng, name)


def build(rng: Random) -> Build:
    """A random adult: stature, body mass index and proportions."""
    stature = float(np.clip(rng.normal(1.70, 0.1), 1.45, 2.0))
    mass = float(np.clip(rng.normal(25, 4), 18, 36)) * stature**2
    return Build(stature, mass, tuple(np.exp(rng.normal(0, 0.05, len(PARTS)))))


def fall(rng: Random) -> Motion:
    """A fall of a random person.

    Raises:
        RuntimeError: where none of many tries ended lying still, which points to a change in the physics.
    """
    for _ in range(TRIES):
        name, joints, before, start = _attempt(rng)
        if lies_still(joints, float(np.ptp(joints[0, :, 1]))):
            return Motion(name, joints, fall_targets(joints, before, start))
    raise RuntimeError(f"none of {TRIES} simulated falls ended lying still: has MuJoCo's physics changed?")


def _attempt(rng: Random) -> tuple[str, NDArray[np.float32], NDArray[np.int8], int]:
    """A fall that may end in any way: its name, joints, the targets before it, and the frame in which it starts."""
    starts = ("standing", "walking", "sitting")
    begin = starts[int(rng.choice(3, p=(0.4, 0.4, 0.2)))]
    causes = {"standing": (_weakness, _push, _slip), "walking": (_weakness, _push, _trip, _slip),
              "sitting": (_weakness, _push)}[begin]  # fmt: skip
    maker = causes[int(rng.integers(len(causes)))]
    person = build(rng)
    figure = Figure(person)
    lead = poses.played(figure, _lead(begin, rng), rng, begin)
    if begin == "sitting":
        figure.put_chair()
    joints = np.concatenate([lead.joints, _simulate(figure, maker(rng, person), rng)])
    return f"{maker.__name__.strip('_')} while {begin}", joints, lead.targets, len(lead.joints)


def _lead(begin: str, rng: Random) -> list[Key]:
    """What the figure does before."""
    if begin == "walking":
        return poses.walk(rng, float(rng.uniform(0.5, 1.7)), float(rng.uniform(1.2, 2.2)))
    if begin == "standing":
        return [poses.standing(rng, float(rng.uniform(0.8, 1.8)))] * 2
    lean = {**poses.SIT, "waist_flex": float(rng.normal(12, 12)), "hip_out": float(rng.uniform(0, 15))}
    sat = Key(poses.flat_footed(lean), (0, 0, 0), float(rng.uniform(0.5, 1.0)), "sitting")
    return [sat, sat]


def _simulate(figure: Figure, cause: _Cause, rng: Random) -> NDArray[np.float32]:
    """Joints (T, 13, 3) from the moment in which the cause acts."""
    frames = round(rng.uniform(*FALL_S) * RATE_HZ)
    figure.set_foot_friction(cause.friction)
    rest, found = _lying_goals(rng), []
    for frame in range(frames):
        seconds = frame / RATE_HZ
        share = min(seconds / cause.ramp_s, 1.0)
        down = float(np.clip((seconds - 1.2) / 0.6, 0, 1))  # it lies by now: the muscles pull to a pose of rest
        tone = (1 - share) + share * (cause.tone[0] * (1 - down) + cause.tone[1] * down)
        figure.set_muscles(tone, cause.goals * (1 - down) + rest * down)
        figure.advance(cause.forces if seconds < cause.push_s else None)
        found.append(figure.joints())
    return np.array(found)


def _goals(rng: Random, spread: float = 12.0, **angles: float) -> Floats:
    """Angles of all hinges in rad, from some in degrees; each is off by `spread`."""
    return np.asarray(Key(angles).hinges() + np.deg2rad(rng.normal(0, spread, len(NAMES))))


def _lying_goals(rng: Random) -> Floats:
    """A pose of somebody who lies."""
    found = {name: float(abs(rng.normal(0, 35))) for name in ("hip_flex_l", "hip_flex_r", "elbow_l", "elbow_r")}
    found |= {f"knee_{side}": found[f"hip_flex_{side}"] * float(rng.uniform(0.8, 1.6)) for side in "lr"}
    found |= {f"shoulder_{kind}_{side}": float(rng.normal(30, 40)) for kind in ("flex", "out") for side in "lr"}
    return _goals(rng, 8, **found)


def _level(rng: Random, size: float) -> Floats:
    angle = rng.uniform(-np.pi, np.pi)
    return np.array([np.cos(angle) * size, np.sin(angle) * size, 0.0])


def _weakness(rng: Random, person: Build) -> _Cause:
    """Somebody loses consciousness: the knees buckle, and the body sinks to a side."""
    nudge = _level(rng, float(rng.uniform(0.05, 0.25)) * person.mass * 9.81)
    goals = _goals(rng, hip_flex=float(rng.uniform(5, 60)), knee=float(rng.uniform(10, 90)), elbow=15)
    tone = float(np.exp(rng.uniform(np.log(0.01), np.log(0.12))))
    return _Cause((tone, 0.01), float(rng.uniform(0.15, 0.6)), goals, {"trunk": nudge}, 0.4)


def _reaction(rng: Random) -> tuple[tuple[float, float], float, Floats]:
    """Muscles of somebody who notices: arms to the front or side, knees bent; then they let go."""
    goals = _goals(
        rng, hip_flex=float(rng.uniform(0, 50)), knee=float(rng.uniform(5, 70)), elbow=float(rng.uniform(10, 70)),
        shoulder_flex=float(rng.uniform(0, 90)), shoulder_out=float(rng.uniform(5, 60)), neck_flex=10,
    )  # fmt: skip
    return (float(rng.uniform(0.06, 0.4)), 0.015), float(rng.uniform(0.15, 0.4)), goals


def _push(rng: Random, person: Build) -> _Cause:
    """A push against the trunk, from any side."""
    seconds, speed = float(rng.uniform(0.15, 0.4)), float(rng.uniform(0.4, 1.1))
    return _Cause(*_reaction(rng), {"trunk": _level(rng, person.mass * speed / seconds)}, seconds)


def _trip(rng: Random, person: Build) -> _Cause:
    """A foot is stopped, and the body goes on."""
    seconds = float(rng.uniform(0.12, 0.25))
    stopped = np.array([-person.mass * rng.uniform(0.2, 0.6) / seconds, rng.normal(0, 20), 0])
    ahead = np.array([person.mass * rng.uniform(0.1, 0.4) / seconds, 0, 0])
    return _Cause(*_reaction(rng), {f"foot_{rng.choice(['l', 'r'])}": stopped, "trunk": ahead}, seconds)


def _slip(rng: Random, person: Build) -> _Cause:
    """The feet go away to the front, seldom to a side, and the body falls backwards."""
    seconds, angle = float(rng.uniform(0.15, 0.3)), rng.normal(0, 0.5)
    away = person.mass * rng.uniform(0.1, 0.35) / seconds * np.array([np.cos(angle), np.sin(angle), 0])
    return _Cause(*_reaction(rng), {"foot_l": away / 2, "foot_r": away / 2, "trunk": -away / 4}, seconds, 0.05)


def trunk_height(joints: Floats) -> Floats:
    """Height of the middle of the trunk over the floor, (T,) m."""
    return np.asarray(-joints[:, [L_SHOULDER, R_SHOULDER, L_HIP, R_HIP], 1].mean(1))


def lies_still(joints: Floats, stature: float) -> bool:
    """Whether a motion ends with somebody who lies on the floor, nearly without movement."""
    last = joints[-round(0.5 * RATE_HZ) :]
    speed = np.linalg.norm(last[-1] - last[0], axis=-1).max() / 0.5
    trunk = last[-1, [L_SHOULDER, R_SHOULDER]].mean(0) - last[-1, [L_HIP, R_HIP]].mean(0)
    level = abs(trunk[1]) < 0.6 * np.linalg.norm(trunk)
    low = trunk_height(last)[-1] < LOW * 0.6 * stature and -last[-1, NOSE, 1] < LOW * stature
    return bool(level and low and speed < STILL_MPS)


def fall_span(joints: Floats, start: int) -> tuple[int, int]:
    """First frame in which a fall shows, and the one of the impact: an eighth and .93 of the trunk's way down."""
    height = trunk_height(joints)
    way = (height[start] - height) / max(float(height[start] - np.median(height[-10:])), 0.05)
    begin = start + int(np.argmax(way[start:] > 1 / 8))
    return begin, begin + int(np.argmax(way[begin:] > 0.93))


def fall_targets(joints: Floats, before: NDArray[np.int8], start: int) -> NDArray[np.int8]:
    """Targets (T, 3): those before the fall; falling until a quarter of a second after the impact; then lying."""
    begin, impact = fall_span(joints, start)
    found = np.full((len(joints), 3), UNKNOWN, np.int8)
    found[:start] = before
    end = impact + round(0.25 * RATE_HZ)
    found[begin:end, 1] = FALLING
    found[impact:, 0] = LIE
    found[end:, 1:] = 0
    return found
