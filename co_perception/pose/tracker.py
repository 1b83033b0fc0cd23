"""Who is who from frame to frame: ids that outlive a short disappearance.

Each person followed is the joints last seen and the velocity of the body. In a new frame everybody is expected where
that velocity leads; poses and people are paired so that the total keypoint similarity is greatest, those in sight
before those missing, who have to be looked for in a wider circle. No pictures are compared: who comes back after
longer than `max_missed_s`, or somewhere else, is somebody new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.target import Pose
from co_perception.pose.assignment import assign
from co_perception.pose.similarity import LEAST_JOINTS, similarity

NANO = 1_000_000_000
_LEAST = 0.2  # similarity below which two poses are two people
_SLACK = 2.0  # times the annotators' deviation: a tracker asks who it is, not how exactly
_SLACK_PER_S = 2.0  # more of it for each second somebody is missing
_COAST_S = 0.5  # a velocity is trusted this long without being seen
_TWIN = 0.5  # nobody is born inside somebody: so similar a pose that nobody claims is a second answer for one person
_NEWEST = 0.5  # weight of the newest velocity


@dataclass(frozen=True)
class Tracked:
    """Who is in one frame, and what became of the others.

    poses: those in sight, with ids, oldest id first; born: ids seen for the first time; back: ids seen again after at
    least one frame without; missing: ids out of sight that may come back; lost: ids given up, which never come back;
    ignored: poses that belong to nobody (too few joints, too many people, a second answer for one person, or not yet
    seen often enough); restarted: time ran backwards, so everybody was given up.
    """

    poses: tuple[Pose, ...]
    born: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    ignored: int = 0
    restarted: bool = False


@dataclass(eq=False)
class _Person:
    """One person followed. joints (V, 3) x, y, score as last seen, at `seen_ns`; velocity (2,) in pixels per second;
    number 0: not yet seen in enough frames to be given an id."""

    joints: NDArray[np.float64]
    seen_ns: int
    velocity: NDArray[np.float64]
    number: int = 0
    frames: int = 1
    missing: bool = False

    def missed_s(self, stamp_ns: int) -> float:
        return (stamp_ns - self.seen_ns) / NANO

    def expected(self, stamp_ns: int) -> NDArray[np.float64]:
        """(V, 3) where the joints would be now."""
        moved = self.joints.copy()
        moved[:, :2] += self.velocity * min(self.missed_s(stamp_ns), _COAST_S)
        return moved

    def likeness(self, joints: NDArray[np.float64], name: str, stamp_ns: int) -> NDArray[np.float64]:
        """(N,) similarity of the poses (N, V, 3) with where this person would be now."""
        slack = _SLACK + (_SLACK_PER_S * self.missed_s(stamp_ns) if self.missing else 0.0)
        return similarity(self.expected(stamp_ns)[None], joints, name, slack)[0]

    def see(self, joints: NDArray[np.float64], stamp_ns: int) -> None:
        """Takes in a new sighting."""
        passed_s = self.missed_s(stamp_ns)
        both = (self.joints[:, 2] > 0) & (joints[:, 2] > 0)
        if passed_s > 0:
            newest = np.median(joints[both, :2] - self.joints[both, :2], axis=0) / passed_s
            share = 1.0 if self.frames == 1 else _NEWEST
            self.velocity = self.velocity + share * (newest - self.velocity)
        self.joints, self.seen_ns, self.missing = joints, stamp_ns, False
        self.frames += 1


class Tracker:
    """Gives the people in a stream of poses ids: "p1", "p2", ... Unique as long as the tracker lives, and the same
    again when another one is given the same stream. The order of poses in a frame changes nothing.

    Args:
        max_people: most people followed at once, missing ones included, which bounds memory and time. When it is full,
            somebody new takes the place of whoever is missing longest; while nobody is missing, newcomers are ignored.
        max_missed_s: how long somebody may be out of sight and keep the id.
        confirm: frames in a row somebody must be seen in to get an id; 1 gives it at once, to false alarms too.
        min_score: least `Pose.confidence` of a newcomer; those who are followed may fall below.
    """

    def __init__(
        self, max_people: int = 16, max_missed_s: float = 1.0, confirm: int = 2, min_score: float = 0.0
    ) -> None:
        if max_people < 1 or confirm < 1:
            raise ValueError(f"max_people and confirm are at least 1, got {max_people} and {confirm}.")
        if not max_missed_s > 0:
            raise ValueError(f"max_missed_s is above 0, more than the time between two frames, got {max_missed_s}.")
        self.max_people = max_people
        self.max_missed_s = max_missed_s
        self._confirm = confirm
        self._min_score = min_score
        self._people: list[_Person] = []  # by number
        self._candidates: list[_Person] = []  # not yet confirmed
        self._given = 0
        self._layout = ""
        self._newest_ns: int | None = None

    def update(self, poses: Sequence[Pose], stamp_ns: int) -> Tracked:
        """Follows everybody into the next frame, whose poses were seen at `stamp_ns`.

        A stamp older than the newest gives everybody up and begins anew. Raises ValueError for poses of another layout
        than before.
        """
        restarted = self._newest_ns is not None and stamp_ns < self._newest_ns
        lost = self.reset() if restarted else self._give_up(stamp_ns)
        self._check_layout(poses)
        self._newest_ns, usable = stamp_ns, self._usable(poses)
        joints = np.stack([_joints(pose) for pose in usable]) if usable else np.zeros((0, 0, 3))
        claimed = self._claim(joints, stamp_ns)
        back = {person.number for person in claimed.values() if person.missing}
        self._see(claimed, joints, stamp_ns)
        claimed |= self._newcomers(usable, joints, set(claimed), stamp_ns)
        born, evicted = self._confirm_candidates()
        seen = sorted((person.number, index) for index, person in claimed.items() if person.number)
        return Tracked(
            poses=tuple(replace(usable[index], id=_id(number)) for number, index in seen),
            born=born,
            back=tuple(_id(number) for number, _ in seen if number in back),
            missing=tuple(_id(person.number) for person in self._people if person.missing),
            lost=lost + evicted,
            ignored=len(poses) - len(seen),
            restarted=restarted,
        )

    def reset(self) -> tuple[str, ...]:
        """Gives everybody up and returns their ids. Ids go on counting: none is given twice."""
        lost = tuple(_id(person.number) for person in self._people)
        self._people, self._candidates = [], []
        self._layout, self._newest_ns = "", None
        return lost

    def _check_layout(self, poses: Sequence[Pose]) -> None:
        found = {pose.layout for pose in poses} | ({self._layout} if self._people or self._candidates else set())
        if len(found) > 1:
            raise ValueError(
                f"a tracker follows poses of one joint layout, got {', '.join(sorted(found))}: reset() it where the "
                "estimator changes."
            )
        self._layout = next(iter(found), self._layout)

    def _give_up(self, stamp_ns: int) -> tuple[str, ...]:
        """Ids of those missing too long, who are followed no further."""
        gone = [person for person in self._people if person.missed_s(stamp_ns) > self.max_missed_s]
        self._people = [person for person in self._people if person not in gone]
        self._candidates = [person for person in self._candidates if person.missed_s(stamp_ns) <= self.max_missed_s]
        return tuple(_id(person.number) for person in gone)

    def _usable(self, poses: Sequence[Pose]) -> list[Pose]:
        """Poses with joints enough, most confident first, and no more than the work is bounded for."""
        enough = [pose for pose in poses if pose.found.sum() >= LEAST_JOINTS]
        return sorted(enough, key=lambda pose: (-pose.confidence, pose.data.tobytes()))[: 4 * self.max_people]

    def _claim(self, joints: NDArray[np.float64], stamp_ns: int) -> dict[int, _Person]:
        """Whose pose each one is, by its index; those in sight choose first, then those missing, then candidates."""
        claimed: dict[int, _Person] = {}
        missing = [person for person in self._people if person.missing]
        for group in ([person for person in self._people if not person.missing], missing, self._candidates):
            free = [index for index in range(len(joints)) if index not in claimed]
            worth = [person.likeness(joints[free], self._layout, stamp_ns) for person in group] if free else []
            for row, column in assign(np.array(worth).reshape(len(worth), len(free)), _LEAST):
                claimed[free[column]] = group[row]
        return claimed

    def _see(self, claimed: dict[int, _Person], joints: NDArray[np.float64], stamp_ns: int) -> None:
        for person in self._people:
            person.missing = True
        self._candidates = [person for person in claimed.values() if not person.number]
        for index, person in claimed.items():
            person.see(joints[index], stamp_ns)

    def _newcomers(
        self, usable: list[Pose], joints: NDArray[np.float64], claimed: set[int], stamp_ns: int
    ) -> dict[int, _Person]:
        """New candidates by the index of their pose."""
        twins = similarity(joints, joints, self._layout) >= _TWIN if usable else np.zeros((0, 0), bool)
        new: dict[int, _Person] = {}
        for index, pose in enumerate(usable):
            if index in claimed or pose.confidence < self._min_score or twins[index, [*claimed, *new]].any():
                continue
            if len(self._candidates) < self.max_people:
                new[index] = _Person(joints[index], stamp_ns, np.zeros(2))
                self._candidates.append(new[index])
        return new

    def _confirm_candidates(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Gives ids to those seen often enough, while there is room. Returns ids born, and ids given up for them."""
        born: list[str] = []
        evicted: list[str] = []
        for person in [person for person in self._candidates if person.frames >= self._confirm]:
            if len(self._people) >= self.max_people and not self._evict(evicted):
                break
            self._given += 1
            person.number = self._given
            self._candidates.remove(person)
            self._people.append(person)
            born.append(_id(person.number))
        return tuple(born), tuple(evicted)

    def _evict(self, evicted: list[str]) -> bool:
        """Gives up whoever is missing longest; False while everybody is in sight."""
        missing = [person for person in self._people if person.missing]
        if not missing:
            return False
        longest = min(missing, key=lambda person: (person.seen_ns, person.number))
        self._people.remove(longest)
        evicted.append(_id(longest.number))
        return True


def _joints(pose: Pose) -> NDArray[np.float64]:
    """(V, 3) x, y, score; zeros for a joint that was not found."""
    return np.where(pose.found[:, None], pose.data[:, [0, 1, -1]], 0.0).astype(np.float64)


def _id(number: int) -> str:
    return f"p{number}"
