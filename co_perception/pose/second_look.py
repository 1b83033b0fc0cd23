"""Second look of a pose estimator at a person who lies: at the part of the picture where they were, turned upright.

Pose networks are trained on people who stand or sit; turned by a quarter they score lower, or are not found. A picture
turned by 90 degrees costs no interpolation, and whoever lies across it stands upright in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.data import Image, Pixels
from co_perception.engine.target import Pose
from co_perception.pose.estimator import PoseEstimator
from co_perception.pose.matching import boxes, similarity
from co_perception.skeletons.layouts import layout

_SAME = 0.2  # similarity of a pose and an expected one from which they may be one person
_SLACK = 2.0  # times the annotators' deviation, in that similarity
_CLEAR = 1.4  # times the score of somebody new: its pose takes an id along wherever it is, so it has to be surer
_AROUND = 2.0  # side of the square that is looked at, in longest sides of the person's box
_LEAST_PART = 0.5  # least side of that square, in shorter sides of the picture: joints were perhaps lost before
_TURNS = (1, 3, 2)  # quarters counter-clockwise; 0 is the first look


@dataclass(frozen=True)
class TurnedPart:
    """A part of a picture that is turned counter-clockwise by quarters.

    left, top, right, bottom: of the part, in pixels of the picture; turns: 0 to 3 quarters.
    """

    left: int
    top: int
    right: int
    bottom: int
    turns: int

    @classmethod
    def around(cls, pose: Pose, picture: Pixels, turns: int) -> TurnedPart:
        """The square about a pose with the space to lie down in, as far as it is inside the picture."""
        height, width = picture.shape[:2]
        box = _box(pose)
        middle = np.clip((box[:2] + box[2:]) / 2, 0, (width, height))
        half = max(_AROUND * float((box[2:] - box[:2]).max()), _LEAST_PART * min(height, width)) / 2
        left, top = np.maximum(np.floor(middle - half), 0).astype(int)
        right, bottom = np.minimum(np.ceil(middle + half), (width, height)).astype(int)
        return cls(int(left), int(top), int(right), int(bottom), turns)

    def apply(self, picture: Pixels) -> Pixels:
        """(H, W, 3) the turned part of the picture, a copy."""
        return np.ascontiguousarray(np.rot90(picture[self.top : self.bottom, self.left : self.right], self.turns))

    def restored(self, pose: Pose) -> Pose:
        """A pose of the turned part with x and y in pixels of the picture."""
        x, y = pose.data[:, 0], pose.data[:, 1]
        width, height = self.right - self.left, self.bottom - self.top
        back = ((x, y), (width - y, x), (width - x, height - y), (y, height - x))[self.turns]
        data = pose.data.copy()
        data[pose.found, :2] = (np.stack(back, -1) + (self.left, self.top))[pose.found]
        return replace(pose, data=data)


class ImprovedPoses(NamedTuple):
    """The poses of an image after the second look; the number of looks, and of those that gave a pose: 0 or 1."""

    poses: list[Pose]
    looks: int
    finds: int


@dataclass
class _LookHistory:
    """Looks at one person: the number of the frame of the last one, and how many in a row found nobody."""

    frame: int
    failures: int = 0


class SecondLook:
    """Looks again for people who are followed and vanished, or who lie and are found with a low score.

    At most one person is looked for in a frame, the one whose last look is longest ago. The first try turns their torso
    upright; each further one in a row takes the next of the other turns. Nobody new is found so.

    Args:
        estimator: has to look at every picture by itself, without memory of the one before.
        least_score: of a new person. Who is flat and found with less is looked for again; who is found by the second
            look has 1.4 times as much.
        every: frames from one look to the next; 1: a look in every frame, where one is needed.
    """

    def __init__(self, estimator: PoseEstimator, least_score: float, every: int) -> None:
        if every < 1:
            raise ValueError(f"every is a number of frames, 1 or more, got {every}: without SecondLook there is none.")
        self._estimator, self._least_score, self._every = estimator, least_score, every
        self._frame = 0
        self._latest = -every
        self._looks: dict[str, _LookHistory] = {}

    def improve(self, image: Image, poses: Sequence[Pose], expected: Sequence[Pose]) -> ImprovedPoses:
        """The poses of the first look, and the one that the second look found, if any, with its person's id.

        It replaces the pose of the first look that is of the same person, which scored lower.

        Args:
            image: that the poses are of.
            poses: of the first look, without ids.
            expected: where those who are followed should be now, with ids.
        """
        self._frame += 1
        self._looks = {pose.id: self._looks[pose.id] for pose in expected if pose.id in self._looks}
        first = _first_look(poses, expected)
        doubtful = [n for n, pose in enumerate(first) if pose is None or self._lies_unsure(pose)]
        if not doubtful or self._frame - self._latest < self._every:
            return ImprovedPoses(list(poses), 0, 0)
        number = min(doubtful, key=lambda n: (self._history(expected[n].id).frame, n))
        own = first[number]
        person = replace(own or expected[number], id=expected[number].id)
        others = [pose for pose in poses if pose is not own]
        hidden = [pose for n, pose in enumerate(expected) if n != number and first[n] is None]
        found = self._look(image, person, others + hidden)
        if found is None:
            return ImprovedPoses(list(poses), 1, 0)
        return ImprovedPoses([*others, found], 1, 1)

    def _lies_unsure(self, pose: Pose) -> bool:
        across, down = torso_vector(pose)
        return pose.confidence < self._least_score and abs(across) > down

    def _history(self, id: str) -> _LookHistory:
        return self._looks.get(id) or _LookHistory(-1)

    def _look(self, image: Image, person: Pose, others: Sequence[Pose]) -> Pose | None:
        """The most confident pose about the place of `person` that is none of the others, with their id."""
        history = self._looks.setdefault(person.id, self._history(person.id))
        turns = _by_uprightness(person)
        part = TurnedPart.around(person, image.data, turns[history.failures % len(turns)])
        history.frame = self._latest = self._frame
        for pose in self._estimator.estimate(replace(image, data=part.apply(image.data))):
            found = replace(part.restored(pose), id=person.id)
            is_other = others and _similarities([found], others).max() >= _SAME
            if found.confidence >= _CLEAR * self._least_score and _is_near(found, person) and not is_other:
                history.failures = 0
                return found
        history.failures += 1
        return None


def _first_look(poses: Sequence[Pose], expected: Sequence[Pose]) -> list[Pose | None]:
    """For each who is expected the most similar pose; None where none is."""
    if not poses or not expected:
        return [None] * len(expected)
    return [poses[int(row.argmax())] if row.max() >= _SAME else None for row in _similarities(expected, poses)]


def _similarities(these: Sequence[Pose], those: Sequence[Pose]) -> NDArray[np.float64]:
    first, second = (np.stack([pose.data[:, [0, 1, -1]] for pose in poses]) for poses in (these, those))
    return similarity(first.astype(np.float64), second.astype(np.float64), these[0].layout, _SLACK)


def _box(pose: Pose) -> NDArray[np.float64]:
    """(4,) left, top, right, bottom of the joints found."""
    return boxes(pose.data[None, :, [0, 1, -1]].astype(np.float64))[0]


def _is_near(pose: Pose, person: Pose) -> bool:
    """Whether the middles of both boxes are at most the longest side of the larger one apart."""
    these, those = _box(pose), _box(person)
    reach = max((these[2:] - these[:2]).max(), (those[2:] - those[:2]).max())
    return bool(np.linalg.norm((these[:2] + these[2:] - those[:2] - those[2:]) / 2) <= reach)


def torso_vector(pose: Pose) -> NDArray[np.float64]:
    """(2,) from the middle of the shoulders to that of the hips [pixels]; zeros where either is not found."""
    joints = layout(pose.layout)
    ends = [[joints.index(f"{side}_{name}") for side in ("left", "right")] for name in ("shoulder", "hip")]
    if not all(pose.found[pair].any() for pair in ends):
        return np.zeros(2)
    shoulders, hips = (pose.data[[joint for joint in pair if pose.found[joint]], :2].mean(0) for pair in ends)
    return np.asarray(hips - shoulders, np.float64)


def _by_uprightness(pose: Pose) -> list[int]:
    """The turns, that first after which the torso points down most."""
    across, down = torso_vector(pose)
    after = {1: -across, 2: -down, 3: across}
    return sorted(_TURNS, key=lambda turns: -after[turns])
