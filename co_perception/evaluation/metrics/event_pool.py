"""The segments of many tracks in one pile, measured with any number of copies of each track."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from co_perception.evaluation.metrics.events import (
    IOUS,
    Segment,
    border_errors_s,
    counts_by_label,
    delays_s,
)
from co_perception.evaluation.metrics.frame import ratio
from co_perception.evaluation.metrics.stability import changes, minutes
from co_perception.evaluation.tracks import Track

Floats = NDArray[np.float64]
FALSE, MISSED = 1, 2


class EventPool:
    """Counts of each track: hits, false and missed segments by label and threshold; lateness; flicker.

    T tracks, L labels that occur in a segment.
    """

    def __init__(self, tracks: Sequence[Track]) -> None:
        segments = [segment for track in tracks for segment in (*track.true, *track.said, *track.told)]
        self.labels = tuple(sorted({segment.label for segment in segments}))
        self._counts = {
            f"{name}_f1_{round(100 * least)}": np.array(
                [self._count(track.true, getattr(track, kind), least) for track in tracks], np.float64
            ).reshape(len(tracks), len(self.labels), 3)
            for name, kind in (("segment", "said"), ("event", "told"))
            for least in IOUS
        }
        self._sums = np.array([_sums(track) for track in tracks], np.float64)
        self.events = sum(len(track.true) for track in tracks)

    def figures(self, weights: Floats | None = None) -> dict[str, float]:
        """Every figure with each track counted `weights` times, (T,); NaN for one without a value."""
        copies = np.ones(len(self._sums)) if weights is None else weights
        onset, offset, hits, delay, share, detected, true, changed, observed = (copies @ self._sums).tolist()
        return {
            **{name: _f1(np.tensordot(copies, counts, 1).sum(axis=0)) for name, counts in self._counts.items()},
            "onset_error_s": ratio(onset, hits),
            "offset_error_s": ratio(offset, hits),
            "detected": ratio(detected, true),
            "delay_s": ratio(delay, detected),
            "delay_share": ratio(share, detected),
            "flicker_per_minute": ratio(changed, observed),
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

    def _count(self, true: Sequence[Segment], said: Sequence[Segment], least: float) -> list[tuple[float, ...]]:
        counts = counts_by_label(true, said, least)
        none = (0.0, 0.0, 0.0)
        return [
            (counts[label].hits, counts[label].false, counts[label].missed) if label in counts else none
            for label in self.labels
        ]


def _f1(counts: Floats) -> float:
    """Of (3,) hits, false and missed ones."""
    return ratio(2 * counts[0], 2 * counts[0] + counts[FALSE] + counts[MISSED])


def _sums(track: Track) -> tuple[float, ...]:
    """Sums over a track that the means of `EventPool.figures` are made of, in their order."""
    borders = np.abs(np.array(border_errors_s(track.true, track.told)).reshape(-1, 2))
    delays = delays_s(track.true, track.told)
    lengths = [(true.end_ns - true.start_ns) / 1e9 for true in track.true]
    known = [(delay, delay / length) for delay, length in zip(delays, lengths, strict=True) if delay is not None]
    late, share = np.array(known).reshape(-1, 2).sum(axis=0)
    return (
        *borders.sum(axis=0), len(borders), late, share, len(known), len(track.true), *flicker(track)
    )  # fmt: skip


def flicker(track: Track) -> tuple[int, float]:
    """Changes of what is said, and the minutes they happened in: see `stability`. Warm-up and stale frames are left
    out, and nothing is compared across them."""
    kept = np.array([record.answered or record.dropped for record in track.records], bool)
    stamps_ns = track.stamps_ns
    follows = np.concatenate([[False], kept[:-1] & (track.ends_ns[:-1] == stamps_ns[1:])])
    truth = [record.truth for record in track.records]
    return changes(track.labels, truth, follows & kept), minutes(stamps_ns[kept], track.ends_ns[kept])
