"""Walks over the floor with feet that stand: paths, halts, turns, and steps, for bodies that do anything meanwhile.

A body is posed in place first, as it bends, strikes or gestures; then it is carried along a path, and its legs are set
anew between its hips and the feet, each of which stands where it was put down until its next step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recipes.everyday import bodies as body
from recipes.everyday.drawing import RATE_HZ, Floats, Random

LEGS = ((body.L_HIP, body.L_KNEE, body.L_ANKLE), (body.R_HIP, body.R_KNEE, body.R_ANKLE))
GRID = 0.1  # steps between two points of a path
MARGIN = 4.0  # steps that a path goes on before and after what is shown
FAR = 1e4  # frames: never
STRETCHED = 0.985  # of a leg at most


@dataclass(frozen=True, eq=False)
class Walk:
    """Walks of n people; all arrays are (n, 1).

    Args:
        halt, go: frames between which people stand.
        pace: steps a second.
        step: way of a step, legs.
        curve: of the path, rad; bend_at: steps after which half of it is done; bend_over: steps that it takes.
        turn: in place after the halt, rad.
        swing: share of a step's time in which the foot is in the air; lift: its height, legs.
    """

    halt: Floats
    go: Floats
    pace: Floats
    step: Floats
    curve: Floats
    bend_at: Floats
    bend_over: Floats
    turn: Floats
    swing: Floats
    lift: Floats

    def phase(self, frames: int) -> Floats:
        """Steps (n, T) that would be done by each frame if nobody stood."""
        return np.arange(frames) / RATE_HZ * self.pace

    def done(self, phase: Floats) -> Floats:
        """Steps that are done by a phase (n, ...)."""
        first, second = (edge / RATE_HZ * self.pace for edge in (self.halt, self.go))
        return np.minimum(phase, first) - np.minimum(first, 0) + np.maximum(phase - second, 0)

    def turned(self, phase: Floats) -> Floats:
        """Share of the turn in place that is done by a phase, within three steps after the halt."""
        return _eased((phase - self.halt / RATE_HZ * self.pace) / 3)

    def going(self, frames: int) -> Floats:
        """How much of a walk there is in each frame (n, T), 0 to 1."""
        at = np.arange(frames)
        return np.asarray(1 - _eased((at - self.halt + 3) / 6) * (1 - _eased((at - self.go + 2) / 6)))


def _eased(share: Floats) -> Floats:
    share = np.clip(share, 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def drawn(halt: Floats, go: Floats, turning: Floats, rng: Random) -> Walk:
    """Walks with random paces, steps and paths; people for whom `turning` (n, 1) is true turn in place at the halt."""
    n = len(halt)
    back = rng.random((n, 1)) < 0.12  # they turn round on their way
    curve = np.where(back, rng.choice([-np.pi, np.pi], (n, 1)), rng.normal(0, 0.7, (n, 1)))
    return Walk(
        halt, go, rng.uniform(1.0, 2.1, (n, 1)), rng.uniform(0.22, 0.85, (n, 1)), curve, rng.uniform(-1, 6, (n, 1)),
        np.where(back, rng.uniform(1.5, 3, (n, 1)), rng.uniform(2, 6, (n, 1))),
        turning * rng.uniform(0.8, 3.2, (n, 1)) * rng.choice([-1, 1], (n, 1)), rng.uniform(0.75, 0.95, (n, 1)),
        rng.uniform(0.05, 0.18, (n, 1)),
    )  # fmt: skip


def swung(bodies: Floats, walk: Walk, amount: Floats, lean: Floats) -> Floats:
    """Bodies in place (n, T, 13, 3) whose arms swing by `amount` and whose trunk leans by `lean` rad (n, 1)."""
    frames, out = bodies.shape[1], bodies.copy()
    phase, going = walk.phase(frames), walk.going(frames)
    left = body.frame_of(bodies)[0][:, 0]
    for sign, (shoulder, *arm) in zip((1, -1), body.SIDES, strict=True):
        angle = (sign * amount * np.cos(np.pi * (phase - walk.swing / 2 + 0.5)) * going).astype(np.float32)
        out[..., arm, :] = body.turned(out[..., arm, :], left, angle, out[..., shoulder, :])
    upper = [body.NOSE, *body.SIDES[0], *body.SIDES[1]]
    pelvis = body.middle(out, body.L_HIP, body.R_HIP)
    out[..., upper, :] = body.turned(out[..., upper, :], left, (lean * going).astype(np.float32), pelvis)
    return out


def carried(posed: Floats, still: Floats, walk: Walk) -> Floats:
    """Bodies (n, T, 13, 3) that were posed in place, on their way over the floor.

    Args:
        posed: what they do. How their feet move in place is added to their steps.
        still: the same bodies before they were posed.
    """
    n, frames = posed.shape[:2]
    legs = [body.limb(still, hip, knee) + body.limb(still, knee, ankle) for hip, knee, ankle in LEGS]
    leg = (legs[0] + legs[1]) / 2
    phase = walk.phase(frames)
    path = _Path(walk, leg)
    pelvis, heading = path.at(_smoothed(walk.done(phase))), path.heading(phase)
    _, front = body.frame_of(still[:, :1])
    ahead = np.arctan2(front[..., 0], front[..., 2])  # (n, 1)
    home = body.middle(still, body.L_HIP, body.R_HIP)[:, :1]
    angle = np.asarray(heading - ahead)
    down = np.broadcast_to(body.DOWN, (n, 3))
    out = body.turned(posed, down, angle, np.repeat(home, frames, 1))
    shift = np.zeros((n, frames, 1, 3), np.float32)
    shift[..., 0, 0], shift[..., 0, 2] = pelvis[..., 0], pelvis[..., 1]
    out += shift
    for foot, (_, _, ankle) in enumerate(LEGS):
        place, height = _feet(walk, path, phase, foot, leg)
        own = body.turned((posed - still)[..., [ankle], :] + home[:, :, None], down, angle, np.repeat(home, frames, 1))
        out[..., ankle, :] = own[..., 0, :]
        out[..., ankle, 0] += place[..., 0]
        out[..., ankle, 2] += place[..., 1]
        out[..., ankle, 1] += still[..., ankle, 1] - home[..., 1] - height
    return _on_legs(out, still)


class _Path:
    """Places on the floor by steps done."""

    def __init__(self, walk: Walk, leg: Floats) -> None:
        self.walk = walk
        count = walk.done(walk.phase(64)).max() + 2 * MARGIN
        self.steps = np.arange(-MARGIN, count, GRID)
        angle = self._curve(self.steps[None])
        way = np.stack([np.sin(angle), np.cos(angle)], -1) * (walk.step * leg * GRID)[..., None]
        self.places = np.cumsum(way, 1)

    def _curve(self, done: Floats) -> Floats:
        walk = self.walk
        return np.asarray(walk.curve * _eased((done - walk.bend_at) / walk.bend_over + 0.5))

    def heading(self, phase: Floats) -> Floats:
        """Where people face, rad from the z axis to the x axis."""
        return self._curve(_smoothed(self.walk.done(phase))) + self.walk.turn * self.walk.turned(phase)

    def at(self, done: Floats) -> Floats:
        """x and z (n, T, 2) after so many steps."""
        found = [
            [np.interp(row, self.steps, places[:, axis]) for axis in (0, 1)]
            for row, places in zip(done, self.places, strict=True)
        ]
        return np.array(found).transpose(0, 2, 1)


def _smoothed(done: Floats) -> Floats:
    """Over a third of a second: nobody stops at once."""
    padded = np.pad(done, ((0, 0), (2, 2)), "reflect", reflect_type="odd")
    return np.asarray(sum(padded[:, k : k + done.shape[1]] for k in range(5)) / 5)


def _feet(walk: Walk, path: _Path, phase: Floats, foot: int, leg: Floats) -> tuple[Floats, Floats]:
    """Where a foot is: x and z (n, T, 2), and its height over the floor (n, T)."""
    number = np.floor((phase - foot) / 2)
    share = _eased(((phase - foot) - 2 * number) / walk.swing)
    side = (0.11 if foot == 0 else -0.11) * leg

    def placed(step: Floats) -> Floats:
        middle = 2 * step + foot + (walk.swing + 2) / 2
        done = walk.done(middle)
        angle = path._curve(done) + walk.turn * walk.turned(middle)
        across = np.stack([-np.cos(angle), np.sin(angle)], -1)
        return np.asarray(path.at(done) + across * side[..., None])

    before, after = placed(number - 1), placed(number)
    way = np.linalg.norm(after - before, axis=-1)
    height = np.sin(np.pi * share) * walk.lift * leg * np.minimum(way / (0.2 * leg), 1)
    return before + (after - before) * share[..., None], height


def _on_legs(bodies: Floats, still: Floats) -> Floats:
    """The hips as low as the legs ask, and knees between hips and ankles."""
    out = bodies.copy()
    _, front = body.frame_of(out)
    drop = np.zeros(out.shape[:2], np.float32)
    for hip, knee, ankle in LEGS:
        longest = STRETCHED * (body.limb(still, hip, knee) + body.limb(still, knee, ankle))
        way = out[..., ankle, :] - out[..., hip, :]
        level = np.linalg.norm(way[..., [0, 2]], axis=-1)
        drop = np.maximum(drop, way[..., 1] - np.sqrt(np.maximum(longest**2 - level**2, 0)))
    out[..., : body.L_KNEE, :] += drop[..., None, None] * body.DOWN
    for hip, knee, ankle in LEGS:
        thigh, shank = body.limb(still, hip, knee), body.limb(still, knee, ankle)
        out[..., knee, :] = body.bent(out[..., hip, :], out[..., ankle, :], thigh, shank, front)
    return np.asarray(out, np.float32)
