"""Visits of people to one camera, spliced from clips: who is in sight of whom, and what ids they get.

A clip is pictures with the poses that an estimator found in them, under the names of the people; the names are the
truth. Visits are clips, or parts of them, one after the other, with nobody in sight in between. They run through
`Finder` as the node has it, with an estimator that gives the poses of the clip.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.data import Image, Pixels
from co_perception.engine.target import Pose
from co_perception.engine.time import NANO
from co_perception.pose.finder import Finder, PoseSettings

PAUSE_HZ = 4.0  # of the empty pictures between two visits


@dataclass(frozen=True)
class Clip:
    """Pictures (T, H, W, 3), their stamps [ns] from 0, and the people in each with a name as id."""

    name: str
    pictures: NDArray[np.uint8]
    stamps_ns: tuple[int, ...]
    people: tuple[tuple[Pose, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of everybody who is in it."""
        return tuple(sorted({pose.id for frame in self.people for pose in frame}))

    def part(self, begin: float, end: float) -> Clip:
        """The frames between two shares 0..1 of it."""
        rows = slice(round(begin * len(self.people)), round(end * len(self.people)))
        first = self.stamps_ns[rows.start]
        stamps = tuple(stamp - first for stamp in self.stamps_ns[rows])
        return Clip(self.name, self.pictures[rows], stamps, self.people[rows])

    def only(self, *names: str) -> Clip:
        """The same, with these people alone: nobody looks where others are."""
        people = tuple(tuple(pose for pose in frame if pose.id in names) for frame in self.people)
        return replace(self, people=people)


class Replayer:
    """An estimator that finds what it is told, and forgets the names."""

    name, layout = "replay", "coco17"

    def __init__(self) -> None:
        self.poses: tuple[Pose, ...] = ()

    def estimate(self, image: Image) -> list[Pose]:
        """The poses of the next frame."""
        return [replace(pose, id="") for pose in self.poses]

    def reset(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Frame:
    """A picture, when it was taken, who is in it, and of which visit it is; -1: of none."""

    picture: Pixels
    stamp_ns: int
    people: tuple[Pose, ...]
    visit: int


def spliced(visits: Sequence[Clip], gaps_s: Sequence[float]) -> Iterator[Frame]:
    """The frames of visits, with nobody in sight for `gaps_s` between each and the next."""
    now_ns = NANO
    for number, clip in enumerate(visits):
        if number:
            end_ns = now_ns + round(gaps_s[number - 1] * NANO)
            while (now_ns := now_ns + round(NANO / PAUSE_HZ)) < end_ns:
                yield Frame(clip.pictures[0], now_ns, (), -1)
            now_ns = end_ns
        for picture, stamp_ns, people in zip(clip.pictures, clip.stamps_ns, clip.people, strict=True):
            yield Frame(picture, now_ns + stamp_ns, people, number)
        now_ns += clip.stamps_ns[-1]


def ids_of_visits(frames: Iterator[Frame], settings: PoseSettings) -> list[dict[str, str]]:
    """The id that each person had for most frames of each visit; empty for who had none."""
    replayer = Replayer()
    finder = Finder(replayer, replace(settings, second_look=0))
    given: dict[int, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for frame in frames:
        replayer.poses = frame.people
        found = finder.find(Image(frame.picture, frame.stamp_ns)).poses
        for person in frame.people:
            ids = [pose.id for pose in found if np.array_equal(pose.data, person.data)]
            given[frame.visit][person.id].update(ids)
    return [
        {name: ids.most_common(1)[0][0] if ids else "" for name, ids in given[visit].items()}
        for visit in range(max(given) + 1)
    ]


def outcome(name: str, visits: Sequence[dict[str, str]]) -> str:
    """What became of a person in the last of some visits: right, new, wrong, or none (no id).

    Right is the id of the person's last visit before, and of somebody who was never there a new one.
    """
    before = {id: person for visit in visits[:-1] for person, id in visit.items() if id}
    id = visits[-1].get(name, "")
    if not id:
        return "none"
    if id in before:
        return "right" if before[id] == name else "wrong"
    return "new" if name in before.values() else "right"
