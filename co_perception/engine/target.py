"""What comes out of a learner."""

from __future__ import annotations

import dataclasses
from dataclasses import KW_ONLY, dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Status(IntEnum):
    """How far a target can be trusted. The numbers are those of `co_perception/msg/Activity`."""

    WARMING_UP = 0  # too little of the receptive field is real: scores are not to be acted on
    VALID = 1
    UNCERTAIN = 2  # enough was seen, but the best score is below the threshold
    STALE = 3  # nothing new was seen of this subject for a while


@dataclass(frozen=True)
class Target:
    """Base of all answers of a learner."""


@dataclass(frozen=True)
class Category(Target):
    """One class out of a label set, and everything a caller needs to judge it.

    Args:
        data: class index, -1 while no score stands.
        description: name of that class, None where there is no class or no label set.
        confidence: probability of that class, 0..1.
        probabilities: (classes,) float32 over the whole label set, summing to one; compared by nobody.
        status: see `Status`.
        progress: share of the receptive field behind these scores that is real input rather than padding, 0..1.
        delay: frames of the network's own clock between the newest frame given and the one the scores describe.

    Raises: ValueError where one of them is out of its range.
    """

    data: int
    _: KW_ONLY
    description: str | None = None
    confidence: float | None = None
    probabilities: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    status: Status = Status.VALID
    progress: float = 1.0
    delay: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.data, bool) or not isinstance(self.data, (int, np.integer)) or self.data < -1:
            raise ValueError(f"data is a class index from 0, or -1 for none, got {self.data!r}.")
        if self.confidence is not None and not 0.0 <= self.confidence <= 1.0 + 1e-6:  # float32 sums round upwards too
            raise ValueError(f"confidence is a probability 0..1, got {self.confidence}: logits need a softmax first.")
        if not 0.0 <= self.progress <= 1.0:
            raise ValueError(f"progress is a share 0..1, got {self.progress}.")
        if self.delay < 0:
            raise ValueError(f"delay is a number of frames into the past, 0 or more, got {self.delay}.")
        if self.probabilities is not None:
            self._check_probabilities(self.probabilities)

    def _check_probabilities(self, values: NDArray[np.float32]) -> None:
        if values.ndim != 1 or values.dtype != np.float32:
            raise ValueError(f"probabilities are (classes,) float32, got {values.shape} {values.dtype}.")
        if self.data >= values.size:
            raise ValueError(f"class index {self.data} lies outside the {values.size} classes scored.")

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
    """Where one person's joints are in one frame: an answer of a pose estimator, and what a skeleton learner is asked
    about.

    Args:
        data: (V, 3) float32 of x, y, score, or (V, 4) of x, y, z, score; a joint that was not found has score 0.
        layout: name of the joint layout, `skeletons.layouts`.
        confidence: that this is a person, 0..1.
        id: the person's track; the empty string where nobody is followed.

    Raises: ValueError where one of them is out of its range, or a found joint is NaN or infinite.
    """

    data: NDArray[np.float32]
    layout: str = "coco17"
    _: KW_ONLY
    confidence: float = 1.0
    id: str = ""

    def __post_init__(self) -> None:
        values = self.data
        if not isinstance(values, np.ndarray) or values.dtype != np.float32 or values.ndim != 2:
            raise ValueError(f"a Pose is an array (joints, 3 or 4) of float32, got {_describe(values)}.")
        if values.shape[1] not in (3, 4):
            raise ValueError(f"a Pose has x, y, score or x, y, z, score of each joint, got shape {values.shape}.")
        if not np.isfinite(values[~(values[:, -1] <= 0)]).all():
            raise ValueError("a joint of this Pose is NaN or infinite: give joints that were not found the score 0.")
        if not 0.0 <= self.confidence <= 1.0 + 1e-6:
            raise ValueError(f"confidence is a probability 0..1, got {self.confidence}.")

    def __len__(self) -> int:
        return len(self.data)

    def blank(self) -> Pose:
        """The same person with no joint found."""
        return dataclasses.replace(self, data=np.zeros_like(self.data))

    @property
    def kind(self) -> tuple[str, tuple[int, ...]]:
        """Layout and shape: poses of one kind fit into one array."""
        return self.layout, self.data.shape

    @property
    def found(self) -> NDArray[np.bool_]:
        """(V,) whether each joint was found."""
        return np.asarray(self.data[:, -1] > 0)


def _describe(value: object) -> str:
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    return type(value).__name__ if shape is None else f"{shape} {dtype}"
