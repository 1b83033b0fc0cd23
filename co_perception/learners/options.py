"""Options that all learners with one streaming network share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict


@dataclass(frozen=True, kw_only=True)
class LearnerOptions:
    """Options that all learners share; their constructors take them as keywords.

    Args:
        classes: names of the caller's own classes, which the learner has as `classes` and `labels`; None: those of the
            network's record.
        device: where the network runs.
        min_progress: share of the receptive field that must be real before a label counts as VALID; None: that of a
            saved learner that is loaded, else the network's (0.75 of most). A network that does not pad has no answer
            before its field is full; there the share is that of the frames that show the person.
        threshold: least probability of a VALID label, of all groups of labels or by the name of each; None: that of a
            saved learner that is loaded, else 0.
        threads: CPU threads of torch in this process; None: unchanged.

    Raises:
        ValueError: for a share outside 0..1.
    """

    classes: Sequence[str] | None = None
    device: str = "cpu"
    min_progress: float | None = None
    threshold: float | Mapping[str, float] | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        by_group = self.threshold if isinstance(self.threshold, Mapping) else {"": self.threshold}
        limits = [("min_progress", self.min_progress), *(("threshold", share) for share in by_group.values())]
        for name, share in limits:
            if share is not None and not 0 <= share <= 1:
                raise ValueError(f"{name} is a share 0..1, got {share}")


class OptionKeywords(TypedDict, total=False):
    """The fields of `LearnerOptions`, for type checkers."""

    classes: Sequence[str] | None
    device: str
    min_progress: float | None
    threshold: float | Mapping[str, float] | None
    threads: int | None
