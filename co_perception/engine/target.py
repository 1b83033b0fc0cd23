"""Targets: the outputs of learners (`Category`, `Pose`), and the label lists that name their classes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from enum import IntEnum
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from co_perception.engine import confidences
from co_perception.engine.coordinates import check_coordinates, default_coordinates

# Text files, one class per line, in the Python package and not in the ROS package's config/: only there are they found
# in a source checkout, after `colcon build` and after `pip install` alike.
_LABELS = Path(__file__).parents[1] / "labels"


class Status(IntEnum):
    """How far a target can be trusted; the numbers are those of `co_perception/msg/Activity`."""

    WARMING_UP = 0  # too little of the receptive field is real: scores are not to be acted on
    VALID = 1
    UNCERTAIN = 2  # enough time was seen, but the best score is below the threshold, or parts of the body are missing
    STALE = 3  # nothing new was seen of this subject for a while


@dataclass(frozen=True)
class Target:
    """Base of all targets."""


@dataclass(frozen=True)
class Category(Target):
    """One class of a label set, with scores, status and timing. Raises ValueError for values out of their range.

    Args:
        data: class index, -1 while there is no score.
        description: name of that class, None where there is no class or no label set.
        confidence: probability of that class, 0..1.
        probabilities: (classes,) float32 over the whole label set, summing to one; not part of comparisons.
        progress: share of the receptive field behind these scores that is real input rather than padding, 0..1.
        delay: frames of the network's own clock between the newest frame given and the one the scores describe.
        group: of the label set that this is the answer of; empty where all labels are one group.
        others: the answers of the label set's other groups. Class indices are those of the whole label set, and the
            probabilities of a group are over it too, zero for the labels of other groups.
    """

    data: int
    _: KW_ONLY
    description: str | None = None
    confidence: float | None = None
    probabilities: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    status: Status = Status.VALID
    progress: float = 1.0
    delay: int = 0
    group: str = ""
    others: tuple[Category, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.data, bool) or not isinstance(self.data, (int, np.integer)) or self.data < -1:
            raise ValueError(f"data is a class index from 0, or -1 for none, got {self.data!r}.")
        if self.confidence is not None and not 0.0 <= self.confidence <= 1.0 + 1e-6:  # float32 sums round upwards too
            raise ValueError(f"confidence is a probability 0..1, got {self.confidence}: logits need a softmax first.")
        if not 0.0 <= self.progress <= 1.0:
            raise ValueError(f"progress is a share 0..1, got {self.progress}.")
        if self.delay < 0:
            raise ValueError(f"delay is a number of frames into the past, 0 or more, got {self.delay}.")
        if (values := self.probabilities) is None:
            return
        if values.ndim != 1 or values.dtype != np.float32:
            raise ValueError(f"probabilities are (classes,) float32, got {values.shape} {values.dtype}.")
        if self.data >= values.size:
            raise ValueError(f"class index {self.data} lies outside the {values.size} classes scored.")

    def each_group(self) -> tuple[Category, ...]:
        """The answers of all groups, each without the others."""
        return (dataclasses.replace(self, others=()), *self.others) if self.others else (self,)

    def all_probabilities(self) -> NDArray[np.float32] | None:
        """(classes,) those of all groups together, each of which sums to one; None where no score stands."""
        own = [each.probabilities for each in self.each_group() if each.probabilities is not None]
        return np.sum(own, axis=0, dtype=np.float32) if own else None  # of other groups' labels they are zero

    def top(self, k: int = 5) -> list[tuple[int, float]]:
        """The `k` best classes as (class index, probability), best first; ties in index order.

        Fewer where the label set is smaller; without `probabilities` the class itself, or nothing.
        """
        if k < 1:
            raise ValueError(f"top(k) needs k of at least 1, got {k}.")
        if self.probabilities is None:
            known = self.data >= 0 and self.confidence is not None
            return [(int(self.data), float(self.confidence or 0.0))] if known else []
        order = np.argsort(-self.probabilities, kind="stable")[:k]
        return [(int(index), float(self.probabilities[index])) for index in order]


@dataclass(frozen=True, eq=False)
class Pose(Target):
    """The joints of one person in one frame: target of a pose estimator and input of a skeleton learner.

    Raises ValueError for values out of their range, and for a found joint that is NaN or infinite.

    Args:
        data: (V, 3) float32 of x, y, score, or (V, 4) of x, y, z, score; a joint that was not found has score 0. The
            scale of the scores is free, and they may be missing: `engine.confidences`.
        layout: name of the joint layout, `skeletons.layouts`.
        coordinates: unit and axes of x, y, z, and their default, as of `SkeletonSequence`.
        confidence: that this is a person, 0..1.
        id: of the person's track; empty without tracking.
    """

    data: NDArray[np.float32]
    layout: str = "coco17"
    _: KW_ONLY
    confidence: float = 1.0
    id: str = ""
    coordinates: str = ""

    def __post_init__(self) -> None:
        values = self.data
        if not isinstance(values, np.ndarray) or values.dtype != np.float32 or values.ndim != 2:
            got = f"{values.shape} {values.dtype}" if hasattr(values, "shape") else type(values).__name__
            raise ValueError(f"a Pose is an array (joints, 3 or 4) of float32, got {got}.")
        if values.shape[1] not in (3, 4):
            raise ValueError(f"a Pose has x, y, score or x, y, z, score of each joint, got shape {values.shape}.")
        if not 0.0 <= self.confidence <= 1.0 + 1e-6:
            raise ValueError(f"confidence is a probability 0..1, got {self.confidence}.")
        coordinates = self.coordinates or default_coordinates(values.shape[1], self.layout)
        check_coordinates(coordinates, values.shape[1])
        finite = np.isfinite(values[:, :-1]).all(1)
        if not finite.all() and (confidences.claimed(values, coordinates) & ~finite).any():
            raise ValueError("a joint of this Pose is NaN or infinite: give joints that were not found the score 0.")
        object.__setattr__(self, "coordinates", coordinates)

    def __len__(self) -> int:
        return len(self.data)

    def blank(self) -> Pose:
        """The same person with no joint found."""
        return dataclasses.replace(self, data=np.zeros_like(self.data))

    @property
    def kind(self) -> tuple[str, tuple[int, ...], str]:
        """Layout, shape and coordinates: poses of one kind fit into one array."""
        return self.layout, self.data.shape, self.coordinates

    @cached_property
    def found(self) -> NDArray[np.bool_]:
        """(V,) whether each joint was found, see `engine.confidences`."""
        return confidences.found(self.data, self.coordinates)


def labels(name: str) -> tuple[str, ...]:
    """The names of classes in a label list, in the order of a network's scores. Raises ValueError that lists the lists.

    kinetics400: the 400 classes of Kinetics-400 (Kay and others, arXiv 1705.06950) in alphabetical order, as the
    published networks number them. kinetics600: the 600 of Kinetics-600 (Carreira and others, arXiv 1808.01340) as
    TensorFlow's Model Garden numbers them. ntu60: the 60 actions of NTU RGB+D (Shahroudy and others, arXiv 1604.02808)
    in the order of their numbers. ntu120: those and 60 more of NTU RGB+D 120 (Liu and others, arXiv 1905.04757).
    thumos14: the 20 actions of THUMOS'14 between "background" and "ambiguous", as TRN (Xu and others, arXiv 1811.07391)
    and OadTR number them.
    """
    if name not in (known := sorted(path.stem for path in _LABELS.glob("*.txt"))):
        raise ValueError(f"no label list {name!r}; there are: {', '.join(known)}")
    return tuple((_LABELS / f"{name}.txt").read_text("utf-8").splitlines())


def label_set_name(name: str, names: Sequence[str]) -> str:
    """The name of these classes together: that of the label list they are, else `name` with a digest of the classes.

    Two different lists of classes never share a name, and the same list has the same one in every model.

    >>> label_set_name("own", ["wave", "squat"])
    'own@f826af9f'
    """
    if name in (path.stem for path in _LABELS.glob("*.txt")) and tuple(names) == labels(name):
        return name
    digest = hashlib.sha256(json.dumps(list(names)).encode()).hexdigest()[:8]
    return f"{name.partition('@')[0]}@{digest}"
