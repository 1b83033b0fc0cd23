"""Drawn crossings: two people in plain clothes who walk past each other, and what an estimator finds of them.

Who is behind loses the joints that the other one hides, and is not found at all where those are most. Joints tremble.
The truth is exact. Half of the pairs turn around where they meet, which a prediction by velocity gets wrong.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.dressed_people import picture
from bench.visits import Replayer
from co_perception.engine.data import Image
from co_perception.engine.target import Pose
from co_perception.engine.time import NANO
from co_perception.pose.finder import Finder, PoseSettings

RATE_HZ, SECONDS = 15.0, 4.0
SIZE = (240, 480)  # of the pictures
KINDS = ("pass", "overtake", "stand", "turn")
_CLOTHES = np.array([
    (200, 30, 30), (30, 50, 180), (30, 140, 50), (25, 25, 25), (200, 180, 140), (235, 235, 235), (120, 90, 60),
    (90, 110, 140),
])  # fmt: skip
_STANDING = np.array([  # COCO's joints in heights of the body, from the middle of the hips
    (0, -0.42), (0.02, -0.44), (-0.02, -0.44), (0.04, -0.43), (-0.04, -0.43), (0.1, -0.3), (-0.1, -0.3), (0.12, -0.14),
    (-0.12, -0.14), (0.12, 0.02), (-0.12, 0.02), (0.07, 0), (-0.07, 0), (0.07, 0.24), (-0.07, 0.24), (0.07, 0.48),
    (-0.07, 0.48),
])  # fmt: skip


@dataclass(frozen=True)
class Crossing:
    """Two people: where each one's hips are in each frame (2, T) [pixels], heights, and colors of shirts and trousers
    (2, 2, 3). The second is in front."""

    kind: str
    places: NDArray[np.float64]
    heights: NDArray[np.float64]
    colors: NDArray[np.int64]
    seed: int

    def frame(self, number: int) -> tuple[NDArray[np.uint8], list[Pose]]:
        """A picture, and what is found in it, under the names "0" and "1"."""
        noise = np.random.default_rng([self.seed, number])
        joints = [self._joints(who, number) for who in (0, 1)]
        shirts, trousers = ([(int(r), int(g), int(b)) for r, g, b in self.colors[:, part]] for part in (0, 1))
        pixels = picture(list(zip(map(Pose, joints), shirts, trousers, strict=True)), SIZE)
        hidden = (np.abs(joints[0][:, 0] - self.places[1, number]) < 0.16 * self.heights[1]) & (
            joints[0][:, 1] > joints[1][0, 1]
        )
        found = []
        for who, data in enumerate(joints):
            data[:, :2] += noise.normal(0, 0.008 * self.heights[who], (17, 2))
            if who == 0:
                data[hidden] = 0
            if who == 1 or hidden.mean() < 0.5:
                found.append(Pose(data, confidence=0.8, id=str(who)))
        return pixels, found

    def _joints(self, who: int, number: int) -> NDArray[np.float32]:
        """(17, 3) of somebody who walks, with legs that swing."""
        joints = _STANDING.copy()
        swing = 0.1 * np.sin(0.06 * self.places[who, number] + who)
        joints[[13, 15], 0] += np.array([0.5, 1]) * swing
        joints[[14, 16], 0] -= np.array([0.5, 1]) * swing
        joints = joints * self.heights[who] + (self.places[who, number], 0.55 * SIZE[0])
        return np.column_stack([joints, np.full(17, 0.8)]).astype(np.float32)


def crossings(count: int, seed: int = 0) -> Iterator[Crossing]:
    """Crossings of all kinds in turn, with people, clothes and speeds drawn."""
    for number in range(count):
        draw = np.random.default_rng([seed, number])
        kind = KINDS[number % len(KINDS)]
        seconds = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ - SECONDS / 2
        speeds = draw.uniform(45, 90, 2) * (1, -1)
        if kind == "overtake":
            speeds = np.array([1, 1]) * draw.permutation([draw.uniform(15, 25), draw.uniform(70, 90)])
        elif kind == "stand":
            speeds[draw.integers(2)] = 0
        way = speeds[:, None] * seconds
        if kind == "turn":
            way = -np.abs(way) * np.sign(speeds)[:, None]
        clothes = draw.choice(len(_CLOTHES), 4, replace=False)
        heights = draw.uniform(130, 170, 2)
        places = SIZE[1] / 2 + way + draw.normal(0, 5, (2, 1))
        yield Crossing(kind, places, heights, _CLOTHES[clothes].reshape(2, 2, 3), number)


def swapped(crossing: Crossing, settings: PoseSettings) -> str:
    """Whether the two have each other's ids afterwards: "swapped"; "new" where one has another id than before, and
    "held" else."""
    replayer = Replayer()
    finder = Finder(replayer, replace(settings, second_look=0))
    count = crossing.places.shape[1]
    ids: dict[tuple[bool, str], Counter[str]] = defaultdict(Counter)
    for number in range(count):
        pixels, poses = crossing.frame(number)
        replayer.poses = tuple(poses)
        found = finder.find(Image(pixels, NANO + round(number / RATE_HZ * NANO))).poses
        if number < count / 4 or number >= 3 * count / 4:
            for pose in poses:
                own = [each.id for each in found if np.array_equal(each.data, pose.data)]
                ids[number >= count / 2, pose.id].update(own)
    before, after = ([ids[late, who].most_common(1)[0][0] for who in "01"] for late in (False, True))
    if set(before) & set(after) and any(b in after and after.index(b) != n for n, b in enumerate(before)):
        return "swapped"
    return "held" if before == after else "new"
