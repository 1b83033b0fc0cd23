"""The frames of many tracks in one pile, measured with any number of copies of each track."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.target import Status
from co_perception.evaluation.metrics import frame
from co_perception.evaluation.metrics.average_precision import Ranking
from co_perception.evaluation.metrics.calibration import Reliability, reliability
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.tracks import Track

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
BEST = 5


class FramePool:
    """Frames whose truth is known.

    Args:
        tracks: at least one.
        classes: of the recogniser, by index.
        background: see `tracks.Protocol`; where it is no class of the recogniser it comes after them, and an answer
            that is UNCERTAIN says it.

    F answered frames of T tracks, K classes, N names: the classes, and the background where it is none of them.
    """

    def __init__(self, tracks: Sequence[Track], classes: Sequence[str], background: str = "") -> None:
        self.names = tuple(dict.fromkeys([*classes, *([background] if background else [])]))
        self.classes = tuple(classes)
        self._background = self.names.index(background) if background else -1
        judged = [(n, record) for n, track in enumerate(tracks) for record in track.records if is_judged(record)]
        answered = [(n, record) for n, record in judged if record.answered]
        index = {name: place for place, name in enumerate(self.names)}
        self._tracks = len(tracks)
        self.track = np.array([n for n, _ in answered], np.int64)
        self.truth = np.array([index[str(record.truth)] for _, record in answered], np.int64)
        self.scores = np.array([record.probabilities for _, record in answered], np.float32).reshape(-1, len(classes))
        self._best = np.argmax(self.scores, axis=1).astype(np.int64) if len(classes) else self.truth[:0]
        unsure = np.array([record.status == Status.UNCERTAIN for _, record in answered], bool)
        says_nothing = unsure & (len(self.names) > len(classes))
        self.said = np.where(says_nothing, self._background, self._best)
        self._silent = np.bincount([n for n, record in judged if not record.answered], minlength=len(tracks))

    def figures(self, weights: Floats | None = None) -> dict[str, float]:
        """Every figure with each track counted `weights` times, (T,); NaN for one without a value."""
        counts, of_frames = self.confusion(weights), self._of_frames(weights)
        precisions = self.average_precisions(weights)
        silent = float(self._silent.sum() if weights is None else self._silent @ weights)
        return {
            "top1": frame.accuracy(counts),
            "top1_of_all": frame.ratio(np.trace(counts), counts.sum() + silent),
            "top5": self._top5(of_frames),
            "balanced_accuracy": frame.balanced_accuracy(counts),
            "macro_f1": frame.macro_f1(counts),
            "map": frame.mean(precisions[0]),
            "mcap": frame.mean(precisions[1]),
            "ece": self.reliability(weights).ece,
        }

    def confusion(self, weights: Floats | None = None) -> Floats:
        """(N, N) answered frames, rows what was true, columns what was said."""
        return frame.confusion(self.truth, self.said, len(self.names), self._of_frames(weights))

    def average_precisions(self, weights: Floats | None = None) -> tuple[Floats, Floats]:
        """(K,) AP and (K,) cAP; NaN for the background, and for classes without a frame."""
        found = np.full((2, len(self.classes)), np.nan)
        of_frames = self._of_frames(weights)
        for k, ranking in self._rankings.items():
            found[:, k] = ranking.average_precisions(of_frames)
        return found[0], found[1]

    def reliability(self, weights: Floats | None = None) -> Reliability:
        """Of the frames that show a class of the recogniser."""
        shown = self.truth < len(self.classes)
        right = self._best[shown] == self.truth[shown]
        confidence = self.scores.max(axis=1, initial=0.0)[shown]
        return reliability(confidence, right, weights=self._of_frames(weights)[shown])

    @cached_property
    def _in_top(self) -> NDArray[np.bool_]:
        return frame.in_top(self.scores, self.truth, BEST) | (self.said == self.truth)

    @cached_property
    def _rankings(self) -> dict[int, Ranking]:
        shown = sorted({int(k) for k in self.truth if k < len(self.classes)} - {self._background})
        return {k: Ranking(self.truth == k, self.scores[:, k]) for k in shown}

    def _top5(self, of_frames: Floats) -> float:
        if len(self.classes) <= BEST:
            return float("nan")  # there is nothing to miss
        return frame.ratio(float(self._in_top @ of_frames), float(of_frames.sum()))

    def _of_frames(self, weights: Floats | None) -> Floats:
        return np.ones(len(self.track)) if weights is None else weights[self.track]


def is_judged(record: FrameRecord) -> bool:
    """Whether a frame counts: its truth is known, and it was to be answered (what is stale answers no frame)."""
    return record.truth is not None and record.status != Status.STALE
