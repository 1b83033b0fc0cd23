"""Multi-person pose tracker: ids that persist over short occlusions.

A track is a person's last joints and the velocity of the body. In a new frame, joints are predicted with that velocity;
poses and tracks are paired so that the total keypoint similarity is greatest: visible tracks first, then missing ones,
which are searched in a wider area. There is no re-identification by appearance: a person who reappears after more than
`max_missed_s`, or elsewhere, gets a new id.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.confidences import rescaled
from co_perception.engine.picture_motion import PictureMotion
from co_perception.engine.stamp_order import Order, StampOrder
from co_perception.engine.target import Pose
from co_perception.engine.time import NANO
from co_perception.pose.matching import LEAST_JOINTS, assign, similarity
from co_perception.skeletons.layouts import layout
from co_perception.skeletons.one_body import bodies, joined
from co_perception.skeletons.separate_people import SeparatePeople

_THRESHOLD = 0.2  # similarity below which two poses are two people
_SLACK = 2.0  # times the annotators' deviation: identity is in question, not accuracy
_SLACK_PER_S = 2.0  # more of it for each second that a track is missing
_COAST_S = 0.5  # a missing track moves on with its velocity for this long
_DUPLICATE = 0.5  # an unmatched pose this similar to another one is a second answer for the same person
_NEWEST = 0.5  # weight of the newest velocity


@dataclass(frozen=True)
class FramePlace:
    """Place of a frame in a tracker's stream, see `Tracker.place`.

    order: among the frames that came before. stream: how many streams had ended when it came, as stamps jumped back or
    the sender was another one.
    """

    order: Order
    stream: int


@dataclass(frozen=True)
class Tracked:
    """The tracks in one frame.

    poses: of visible people, with ids, oldest id first. born: new ids. back: ids visible again after at least one frame
    without. missing: ids that are not visible but may return. lost: ids that ended; only `identity` gives them again.
    ignored: number of poses without an id (too few joints, too many people, a duplicate, or not yet confirmed).
    restarted: a stream had ended (see `FramePlace`), so all tracks ended. doubtful: those of the new ids that may be of
    people who were away (`identity`).
    """

    poses: tuple[Pose, ...]
    born: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    ignored: int = 0
    restarted: bool = False
    doubtful: tuple[str, ...] = ()


@dataclass(eq=False)
class _Person:
    """One track.

    joints: (V, 3) x, y, score at `last_seen_ns`; velocity: (2,) pixels per second; number: 0 until it is confirmed.
    moved: (2,) by how much the camera's own motion has moved it [pixels].
    """

    joints: NDArray[np.float64]
    last_seen_ns: int
    velocity: NDArray[np.float64]
    number: int = 0
    frames: int = 1
    missing: bool = False
    moved: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))

    def missed_s(self, stamp_ns: int) -> float:
        return (stamp_ns - self.last_seen_ns) / NANO

    def similarity(self, joints: NDArray[np.float64], name: str, stamp_ns: int) -> NDArray[np.float64]:
        """(N,) similarity of the poses (N, V, 3) with the joints predicted for now."""
        slack = _SLACK + (_SLACK_PER_S * self.missed_s(stamp_ns) if self.missing else 0.0)
        return similarity(self.predicted(stamp_ns)[None], joints, name, slack)[0]

    def predicted(self, stamp_ns: int) -> NDArray[np.float64]:
        """(V, 3) the joints moved on with the velocity; those that were not found keep score 0."""
        predicted = self.joints.copy()
        predicted[:, :2] += self.velocity * min(self.missed_s(stamp_ns), _COAST_S)
        return predicted

    def follow_camera(self, motion: PictureMotion, depth: float) -> None:
        """Move the joints where things that stand still at this depth have moved in the picture."""
        found = self.joints[:, 2] > 0
        if not found.any():
            return
        before = self.joints[found, :2]
        self.velocity = motion.velocity(before.mean(0), self.velocity)
        joints = self.joints.copy()  # those of the frame before may be somebody else's
        joints[found, :2] = motion.places(before, depth)
        self.joints, self.moved = joints, self.moved + joints[found, :2].mean(0) - before.mean(0)

    def update(self, joints: NDArray[np.float64], stamp_ns: int) -> None:
        """Take a new observation."""
        passed_s = self.missed_s(stamp_ns)
        both = (self.joints[:, 2] > 0) & (joints[:, 2] > 0)
        if passed_s > 0:
            newest = np.median(joints[both, :2] - self.joints[both, :2], axis=0) / passed_s
            share = 1.0 if self.frames == 1 else _NEWEST
            self.velocity = self.velocity + share * (newest - self.velocity)
        self.joints, self.last_seen_ns, self.missing = joints, stamp_ns, False
        self.frames += 1


class Tracker:
    """Gives the people in a stream of poses ids: "p1", "p2", ...

    Ids are unique in the tracker's lifetime and a function of the stream alone; another tracker gives the same ids
    to other people, unless its `prefix` is another. The order of poses in a frame does not
    matter.

    Args:
        max_people: most tracks at once, missing ones included, which bounds memory and time. When it is full, a new
            track replaces the one that is missing longest; while none is missing, new people are ignored.
        max_missed_s: how long a track may be missing and keep its id.
        confirm: consecutive frames until a track gets an id; 1: at once, for false detections too.
        min_score: least `Pose.confidence` of a new track; that of existing ones may fall below, once they have an id.
        prefix: what each id begins with.
    """

    def __init__(
        self,
        max_people: int = 16,
        max_missed_s: float = 1.0,
        confirm: int = 2,
        min_score: float = 0.0,
        prefix: str = "p",
    ) -> None:
        if max_people < 1 or confirm < 1:
            raise ValueError(f"max_people and confirm are at least 1, got {max_people} and {confirm}.")
        if not max_missed_s > 0:
            raise ValueError(f"max_missed_s is above 0, more than the time between two frames, got {max_missed_s}.")
        self.max_people, self.max_missed_s = max_people, max_missed_s
        self._confirm, self._min_score, self._prefix = confirm, min_score, prefix
        self._people: list[_Person] = []  # by number
        self._candidates: list[_Person] = []  # not yet confirmed
        self._separate = SeparatePeople()
        self._given = 0
        self._layout = ""
        self._order = StampOrder(max_missed_s)
        self._stream = 0  # of the frames that are placed
        self._followed = 0  # the stream that the tracks are of

    def update(self, poses: Sequence[Pose], stamp_ns: int, place: FramePlace | None = None) -> Tracked:
        """Match the poses of the next frame, taken at `stamp_ns`, with the tracks. `place` is what `place` gave for it,
        where that was called.

        A pose with the id of a track is of that track, wherever it is (`second_look`); ids that no track has mean
        nothing.

        A late frame changes nothing and has no tracks; a jump back ends all tracks, see `StampOrder`. Raises ValueError
        for poses of another layout than before.
        """
        place = place or self.place(stamp_ns)
        if place.order == Order.LATE:
            return Tracked((), missing=tuple(self._id(person.number) for person in self._people), ignored=len(poses))
        restarted = place.stream > self._followed
        self._followed = max(place.stream, self._followed)
        lost = self.end_all() if restarted else self._end_missing(stamp_ns)
        self._check_layout(poses)
        enough = [pose for pose in poses if pose.found.sum() >= LEAST_JOINTS]
        usable = sorted(enough, key=lambda pose: (-pose.confidence, pose.data.tobytes()))[: 4 * self.max_people]
        joints = np.zeros((len(usable), len(usable[0]) if usable else 0, 3))
        for row, pose in zip(joints, usable, strict=True):  # x, y, 1; zeros for a joint that was not found
            row[pose.found, :2], row[pose.found, 2] = pose.data[pose.found, :2], 1.0
        sure = sum(pose.confidence >= self._min_score for pose in usable)
        whole, bodies_joints = self._joined(usable[:sure], joints[:sure], stamp_ns)
        usable, joints, sure = [*whole, *usable[sure:]], np.concatenate([bodies_joints, joints[sure:]]), len(whole)
        matches = self._match([pose.id for pose in usable], joints, sure, stamp_ns)
        back = {person.number for person in matches.values() if person.missing}
        for person in self._people:
            person.missing = True
        self._candidates = [person for person in matches.values() if not person.number]
        for index, person in matches.items():
            person.update(joints[index], stamp_ns)
            if usable[index].id:
                person.velocity = np.zeros(2)  # what a second look finds turned over rather than moved on
        matches |= self._new_candidates(joints, sure, set(matches), stamp_ns)
        born, evicted = self._confirm_candidates()
        visible = sorted((person.number, index) for index, person in matches.items() if person.number)
        if len(visible) > 1:
            ids, places = [self._id(number) for number, _ in visible], joints[[index for _, index in visible]]
            self._separate.note(ids, places, layout(self._layout), stamp_ns)
        return Tracked(
            poses=tuple(replace(usable[index], id=self._id(number)) for number, index in visible),
            born=born,
            back=tuple(self._id(number) for number, _ in visible if number in back),
            missing=tuple(self._id(person.number) for person in self._people if person.missing),
            lost=lost + evicted,
            ignored=len(poses) - len(visible),
            restarted=restarted,
        )

    def follow_camera(self, motion: PictureMotion, depths: Mapping[str, float]) -> None:
        """Moves all tracks as the camera's own motion since the frame before moved what stands still.

        Called before `update`, in whose velocities that motion is not then.

        Args:
            motion: from the frame before to this one, in pixels of the poses.
            depths: along the optical axis, by id, of whom it is known [m]; others are moved as the background.
        """
        for person in (*self._people, *self._candidates):
            person.follow_camera(motion, depths.get(self._id(person.number), math.inf))

    def camera_motions(self) -> dict[str, NDArray[np.float64]]:
        """(2,) by how much the camera's motion has moved each person since they were first seen, by id [pixels]."""
        return {self._id(person.number): person.moved for person in self._people}

    def expected(self, stamp_ns: int) -> tuple[Pose, ...]:
        """Where the people with ids should be at `stamp_ns`, visible or missing; oldest id first, scores 0 or 1."""
        present = [person for person in self._people if 0 <= person.missed_s(stamp_ns) <= self.max_missed_s]
        return tuple(
            Pose(person.predicted(stamp_ns).astype(np.float32), self._layout, id=self._id(person.number))
            for person in present
        )

    def place(self, stamp_ns: int) -> FramePlace:
        """Where the next frame comes among those before: `update` with a late one is in vain.

        Called once a frame, in the order of arrival. That may be on another thread than `update`, which some frames do
        not reach, or later.
        """
        placement = self._order.place(stamp_ns)
        self._stream += placement.back
        return FramePlace(placement.order, self._stream)

    def end_stream(self) -> None:
        """The frames that are placed from now on are of another stream, whatever their stamps; on the thread of
        `place`."""
        self._order.restart()
        self._stream += 1

    def reset(self) -> tuple[str, ...]:
        """End all tracks; their ids. Ids go on counting: none is used twice. No frame is placed meanwhile."""
        self._order.restart()
        self._followed = self._stream
        return self.end_all()

    def end_all(self) -> tuple[str, ...]:
        """End all tracks, in a stream that goes on; their ids."""
        lost = tuple(self._id(person.number) for person in self._people)
        self._people, self._candidates, self._layout = [], [], ""
        return lost

    def _id(self, number: int) -> str:
        return f"{self._prefix}{number}"

    def _check_layout(self, poses: Sequence[Pose]) -> None:
        found = {pose.layout for pose in poses} | ({self._layout} if self._people or self._candidates else set())
        if len(found) > 1:
            raise ValueError(
                f"a tracker follows poses of one joint layout, got {', '.join(sorted(found))}: reset() it where the "
                "estimator changes."
            )
        self._layout = next(iter(found), self._layout)

    def _joined(
        self, usable: list[Pose], joints: NDArray[np.float64], stamp_ns: int
    ) -> tuple[list[Pose], NDArray[np.float64]]:
        """The poses with halves of one person put together, the surer half first."""
        groups = bodies(joints, layout(self._layout), doubles=False) if len(usable) > 1 else []
        if len(groups) in (0, len(usable)):
            return usable, joints
        nearest = self._nearest(joints, stamp_ns)

        def two(one: int, other: int) -> bool:
            return self._separate.two(nearest[one], nearest[other], stamp_ns)

        groups = bodies(joints, layout(self._layout), doubles=False, two=two)
        whole = [usable[group[0]] for group in groups]
        for place, group in enumerate(groups):
            if len(group) > 1:
                parts = [rescaled(usable[n].data, usable[n].coordinates) for n in group]
                whole[place] = replace(whole[place], data=joined(np.stack(parts)))
        return whole, np.stack([joined(joints[group]) for group in groups])

    def _nearest(self, joints: NDArray[np.float64], stamp_ns: int) -> list[str]:
        """The id of the track that each pose is most like; empty without one."""
        rows = [person.similarity(joints, self._layout, stamp_ns) for person in self._people]
        if not rows:
            return [""] * len(joints)
        best = np.argmax(rows, axis=0)
        return [
            self._id(self._people[n].number) if rows[n][place] >= _THRESHOLD else "" for place, n in enumerate(best)
        ]

    def _end_missing(self, stamp_ns: int) -> tuple[str, ...]:
        """End tracks that are missing too long; their ids."""
        gone = [person for person in self._people if person.missed_s(stamp_ns) > self.max_missed_s]
        self._people = [person for person in self._people if person not in gone]
        self._candidates = [person for person in self._candidates if person.missed_s(stamp_ns) <= self.max_missed_s]
        return tuple(self._id(person.number) for person in gone)

    def _match(self, ids: list[str], joints: NDArray[np.float64], sure: int, stamp_ns: int) -> dict[int, _Person]:
        """Pose index -> its track: those with its id, then the first `sure` poses, then the others.

        Visible tracks are matched first, then missing ones, then candidates, which only a sure pose continues. That
        doubtful poses come last, and only to people who are followed, is the association of ByteTrack (Zhang et al.,
        arXiv:2110.06864).
        """
        numbers = {self._id(person.number): person for person in self._people}
        matches = {index: numbers[id] for index, id in enumerate(ids) if id in numbers}
        visible, missing = ([person for person in self._people if person.missing == state] for state in (False, True))
        stages = [(sure, visible), (sure, missing), (len(joints), visible), (len(joints), missing)]
        for end, group in (*stages, (sure, self._candidates)):
            matched = list(matches.values())
            people = [person for person in group if person not in matched]
            free = [index for index in range(end) if index not in matches]
            rows = [person.similarity(joints[free], self._layout, stamp_ns) for person in people] if free else []
            for row, column in assign(np.array(rows).reshape(len(rows), len(free)), _THRESHOLD):
                matches[free[column]] = people[row]
        return matches

    def _new_candidates(
        self, joints: NDArray[np.float64], sure: int, matched: set[int], stamp_ns: int
    ) -> dict[int, _Person]:
        """New candidates by the index of their pose, one of the first `sure`."""
        duplicates = similarity(joints, joints, self._layout) >= _DUPLICATE if sure else np.zeros((0, 0), bool)
        new: dict[int, _Person] = {}
        for index in range(sure):
            if index in matched or duplicates[index, [*matched, *new]].any():
                continue
            if len(self._candidates) < self.max_people:
                new[index] = _Person(joints[index], stamp_ns, np.zeros(2))
                self._candidates.append(new[index])
        return new

    def _confirm_candidates(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Give ids to candidates with enough frames, while there is room; ids born, and ids ended for them."""
        born: list[str] = []
        evicted: list[str] = []
        for person in [person for person in self._candidates if person.frames >= self._confirm]:
            if len(self._people) >= self.max_people:
                missing = [other for other in self._people if other.missing]
                if not missing:
                    break
                longest = min(missing, key=lambda other: (other.last_seen_ns, other.number))
                self._people.remove(longest)
                evicted.append(self._id(longest.number))
            self._given += 1
            person.number = self._given
            self._candidates.remove(person)
            self._people.append(person)
            born.append(self._id(person.number))
        return tuple(born), tuple(evicted)
