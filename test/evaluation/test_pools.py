"""Tracks drawn several times count as if they were there several times: what the bootstrap stands on."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.synthetic_recordings import tracked

from co_perception.data.annotations.intervals import Interval
from co_perception.engine.target import Status
from co_perception.evaluation.ground_truth import Protocol, Replayed
from co_perception.evaluation.pools import EventPool, FramePool
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.subject_track import SubjectTrack

CLASSES = tuple("abcdefg")
S = 1_000_000_000


def noisy(seed: int, background: str = "none") -> SubjectTrack:
    """A minute at 5 Hz: an activity every ten seconds, recognized badly."""
    rng = np.random.default_rng(seed)
    intervals = [Interval(n * 10 * S, (n * 10 + 6) * S, str(rng.choice(CLASSES)), "p") for n in range(6)]
    records = []
    for n in range(300):
        stamp_ns = n * S // 5
        truth = next((each.label for each in intervals if each.start_ns <= stamp_ns < each.end_ns), None)
        logits = rng.normal(size=len(CLASSES))
        logits[CLASSES.index(truth) if truth else 0] += 2.5 if truth else 0
        scores = (np.exp(logits) / np.exp(logits).sum()).astype(np.float32)
        status = Status.WARMING_UP if n < 5 else Status.VALID if scores.max() > 0.4 else Status.UNCERTAIN
        records.append(FrameRecord(stamp_ns, "p", status, probabilities=scores))
    [track] = tracked(Replayed(str(seed), records, intervals), CLASSES, Protocol(background)).tracks
    return track


def test_a_track_drawn_twice_counts_as_two() -> None:
    every, copies = [noisy(seed) for seed in range(4)], [2, 0, 1, 3]
    repeated = [track for track, times in zip(every, copies, strict=True) for _ in range(times)]
    for pool in (EventPool, lambda found: FramePool(found, CLASSES, "none")):
        weighted = pool(every).figures(np.array(copies, np.float64))
        plain = pool(repeated).figures()
        assert weighted == pytest.approx(plain, nan_ok=True)
        assert all(np.isfinite(value) for value in plain.values())
        assert weighted != pytest.approx(pool(every).figures(), nan_ok=True)


def test_a_draw_without_any_frame_has_no_figures() -> None:
    nothing = np.zeros(1)
    assert np.isnan(list(FramePool([noisy(0)], CLASSES, "none").figures(nothing).values())).all()
    assert np.isnan(list(EventPool([noisy(0)]).figures(nothing).values())).all()


def test_figures_of_labels_add_up() -> None:
    rows = EventPool([noisy(seed) for seed in range(3)]).per_label()
    assert sum(row["events"] for row in rows.values()) == 18
    assert all(0 <= row["event_f1_50"] <= row["event_f1_10"] <= 1 for row in rows.values())


def test_an_uncertain_answer_says_background_unless_that_is_a_class_or_nothing() -> None:
    pool = FramePool([noisy(0)], CLASSES, "none")
    unsure = [record.status == Status.UNCERTAIN for record in noisy(0).records if record.answered]
    assert any(unsure) and ((pool.predicted == len(CLASSES)) == np.array(unsure)).all()
    for background in ("", "g"):
        pool = FramePool([noisy(0, background)], CLASSES, background)
        assert pool.names == CLASSES and pool.predicted.max() < len(CLASSES)
