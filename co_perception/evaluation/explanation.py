"""Why a recognizer said what it said of one person: exact occlusion of joints and time, runner-up, and what tips it.

The steps before the moment are given to the learner once more, from the stored state before them. Then again with one
joint hidden during one part of the time, as if the estimator had not found it: what the score loses is what that joint
carried then. Nothing is estimated by gradients; each number is an answer of the network. The method is that of Zeiler
and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014 (arXiv 1311.2901), on joints and seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.target import Category, Pose
from co_perception.online.input_memory import RememberedStep

PARTS = 6  # of the time, each of which is hidden by itself
Floats = NDArray[np.float32]
Hidden = NDArray[np.bool_]


class ReplayingLearner(Protocol):
    """A learner of poses whose streams are values."""

    def infer(self, data: Sequence[Pose]) -> Sequence[Category]: ...

    def infer_in_row(self, pose: Pose, streams: int, row: int, youngest: int) -> Category: ...

    @property
    def capacity(self) -> int: ...

    def snapshot(self, id: str | None = None) -> Any: ...

    def restore(self, snapshot: Any, id: str | None = None) -> None: ...

    def restore_as(self, snapshot: Any, id: str, age: int | None = None) -> None: ...

    def release(self, id: str) -> None: ...


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why one label had its score in one frame.

    Args:
        subject, group, label: whose answer, to which question, and what it was.
        stamps_ns: (T,) of the steps that were replayed; the last one is the moment.
        poses: (T,) what the stream was given.
        score: probability of the label, by the replay.
        equal: whether all probabilities are those of then, to the last bit, beside as many other people as then.
        runner_up, runner_up_score: the label that came next.
        parts_ns: (PARTS + 1,) borders of the parts of time.
        cells: (V, PARTS) what the score loses where a joint is hidden during a part; negative: it gains.
        joints: (V,) what it loses where a joint is hidden all the time.
        tipping: joints that change the label if they are all hidden, found one after the other; where half of the
            joints do not, the half without which the label leads by least.
        tipped: the label then; empty: it does not change.
    """

    subject: str
    group: str
    label: str
    stamps_ns: tuple[int, ...]
    poses: tuple[Pose, ...]
    score: float
    equal: bool
    runner_up: str
    runner_up_score: float
    parts_ns: tuple[int, ...]
    cells: Floats
    joints: Floats
    tipping: tuple[int, ...]
    tipped: str

    @property
    def heaviest(self) -> list[int]:
        """The joints by what the score loses without them, the heaviest first."""
        return [int(joint) for joint in np.argsort(-self.joints, kind="stable")]


class Replay:
    """Replays steps of one person's stream, as they were or with joints hidden.

    The learner's streams of this person, and where there is no room of others, are gone afterwards.

    Args:
        learner: with the weights of then.
        steps: the first one with the state before it, as `InputMemory.steps` gives them.
    """

    def __init__(self, learner: ReplayingLearner, steps: Sequence[RememberedStep]) -> None:
        if not steps or not steps[0].stored:
            raise ValueError("a replay begins with a step whose state before it is known: see InputMemory.steps")
        self._learner, self._steps = learner, steps
        self._id: str = steps[0].observation.id
        self._borders = frozenset(borders_of(len(steps))[1:-1])
        self._states: dict[int, Any] = {0: steps[0].before}
        self._classes = len(steps[-1].probabilities) if steps[-1].probabilities is not None else 0
        self._plain: Floats | None = None

    def probabilities(self) -> Floats:
        """(classes,) the probabilities after the last step."""
        if self._plain is not None:
            return self._plain
        self.close()
        if self._states[0] is not None:
            self._learner.restore(self._states[0], self._id)
        category = None
        for number, step in enumerate(self._steps):
            if number and number in self._borders:
                self._states[number] = self._learner.snapshot(self._id)
            (category,) = self._learner.infer([step.observation])
        self.close()
        self._plain = _all_of(category)
        return self._plain

    def side_by_side(self, hidden: Hidden) -> Floats:
        """(N, classes) the probabilities of N replays that are stepped together, each with other joints hidden.

        They may differ from those one by one in the last bits. Zeros where no score stands.

        Args:
            hidden: (N, T, V).
        """
        self.probabilities()  # the states at the borders
        first = int(np.argmax(hidden.any(axis=(0, 2))))
        # What comes before the first hidden joint is as it was: a state that was met there saves those steps.
        first = max(place for place in self._states if place <= first)
        found: list[Floats] = []
        for begin in range(0, len(hidden), self._learner.capacity):
            found += self._together(hidden[begin : begin + self._learner.capacity], first)
        return np.stack(found)

    def _together(self, hidden: Hidden, first: int) -> list[Floats]:
        names = [f"{self._id} {number}" for number in range(len(hidden))]
        for name in names if self._states[first] is not None else ():
            self._learner.restore_as(self._states[first], name)
        categories: Sequence[Category] = ()
        for number, step in enumerate(self._steps[first:], first):
            poses = [_without(step.observation, one[number]) for one in hidden]
            categories = self._learner.infer([replace(pose, id=id) for pose, id in zip(poses, names, strict=True)])
        for name in names:
            self._learner.release(name)
        rows = [category.all_probabilities() for category in categories]
        return [np.zeros(self._classes, np.float32) if row is None else row for row in rows]

    def as_then(self) -> Floats:
        """(classes,) the probabilities after the last step, each made beside as many other streams as then: the same to
        the last bit. Streams of other people are forgotten."""
        self.close()
        if self._states[0] is not None:
            self._learner.restore(self._states[0], self._id)
        category = None
        for step in self._steps:
            category = self._learner.infer_in_row(step.observation, *step.batch)
        self.close()
        return _all_of(category)

    def close(self) -> None:
        """Forgets the stream of this person."""
        self._learner.release(self._id)


def _all_of(category: Category | None) -> Floats:
    """(classes,) of all groups; none where no score stands."""
    found = None if category is None else category.all_probabilities()
    return np.zeros(0, np.float32) if found is None else found


def borders_of(count: int) -> list[int]:
    """(PARTS + 1,) the first step of each part of so many steps, and the end."""
    return [round(part * count / PARTS) for part in range(PARTS + 1)]


def _without(pose: Pose, hidden: Hidden) -> Pose:
    if not hidden.any():
        return pose
    data = pose.data.copy()
    data[hidden, -1] = 0.0
    return replace(pose, data=data)


def explain(
    learner: ReplayingLearner,
    steps: Sequence[RememberedStep],
    labels: Sequence[str],
    group: str = "",
    places: Sequence[int] | None = None,
    label: str = "",
    report: Callable[[float], None] = lambda share: None,
) -> Explanation:
    """Explains the answer after the last of these steps.

    Args:
        learner, steps: as `Replay`.
        labels: of all classes.
        group, places: of the labels that the question has, and their indices; None: all.
        label: that is explained; empty: the best of the group.
        report: takes the share that is done.

    Raises:
        ValueError: where there was no score, or the label is none of the group.
    """
    replay = Replay(learner, steps)
    own = list(places if places is not None else range(len(labels)))
    then, again, base = steps[-1].probabilities, replay.as_then(), replay.probabilities()
    if then is None or not len(base):
        raise ValueError("no score stood at that moment: the stream was warming up, or nobody was in sight")
    ranked = sorted(own, key=lambda place: (-base[place], place))
    if label and label not in [labels[place] for place in own]:
        raise ValueError(f"{label!r} is none of the labels {', '.join(labels[place] for place in own)}")
    chosen = next((place for place in own if labels[place] == label), ranked[0])
    rival = next((place for place in ranked if place != chosen), chosen)
    count, joints = len(steps), len(steps[0].observation.data)
    borders = borders_of(count)
    single = np.eye(joints, dtype=bool)  # each joint alone
    spans = [slice(*ends) for ends in pairwise(borders)] + [slice(None)]
    lost = np.zeros((joints, PARTS + 1), np.float32)
    for number, span in enumerate(spans):
        hidden = np.zeros((joints, count, joints), bool)
        hidden[:, span] = single[:, None]
        lost[:, number] = base[chosen] - replay.side_by_side(hidden)[:, chosen]
        report((number + 1) / len(spans))
    cells, whole = lost[:, :PARTS], lost[:, PARTS]
    tipping, tipped = _tipping(replay, whole, own, chosen, count)
    stamps_ns = tuple(step.stamp_ns for step in steps)
    return Explanation(
        steps[0].observation.id, group, labels[chosen], stamps_ns, tuple(step.observation for step in steps),
        float(base[chosen]), bool(np.array_equal(again, then)), labels[rival], float(base[rival]),
        tuple(stamps_ns[min(border, count - 1)] for border in borders), cells, whole, tipping,
        labels[tipped] if tipped is not None else "",
    )  # fmt: skip


def _tipping(
    replay: Replay, whole: Floats, own: Sequence[int], chosen: int, count: int
) -> tuple[tuple[int, ...], int | None]:
    """Joints whose hiding makes another label of the group the best, and that label.

    First the one without which the label leads by least, then beside it the next one, until another label leads.
    """
    picked: list[int] = []
    rivals = [place for place in own if place != chosen]
    for _ in range(len(whole) // 2 if rivals else 0):
        left = [joint for joint in range(len(whole)) if joint not in picked]
        hidden = np.zeros((len(left), count, len(whole)), bool)
        for row, joint in enumerate(left):
            hidden[row][:, [*picked, joint]] = True
        found = replay.side_by_side(hidden)
        lead = np.where(found[:, own].any(axis=1), found[:, chosen] - found[:, rivals].max(axis=1), np.inf)
        row = int(np.argmin(lead))
        picked.append(left[row])
        if lead[row] < 0:
            return tuple(picked), max(rivals, key=lambda place: found[row, place])
    return tuple(picked), None
