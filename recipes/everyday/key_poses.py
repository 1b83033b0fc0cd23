"""Motions of the figure from key poses: starts of falls, and movements that are near to a fall and are none.

A key pose gives angles of hinges in degrees and the turn of the pelvis; between two of them everything moves smoothly.
The lowest point of the figure is on the floor, or as high as it was where a bed carries it. The feet stay where they
are, or the pelvis does where it carries the body.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from recipes.everyday.bodies import Floats
from recipes.everyday.figure import NAMES, RATE_HZ, SIDES, Figure
from recipes.everyday.labels import GROUPS, UNKNOWN

Random = np.random.Generator
POSTURES, MOTIONS = (list(GROUPS[name]) for name in ("posture", "motion"))


@dataclass(frozen=True, eq=False)
class Motion:
    """What one figure did.

    Args:
        name: kind of the motion.
        joints: (T, 13, 3) at `figure.RATE_HZ`, as in `takes.Take`.
        targets: (T, 3) class in each of the `labels.GROUPS`, or UNKNOWN.
    """

    name: str
    joints: NDArray[np.float32]
    targets: NDArray[np.int8]


@dataclass(frozen=True)
class Key:
    """A pose, and how the figure comes to it.

    Args:
        angles: of hinges in degrees, by name; without _l or _r it is that of both sides; others are 0.
        turn: yaw, pitch to the front, roll to the right of the pelvis, degrees.
        seconds: from the pose before.
        posture, motion: labels on the way, or None where nothing is known.
        on_feet: whether the feet stay where they are.
        carried: whether the pelvis stays as high as it is, on a bed.
        speed: of the pelvis to the front, m/s.
    """

    angles: dict[str, float] = field(default_factory=dict)
    turn: tuple[float, float, float] = (0, 0, 0)
    seconds: float = 1.0
    posture: str | None = "standing"
    motion: str | None = "none"
    on_feet: bool = True
    carried: bool = False
    speed: float = 0.0

    def hinges(self) -> Floats:
        """All angles in the order of `NAMES`, rad."""
        found = np.zeros(len(NAMES))
        for name, value in self.angles.items():
            sides = [name] if name in NAMES else [f"{name}_{side}" for side in SIDES]
            for each in sides:
                found[NAMES.index(each)] = np.deg2rad(value)
        return found

    def target(self) -> tuple[int, int, int]:
        """Classes in the three groups; a figure that does this does nothing with its arms."""
        posture = UNKNOWN if self.posture is None else POSTURES.index(self.posture)
        return posture, UNKNOWN if self.motion is None else MOTIONS.index(self.motion), 0


def played(figure: Figure, keys: Sequence[Key], rng: Random, name: str) -> Motion:
    """The figure moves through the poses, its joints a little off each time; it is left in the last one, moving."""
    off = rng.normal(0, np.deg2rad(3), (len(keys), len(NAMES)))
    off *= [[key.speed == 0] for key in keys]  # the poses of a walk are one movement
    poses = np.array([key.hinges() for key in keys]) + off
    turns = np.deg2rad([key.turn for key in keys]) + rng.normal(0, np.deg2rad(2), (len(keys), 3)) * [
        [key.speed == 0] for key in keys
    ]
    joints, goals, ground = list[Floats](), list[tuple[int, int, int]](), _Ground(figure)
    before = state = figure.state()
    for number, key in enumerate(keys):
        first = max(number - 1, 0)
        for share in _shares(round(key.seconds * RATE_HZ)):
            pose, turn = (values[first] + share * (values[number] - values[first]) for values in (poses, turns))
            ground.put(pose, turn, key)
            joints.append(figure.joints())
            goals.append(key.target())
            before, state = state, figure.state()
    figure.move_from(before, 1 / RATE_HZ)
    return Motion(name, np.array(joints, np.float32), np.array(goals, np.int8))


def _shares(frames: int) -> Floats:
    """Of the way between two poses in each frame, with the least jerk (Flash and Hogan, Journal of Neuroscience 5(7),
    1985)."""
    at = np.arange(1, max(frames, 1) + 1) / max(frames, 1)
    return np.asarray(at**3 * (10 - 15 * at + 6 * at**2))


class _Ground:
    """Where the pelvis is, so that the figure stands, sits or lies."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.place = np.array([0.0, 0.0, 1.0])
        self.anchor: Floats | None = None  # where the feet were

    def put(self, pose: Floats, turn: Floats, key: Key) -> None:
        """Sets the pose on the floor, or at the height that it has."""
        self.figure.set_pose(pose, self.place, turn)
        lowest = self.figure.lowest()
        self.place[2] -= min(lowest, 0) if key.carried else lowest
        if self.anchor is not None and key.on_feet:
            self.place[:2] += self.anchor - self._feet()
        self.place[0] += key.speed / RATE_HZ
        self.figure.set_pose(pose, self.place, turn)
        self.anchor = self._feet()

    def _feet(self) -> Floats:
        right, _, front = self.figure.joints()[-2:].mean(0)
        return np.array([front, -right])


# Poses, as differences from standing.
STAND = {"shoulder_out": 8.0, "elbow": 15.0}
SIT = {"hip_flex": 85.0, "knee": 88.0, "shoulder_flex": 25.0, "elbow": 50.0, "shoulder_out": 8.0}
SQUAT = {"hip_flex": 122.0, "knee": 142.0, "ankle": 30.0, "waist_flex": 30.0, "shoulder_flex": 60.0, "elbow": 20.0}
BEND = {"hip_flex": 75.0, "knee": 15.0, "waist_flex": 35.0, "shoulder_flex": 80.0, "elbow": 10.0, "neck_flex": 10.0}
KNEEL = {"hip_flex": 5.0, "knee": 95.0, "ankle": -40.0, "elbow": 20.0, "shoulder_out": 8.0}
HALF_KNEEL = {"hip_flex_l": 90.0, "knee_l": 95.0, "knee_r": 95.0, "ankle_r": -20.0, "elbow": 20.0}
FOURS = {"hip_flex": 85.0, "knee": 95.0, "ankle": -40.0, "shoulder_flex": 85.0, "elbow": 8.0, "neck_flex": -20.0}
FLOOR_SIT = {"hip_flex": 110.0, "knee": 100.0, "waist_flex": 15.0, "shoulder_flex": 20.0, "elbow": 30.0}
BACK = {"hip_flex": 8.0, "knee": 12.0, "shoulder_out": 20.0, "elbow": 20.0}
SIDE = {"hip_flex": 40.0, "knee": 60.0, "shoulder_flex": 50.0, "elbow": 70.0, "waist_flex": 15.0}
FRONT = {"hip_flex": -2.0, "knee": 8.0, "shoulder_out": 15.0, "elbow": 5.0, "neck_flex": -10.0, "ankle": -40.0}
PLANK = {"shoulder_flex": 75.0, "elbow": 3.0, "ankle": 25.0, "neck_flex": -10.0}


def flat_footed(angles: dict[str, float], pitch: float = 0.0) -> dict[str, float]:
    """The angles, and those of the ankles with which the soles are level."""
    found = dict(angles)
    for side in SIDES:
        hip, knee = (found.get(f"{name}_{side}", found.get(name, 0.0)) for name in ("hip_flex", "knee"))
        found[f"ankle_{side}"] = float(np.clip(pitch + knee - hip, -45, 30))
    return found


def standing(rng: Random, seconds: float = 1.0) -> Key:
    """Somebody who stands in some way."""
    bent = float(rng.uniform(0, 18))
    found = {
        **STAND, "hip_flex": bent / 2, "knee": bent, "hip_out": float(rng.uniform(0, 10)),
        "waist_flex": float(rng.normal(3, 4)), "neck_flex": float(rng.normal(5, 8)),
    }  # fmt: skip
    for side in SIDES:
        found[f"shoulder_flex_{side}"] = float(rng.normal(5, 15))
        found[f"elbow_{side}"] = float(abs(rng.normal(20, 25)))
    return Key(flat_footed(found), seconds=seconds)


def walk(rng: Random, speed: float, seconds: float) -> list[Key]:
    """Poses of a walk with this speed in m/s, one for each frame."""
    stride = 0.75 + 0.45 * speed  # m, two steps
    phase = rng.uniform(0, 2 * np.pi) + 2 * np.pi * speed / stride * np.arange(1, seconds * RATE_HZ + 1) / RATE_HZ
    swing, arms = 12 + 12 * min(speed, 1.6), float(rng.uniform(5, 25))
    lean, bent = float(rng.normal(4, 3)), float(rng.uniform(10, 40))
    keys = []
    for at in phase:
        found = {**STAND, "waist_flex": lean, "elbow": bent}
        for side, shift in (("l", 0), ("r", np.pi)):
            found[f"hip_flex_{side}"] = 8 + swing * np.sin(at + shift)
            found[f"knee_{side}"] = 8 + 50 * max(np.sin(at + shift + 1.3), 0.0) ** 1.5
            found[f"shoulder_flex_{side}"] = -arms * np.sin(at + shift)
        keys.append(Key(flat_footed(found), seconds=1 / RATE_HZ, motion="walking", on_feet=False, speed=speed))
    return keys


def contrasts(rng: Random) -> tuple[str, list[Key]]:
    """Name and poses of a movement that is no fall, drawn at random."""
    makers = (_sit, _lie_on_bed, _lie_on_floor, _lie_prone, _bend, _kneel, _tie_shoe, _push_ups, _squat, _get_up)
    maker = makers[int(rng.integers(len(makers)))]
    before = [] if maker is _get_up else [standing(rng, float(rng.uniform(0.5, 1.2)))]
    return maker.__name__.strip("_"), [*before, *maker(rng)]


def _stand_up(rng: Random, motion: str | None = "none", posture: str | None = None) -> list[Key]:
    back = standing(rng, float(rng.uniform(0.7, 1.5)))
    return [replace(back, motion=motion, posture=posture), replace(back, seconds=float(rng.uniform(0.3, 1)))]


def _sit(rng: Random, slowest: float = 1.1) -> list[Key]:
    lean = {**SIT, "hip_flex": 95.0, "knee": 75.0, "waist_flex": 15.0}
    down, sat = float(rng.uniform(0.3, slowest)), flat_footed({**SIT, "waist_flex": float(rng.normal(5, 10))})
    keys = [
        Key(flat_footed(lean, 25), (0, 25, 0), down * 0.7, None, "sitting_down"),
        Key(sat, (0, float(rng.normal(-5, 8)), 0), down * 0.3, "sitting", "sitting_down"),
        Key(sat, (0, float(rng.normal(-8, 8)), 0), float(rng.uniform(0.8, 2.0)), "sitting"),
    ]
    return keys + (_stand_up(rng, "standing_up") if rng.random() < 0.4 else [])


def _lie_on_bed(rng: Random) -> list[Key]:
    sat = _sit(rng, 1.5)[:3]
    seconds, flat, side = float(rng.uniform(0.8, 2.2)), (0, -85, 0), int(rng.choice((-1, 1)))
    if rng.random() < 0.5:
        way = [Key(BACK, flat, seconds, None, on_feet=False, carried=True)]
    else:
        way = [
            Key(SIDE, (0, 0, side * 70), seconds, None, on_feet=False, carried=True),
            Key(SIDE, (0, 0, side * 85), 0.5, "lying", on_feet=False, carried=True),
        ]
    return [*sat, *way, replace(way[-1], seconds=2.0, posture="lying")]


def _to_floor_sit(rng: Random) -> list[Key]:
    return [
        Key(SQUAT, (0, 15, 0), float(rng.uniform(0.7, 1.5)), None, None),
        Key(FLOOR_SIT, (0, -15, 0), float(rng.uniform(0.6, 1.2)), None),
        Key(FLOOR_SIT, (0, -15, 0), float(rng.uniform(0.2, 1.5)), "sitting", on_feet=False),
    ]


def _lie_on_floor(rng: Random) -> list[Key]:
    side = int(rng.choice((-1, 0, 1)))
    last = Key(SIDE, (0, 0, side * 85), 1) if side else Key(BACK, (0, -88, 0), 1)
    way = replace(last, seconds=float(rng.uniform(1, 2.2)), posture=None, on_feet=False)
    return [*_to_floor_sit(rng), way, replace(way, seconds=2.0, posture="lying")]


def _lie_prone(rng: Random) -> list[Key]:
    prone = {**FRONT, "shoulder_flex": float(rng.choice((0, 165)))}  # arms at the sides or over the head
    down = [
        Key(KNEEL, (0, 5, 0), float(rng.uniform(0.7, 1.3)), None),
        Key(FOURS, (0, 85, 0), float(rng.uniform(0.6, 1.2)), None),
        Key(prone, (0, 88, 0), float(rng.uniform(0.8, 1.6)), None, on_feet=False),
    ]
    return [*down, replace(down[-1], seconds=2.0, posture="lying")]


def _bend(rng: Random) -> list[Key]:
    deep = {**BEND, "hip_flex": float(rng.uniform(35, 95)), "knee": float(rng.uniform(0, 45))}
    key = Key(flat_footed(deep), (0, 0, 0), float(rng.uniform(0.4, 1.0)), "standing", "bending")
    pitch = deep["hip_flex"]
    key = replace(key, angles=flat_footed(deep, pitch * 0.6), turn=(0, pitch * 0.6, 0))
    return [key, replace(key, seconds=float(rng.uniform(0.2, 1.5))), *_stand_up(rng, "bending", "standing")]


def _kneel(rng: Random) -> list[Key]:
    angles = HALF_KNEEL if rng.random() < 0.5 else KNEEL
    key = Key(angles, (0, 5, 0), float(rng.uniform(0.6, 1.3)), None)
    return [key, replace(key, seconds=float(rng.uniform(0.7, 2.5))), *_stand_up(rng)]


def _tie_shoe(rng: Random) -> list[Key]:
    reach = {"waist_flex": 50.0, "shoulder_flex": 55.0, "elbow": 15.0, "neck_flex": 20.0}
    angles, turn = (HALF_KNEEL, 25.0) if rng.random() < 0.6 else (SQUAT, 20.0)
    key = Key({**angles, **reach}, (0, turn, 0), float(rng.uniform(0.7, 1.4)), None)
    return [key, replace(key, seconds=float(rng.uniform(1.0, 3.0))), *_stand_up(rng)]


def _push_ups(rng: Random) -> list[Key]:
    low = {**PLANK, "shoulder_flex": 30.0, "elbow": 95.0, "shoulder_out": 40.0}
    pace = float(rng.uniform(0.4, 0.9))
    up, down = (Key(angles, (0, pitch, 0), pace, None, on_feet=True) for angles, pitch in ((PLANK, 70.0), (low, 85.0)))
    begin = [Key(SQUAT, (0, 40, 0), float(rng.uniform(0.6, 1.2)), None, None), replace(up, seconds=0.8)]
    return [*begin, *[down, up] * int(rng.integers(2, 5))]


def _squat(rng: Random) -> list[Key]:
    key = Key(SQUAT, (0, 15, 0), float(rng.uniform(0.4, 0.9)), None, "squatting")
    return [key, *_stand_up(rng, "squatting")]


def _get_up(rng: Random) -> list[Key]:
    """From lying by sitting and squatting to standing."""
    lying, sat = Key(BACK, (0, -88, 0), 1.2, "lying", on_feet=False), Key(FLOOR_SIT, (0, -15, 0), 1.2, None, None)
    squat = Key(SQUAT, (0, 15, 0), float(rng.uniform(0.7, 1.2)), None, None)
    return [lying, sat, squat, *_stand_up(rng, None)]
