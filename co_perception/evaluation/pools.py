"""Frames and segments of many tracks in one pile, measured with any number of copies of each track.

The bootstrap draws tracks with replacement: a figure of one draw is a figure of the pile with weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.target import Status
from co_perception.evaluation.metrics import events, frame
from co_perception.evaluation.metrics.average_precision import Ranking
from co_perception.evaluation.metrics.calibration import Reliability, reliability
from co_perception.evaluation.metrics.segments import Segment
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.subject_track import SubjectTrack

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
BEST = 5
FALSE, MISSED = 1, 2


class FramePool:
    """Frames whose truth is known.

    Args:
        tracks: at least one.
        classes: of the recognizer, by index.
        background: see `ground_truth.Protocol`; where it is no class of the recognizer it comes after them, and an
            answer that is UNCERTAIN predicts it.

    T tracks, K classes, N names: the classes, and the background where it is none of them.
    """

    def __init__(self, tracks: Sequence[SubjectTrack], classes: Sequence[str], background: str = "") -> None:
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
        predicts_background = unsure & (len(self.names) > len(classes))
        self.predicted = np.where(predicts_background, self._background, self._best)
        self.take = self._takes()
        self._silent = np.bincount([n for n, record in judged if not record.answered], minlength=len(tracks))
        self._in_top = frame.in_top(self.scores, self.truth, BEST) | (self.predicted == self.truth)
        self._judged = np.bincount([index[str(record.truth)] for _, record in judged], minlength=len(self.names))
        shown = sorted({int(k) for k in self.truth if k < len(classes)} - {self._background})
        self._rankings = {k: Ranking(self.truth == k, self.scores[:, k]) for k in shown}

    def figures(self, weights: Floats | None = None) -> dict[str, float]:
        """Every figure with each track counted `weights` times, (T,); NaN for one without a value."""
        counts, of_frames = self.confusion(weights), self._of_frames(weights)
        precisions = self.average_precisions(weights)
        silent = float(self._silent.sum() if weights is None else self._silent @ weights)
        return {
            "top1": frame.accuracy(counts),
            "top1_of_all": frame.ratio(np.trace(counts), counts.sum() + silent),
            # With so few classes there is nothing to miss.
            "top5": frame.ratio(float(self._in_top @ of_frames), float(of_frames.sum()) * (len(self.classes) > BEST)),
            "balanced_accuracy": frame.balanced_accuracy(counts),
            "macro_f1": frame.macro_f1(counts),
            "map": frame.mean(precisions[0]),
            "mcap": frame.mean(precisions[1]),
            "ece": self.reliability(weights).ece,
        }

    def chance(self) -> dict[str, float]:
        """What answers that never change get of the accuracies of `figures`; NaN for one without a value."""
        counts = self.confusion().sum(axis=1)
        few = len(self.classes) <= BEST
        return {
            "top1": frame.ratio(counts.max(initial=0), counts.sum()),
            "top1_of_all": frame.ratio(self._judged.max(initial=0), self._judged.sum()),
            "top5": float("nan") if few else frame.ratio(np.sort(counts)[-BEST:].sum(), counts.sum()),
            "balanced_accuracy": frame.ratio(1, int((counts > 0).sum())),
        }

    def confusion(self, weights: Floats | None = None) -> Floats:
        """(N, N) answered frames, rows what was true, columns what was predicted."""
        return frame.confusion(self.truth, self.predicted, len(self.names), self._of_frames(weights))

    def average_precisions(self, weights: Floats | None = None) -> tuple[Floats, Floats]:
        """(K,) AP and (K,) cAP; NaN for the background, and for classes without a frame."""
        found = np.full((2, len(self.classes)), np.nan)
        of_frames = self._of_frames(weights)
        for k, ranking in self._rankings.items():
            found[:, k] = ranking.average_precisions(of_frames)
        return found[0], found[1]

    def reliability(self, weights: Floats | None = None) -> Reliability:
        """Of the frames that show a class of the recognizer."""
        shown = self.truth < len(self.classes)
        right = self._best[shown] == self.truth[shown]
        confidence = self.scores.max(axis=1, initial=0.0)[shown]
        return reliability(confidence, right, weights=self._of_frames(weights)[shown])

    def _takes(self) -> Ints:
        """(N,) number of the take of each answered frame: what one subject does without doing anything else between."""
        changes = (np.diff(self.track) != 0) | (np.diff(self.truth) != 0)
        return np.concatenate([[0], np.cumsum(changes)])[: len(self.track)].astype(np.int64)

    def _of_frames(self, weights: Floats | None) -> Floats:
        return np.ones(len(self.track)) if weights is None else weights[self.track]


def is_judged(record: FrameRecord) -> bool:
    """Whether a frame counts: its truth is known, and the record is an answer to it, not stale."""
    return record.truth is not None and record.status != Status.STALE


class EventPool:
    """Counts of each track: hits, false and missed segments by label and threshold; lateness; flicker.

    T tracks, L labels that occur in a segment.
    """

    def __init__(self, tracks: Sequence[SubjectTrack]) -> None:
        segments = [segment for track in tracks for segment in (*track.true, *track.predicted, *track.detected)]
        self.labels = tuple(sorted({segment.label for segment in segments}))

        def counted(true: Sequence[Segment], predicted: Sequence[Segment], threshold: float) -> list[tuple[int, ...]]:
            counts = events.counts_by_label(true, predicted, threshold)
            return [astuple(counts.get(label, events.Counts())) for label in self.labels]

        self._counts = {
            f"{name}_f1_{round(100 * threshold)}": np.array(
                [counted(track.true, getattr(track, kind), threshold) for track in tracks], np.float64
            ).reshape(len(tracks), len(self.labels), 3)
            for name, kind in (("segment", "predicted"), ("event", "detected"))
            for threshold in events.IOUS
        }
        self._sums = np.array([_sums(track) for track in tracks], np.float64)
        self.events = sum(len(track.true) for track in tracks)

    def figures(self, weights: Floats | None = None) -> dict[str, float]:
        """Every figure with each track counted `weights` times, (T,); NaN for one without a value."""
        copies = np.ones(len(self._sums)) if weights is None else weights
        onset, offset, hits, delay, share, detected, true, changed, observed = (copies @ self._sums).tolist()
        return {
            **{name: _f1(np.tensordot(copies, counts, 1).sum(axis=0)) for name, counts in self._counts.items()},
            "onset_error_s": frame.ratio(onset, hits),
            "offset_error_s": frame.ratio(offset, hits),
            "detected": frame.ratio(detected, true),
            "delay_s": frame.ratio(delay, detected),
            "delay_share": frame.ratio(share, detected),
            "flicker_per_minute": frame.ratio(changed, observed),
        }

    def per_label(self) -> dict[str, dict[str, float]]:
        """F1 and the number of annotated events of each label."""
        found = {}
        for place, label in enumerate(self.labels):
            sums = {name: counts[:, place].sum(axis=0) for name, counts in self._counts.items()}
            any_counts = next(iter(sums.values()))
            found[label] = {"events": float(any_counts[0] + any_counts[MISSED])}
            found[label] |= {name: _f1(each) for name, each in sums.items()}
        return found


def _f1(counts: Floats) -> float:
    """Of (3,) hits, false and missed ones."""
    return frame.ratio(2 * counts[0], 2 * counts[0] + counts[FALSE] + counts[MISSED])


def _sums(track: SubjectTrack) -> tuple[float, ...]:
    """Sums over a track that the means of `EventPool.figures` are made of, in their order."""
    borders = np.abs(np.array(events.border_errors_s(track.true, track.detected)).reshape(-1, 2))
    delays = events.delays_s(track.true, track.detected)
    lengths = [(true.end_ns - true.start_ns) / 1e9 for true in track.true]
    known = [(delay, delay / length) for delay, length in zip(delays, lengths, strict=True) if delay is not None]
    late, share = np.array(known).reshape(-1, 2).sum(axis=0)
    return (
        *borders.sum(axis=0), len(borders), late, share, len(known), len(track.true), *flicker(track)
    )  # fmt: skip


def flicker(track: SubjectTrack) -> tuple[int, float]:
    """Changes of the label, and the minutes they happened in: see `metrics.events`.

    Warm-up and stale frames are left out, and nothing is compared across them.
    """
    counted = np.array([record.answered or record.dropped for record in track.records], bool)
    stamps_ns = track.stamps_ns
    follows = np.concatenate([[False], counted[:-1] & (track.ends_ns[:-1] == stamps_ns[1:])])
    truth = [record.truth for record in track.records]
    changed = events.changes(track.labels, truth, follows & counted)
    return changed, events.minutes(stamps_ns[counted], track.ends_ns[counted])
