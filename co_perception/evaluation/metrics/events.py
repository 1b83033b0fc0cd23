"""Segment measures: segmental F1, errors of borders, delay of detection, flicker.

Of the true segments of its label, a predicted one belongs to the one with the greatest intersection over union (in
time). It is a hit if that is at least a threshold and no earlier prediction took the same one, else it is false; true
ones that no prediction took are missed. F1 = 2 hits / (2 hits + false + missed): the segmental F1 of Lea et al.,
Temporal Convolutional Networks for Action Segmentation and Detection, CVPR 2017 (arXiv 1611.05267), there at 0.10, 0.25
and 0.50. It does not punish small shifts of a border, and does punish one event predicted in pieces. Background is no
event.

How late an event is known is measured as by Hoai and De la Torre, Max-Margin Early Event Detectors, CVPR 2012: the time
from its true beginning to the first instant in it at which its label was predicted, and that as a share of its length.

Flicker counts changes of the predicted label, also from and to none, between frames in which the truth stays the same,
and gives them per minute of observed time: a recognizer that is always right has 0, and being late adds one change per
event. Where no truth is known, every change counts. This measure is the project's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from co_perception.evaluation.metrics.segments import Segment, overlapping

IOUS = (0.1, 0.25, 0.5)
MINUTE_NS = 60_000_000_000


@dataclass(frozen=True)
class Counts:
    """Predicted segments that were hits and that were false, and true ones that were missed."""

    hits: int = 0
    false: int = 0
    missed: int = 0

    @property
    def f1(self) -> float:
        """0..1; NaN where nothing was true or predicted."""
        whole = 2 * self.hits + self.false + self.missed
        return 2 * self.hits / whole if whole else float("nan")


def iou(one: Segment, other: Segment) -> float:
    """Shared time over time of either, 0..1.

    >>> iou(Segment(0, 4, "wave", 0), Segment(2, 8, "wave", 2))
    0.25
    """
    shared = min(one.end_ns, other.end_ns) - max(one.start_ns, other.start_ns)
    whole = (one.end_ns - one.start_ns) + (other.end_ns - other.start_ns) - shared
    return max(shared, 0) / whole


def matches(truth: Sequence[Segment], predicted: Sequence[Segment], threshold: float) -> list[tuple[int, int]]:
    """The hits at an IoU of at least `threshold`.

    Args:
        truth: in order of time, none overlapping.
        predicted: in order of time.
        threshold: above 0.

    Returns:
        Pairs of indices into `truth` and `predicted`.

    >>> matches([Segment(0, 10, "wave", 0)], [Segment(0, 4, "wave", 0), Segment(5, 10, "wave", 5)], threshold=0.5)
    [(0, 1)]
    """
    pairs: dict[int, int] = {}
    for number, segment in enumerate(predicted):
        rivals = [n for n in overlapping(segment, truth) if truth[n].label == segment.label]
        best = max(rivals, key=lambda n: iou(segment, truth[n]), default=-1)
        if best >= 0 and best not in pairs and iou(segment, truth[best]) >= threshold:
            pairs[best] = number
    return sorted(pairs.items())


def counts_by_label(truth: Sequence[Segment], predicted: Sequence[Segment], threshold: float) -> dict[str, Counts]:
    """Hits, false and missed segments of each label.

    >>> truth = [Segment(0, 10, "wave", 0)]
    >>> counts_by_label(truth, [Segment(0, 6, "wave", 0), Segment(7, 9, "walk", 7)], threshold=0.5)
    {'walk': Counts(hits=0, false=1, missed=0), 'wave': Counts(hits=1, false=0, missed=0)}
    """
    hit = Counter(truth[n].label for n, _ in matches(truth, predicted, threshold))
    of_truth, of_predicted = (Counter(segment.label for segment in segments) for segments in (truth, predicted))
    return {
        label: Counts(hit[label], of_predicted[label] - hit[label], of_truth[label] - hit[label])
        for label in sorted({*of_truth, *of_predicted})
    }


def border_errors_s(truth: Sequence[Segment], predicted: Sequence[Segment]) -> list[tuple[float, float]]:
    """(onset, offset) of each hit at the lowest of `IOUS`: seconds too late, or, negative, too early.

    >>> second = 1_000_000_000
    >>> border_errors_s([Segment(0, 4 * second, "wave", 0)], [Segment(second, 3 * second, "wave", second)])
    [(1.0, -1.0)]
    """
    pairs = [(truth[n], predicted[m]) for n, m in matches(truth, predicted, IOUS[0])]
    return [((ours.start_ns - true.start_ns) / 1e9, (ours.end_ns - true.end_ns) / 1e9) for true, ours in pairs]


def delays_s(truth: Sequence[Segment], predicted: Sequence[Segment]) -> list[float | None]:
    """For each true segment the seconds until its label was known; None where it never was while it lasted.

    >>> second = 1_000_000_000
    >>> delays_s([Segment(0, 4 * second, "wave", 0)], [Segment(0, 4 * second, "wave", decided_ns=second // 2)])
    [0.5]
    """
    by_label: dict[str, list[Segment]] = {}
    for segment in predicted:
        by_label.setdefault(segment.label, []).append(segment)
    found: list[float | None] = []
    for true in truth:
        candidates = [each for each in by_label.get(true.label, []) if each.end_ns > true.start_ns]
        known_ns = [max(each.decided_ns, true.start_ns) for each in candidates]
        instants_ns = [at_ns for at_ns in known_ns if at_ns < true.end_ns]
        found.append((min(instants_ns) - true.start_ns) / 1e9 if instants_ns else None)
    return found


def changes(predicted: Sequence[str], truth: Sequence[str | None], joined: NDArray[np.bool_]) -> int:
    """How often the predicted label changes while the truth does not.

    Args:
        predicted: (N,) label of each frame, empty for none.
        truth: (N,) of each frame, None where it is not known.
        joined: (N,) whether each frame follows the one before without a gap; the first element has no meaning.

    >>> changes(["walk", "", "walk", "wave"], ["walk", "walk", "walk", "wave"], np.ones(4, bool))
    2
    """
    frames = list(zip(predicted, truth, strict=True))
    steps = zip(frames, frames[1:], joined[1:], strict=False)
    return sum(bool(follows) and now[0] != before[0] and now[1] == before[1] for before, now, follows in steps)


def minutes(stamps_ns: NDArray[np.int64], ends_ns: NDArray[np.int64]) -> float:
    """Observed time of frames that hold from `stamps_ns` to `ends_ns`, both (N,)."""
    return float(np.sum(ends_ns - stamps_ns)) / MINUTE_NS
