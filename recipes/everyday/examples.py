"""Endless examples of the everyday model: windows of takes as a camera and a pose estimator would show them.

Every batch is drawn anew: the side of the camera, its height and distance, proportions, speed, mirror image, tremor,
lost joints; and bodies that the data lacks are composed: seated and lying people who gesture, idle people, people who
drink, gesture, sit down or bend, falls, walks over the floor. Falls by physics come from `falls`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recipes.everyday import bodies as body
from recipes.everyday.approaches import approaches
from recipes.everyday.composition import (
    compose_falls,
    compose_gestures,
    compose_idle,
    compose_lying,
    compose_seated,
    compose_seated_idle,
    compose_transitions,
    walk_over_floor,
)
from recipes.everyday.drawing import (
    ACTION,
    ARMS,
    CLASS,
    DEFAULT_DRAWING,
    MOTION,
    RAISING,
    Batch,
    Drawing,
    Floats,
    Random,
)
from recipes.everyday.estimator import estimated, rolled, seen_from_anywhere
from recipes.everyday.key_poses import Motion
from recipes.everyday.labels import GROUPS, SHORT, UNKNOWN
from recipes.everyday.single_acts import SingleActs
from recipes.everyday.strikes import compose_strikes
from recipes.everyday.take_pool import TakePool
from recipes.readers.takes import Take

# How much the parts of a body differ, as in `bodies.proportioned`: torso, head, shoulders, upper arms, forearms, hips,
# thighs, shanks. Where a set places the hips and the shoulders differs more than people do.
BUILDS = np.array([0.1, 0.15, 0.14, 0.1, 0.12, 0.22, 0.1, 0.1])
KICKING = CLASS[MOTION, "kicking"]
SHORT_ARMS = [CLASS[ARMS, name] for name in SHORT if name in GROUPS["arms"]]


class ExampleSource:
    """Batches of examples from takes in space, takes in a picture, and simulated motions.

    Args:
        takes: of any data sets.
        drawing: how examples are drawn.
        motions: what `falls.simulated` gives; without any, no window is one of them.
    """

    def __init__(
        self, takes: Sequence[Take], drawing: Drawing = DEFAULT_DRAWING, motions: Sequence[Motion] = ()
    ) -> None:
        self.drawing = drawing
        flat = [take for take in takes if take.joints.shape[-1] == 2]
        space = [take for take in takes if take.joints.shape[-1] == 3]
        self.space = TakePool.of_takes(space)
        self.single = SingleActs(space, self.space)
        self.flat = TakePool.of_takes(flat) if flat else None
        self.motions = TakePool.of_motions(motions) if motions else None
        self.actions = self.space.actions + (self.flat.actions if self.flat else 0)

    def draw(self, count: int, rng: Random) -> Batch:
        """`count` new examples."""
        how = self.drawing
        planar = round(count * how.picture_share) if self.flat else 0
        simulated = round(count * how.simulated) if self.motions else 0
        points, goals = self._space(count - planar - simulated, rng)
        if self.motions and simulated:
            people, people_goals = _mirror(*self.motions.draw(simulated, how.frames, how.speed, rng), rng)
            points = np.concatenate([points, seen_from_anywhere(people, rng)])
            goals = np.concatenate([goals, people_goals])
        if self.flat and planar:
            flat, flat_goals = _mirror(*self.flat.draw(planar, how.frames, how.speed, rng, how.pace), rng)
            flat_goals[..., ACTION] += np.where(flat_goals[..., ACTION] == UNKNOWN, 0, self.space.actions)
            size = np.exp(rng.normal(0, 0.1, (planar, 1, 1, 2))).astype(np.float32)
            points, goals = np.concatenate([points, rolled(flat * size, rng)]), np.concatenate([goals, flat_goals])
        return estimated(_exchanged(points, goals, how.exchanged, rng), goals, how, rng)

    def _space(self, count: int, rng: Random) -> tuple[Floats, NDArray[np.int64]]:
        """Points (count, T, 13, 2) and targets of people in space before random cameras."""
        how = self.drawing
        single = round(count * how.single) if self.single.acts else 0
        walking = round(count * how.approaches)
        people, goals = self.space.draw(count - single - walking, how.frames, how.speed, rng, how.pace)
        if single:
            acts, act_goals, _ = self.single.draw(single, how.frames, how.single_speed, rng)
            people, goals = np.concatenate([people, acts]), np.concatenate([goals, act_goals])
        compose_idle(people, goals, self.space, how, rng)
        compose_seated_idle(people, goals, self.space, how.seated_idle, rng)
        compose_gestures(people, goals, self.space, how.gestures, rng)
        compose_strikes(people, goals, self.space, how, rng)
        people, goals = _mirror(people, goals, rng)
        people = _built(people, how, rng)
        compose_transitions(people, goals, how.transitions, rng)
        compose_seated(people, goals, how.seated, rng)
        compose_falls(people, goals, how.falling, rng)
        compose_lying(people, goals, how.lying, rng)
        walk_over_floor(people, goals, rng)
        if walking:
            walkers, walks = _mirror(*approaches(walking, self.space, how, rng), rng)
            people, goals = np.concatenate([people, _built(walkers, how, rng)]), np.concatenate([goals, walks])
        points = seen_from_anywhere(people, rng)
        return (_abrupt(points, goals, how.abrupt, rng) if how.abrupt else points), goals


def _built(people: Floats, how: Drawing, rng: Random) -> Floats:
    """People (B, T, 13, 3) of other builds, whose joints are found elsewhere."""
    count = len(people)
    factors = np.exp(rng.normal(0, how.builds * BUILDS, (count, 8))).astype(np.float32)
    people = body.proportioned(people, factors)
    if how.placing:
        people = body.placed_otherwise(people, how.placing, rng)
    people[..., body.NOSE, :] += body.frame_of(people)[1] * rng.uniform(0, 0.12, (count, 1, 1))
    return people


def _abrupt(points: Floats, goals: NDArray[np.int64], share: float, rng: Random) -> Floats:
    """Some people who do a short act are not seen before it begins, as of a camera or a take that begins with it."""
    told = (np.isin(goals[..., ARMS], SHORT_ARMS) | (goals[..., MOTION] == KICKING)).argmax(1)
    chosen = np.flatnonzero((told > 0) & (rng.random(len(points)) < share))
    begin = told[chosen] - rng.uniform(1, 9, len(chosen))
    hidden = np.arange(points.shape[1]) < begin[:, None]
    own = points[chosen]
    own[hidden] = np.nan
    points[chosen] = own
    return points


def _mirror(points: Floats, goals: NDArray[np.int64], rng: Random) -> tuple[Floats, NDArray[np.int64]]:
    """Half of the windows as mirror images, with left and right exchanged in joints and labels."""
    chosen = rng.random(len(points)) < 0.5
    points[chosen] = body.mirrored(points[chosen])
    arms = goals[chosen, :, ARMS]
    goals[chosen, :, ARMS] = np.select([arms == RAISING[0], arms == RAISING[1]], RAISING[::-1], arms)
    return points, goals


def _exchanged(points: Floats, goals: NDArray[np.int64], share: float, rng: Random) -> Floats:
    """Some people whose left and right are taken for each other; not those who raise one arm."""
    raising = np.isin(goals[..., ARMS], RAISING).any(1)
    chosen = np.flatnonzero(~raising & (rng.random(len(points)) < share))
    points[chosen] = points[chosen][..., body.MIRROR, :]
    return points
