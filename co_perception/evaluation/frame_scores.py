"""How often a recogniser is right, frame by frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Judged(NamedTuple):
    """One frame of one subject: what was true, and what was said; None while the recogniser warmed up."""

    truth: str
    said: str | None


@dataclass(frozen=True, eq=False)
class FrameScores:
    """Counts over frames, and what follows from them.

    Args:
        classes: those the recogniser knows, then those of the truth that it does not.
        confusion: (K, K) frames, rows what was true, columns what was said, without those of the warm-up.
        warm_up: frames in which nothing was said yet.
    """

    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    warm_up: int

    @property
    def frames(self) -> int:
        """All frames whose truth is known."""
        return int(self.confusion.sum()) + self.warm_up

    @property
    def accuracy(self) -> float:
        """Share of the answered frames that are right; NaN without any."""
        return _ratio(np.trace(self.confusion), self.confusion.sum())

    @property
    def accuracy_of_all(self) -> float:
        """The same, with the warm-up counted as wrong."""
        return _ratio(np.trace(self.confusion), self.frames)

    @property
    def warm_up_share(self) -> float:
        """Share of all frames that had no answer yet."""
        return _ratio(self.warm_up, self.frames)

    @property
    def per_class(self) -> dict[str, dict[str, float]]:
        """precision, recall, f1 and frames of each class; NaN where there is nothing to divide by."""
        right, true, said = np.diagonal(self.confusion), self.confusion.sum(1), self.confusion.sum(0)
        return {
            name: {
                "precision": _ratio(right[k], said[k]),
                "recall": _ratio(right[k], true[k]),
                "f1": _ratio(2 * right[k], true[k] + said[k]),
                "frames": int(true[k]),
            }
            for k, name in enumerate(self.classes)
        }

    @property
    def macro_f1(self) -> float:
        """Mean of f1 over the classes that were shown or said."""
        found = [measures["f1"] for measures in self.per_class.values() if not np.isnan(measures["f1"])]
        return _ratio(sum(found), len(found))

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON: NaN as None."""
        numbers = {name: getattr(self, name) for name in ("accuracy", "accuracy_of_all", "macro_f1", "warm_up_share")}
        per_class = {name: {key: _plain(value) for key, value in row.items()} for name, row in self.per_class.items()}
        return {
            "frames": self.frames,
            "warm_up_frames": self.warm_up,
            **{name: _plain(value) for name, value in numbers.items()},
            "classes": list(self.classes),
            "per_class": per_class,
            "confusion": self.confusion.tolist(),
        }


def score(judged: Iterable[Judged], classes: Iterable[str]) -> FrameScores:
    """The scores of these frames, for a recogniser that knows `classes`."""
    counts = Counter(judged)
    known = list(classes)
    names = tuple(dict.fromkeys([*known, *sorted(frame.truth for frame in counts)]))
    confusion = np.zeros((len(names), len(names)), np.int64)
    for (truth, said), count in counts.items():
        if said is not None:
            confusion[names.index(truth), names.index(said)] = count
    return FrameScores(names, confusion, sum(count for (_, said), count in counts.items() if said is None))


def _ratio(part: Any, whole: Any) -> float:
    return float(part) / float(whole) if whole else float("nan")


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)
