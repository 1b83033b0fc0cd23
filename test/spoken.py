"""Recordings for reports: what somebody did and what was said of it, one word for each tenth of a second."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from co_perception.data.annotations import Interval
from co_perception.engine.target import Status
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.tracks import Replayed

STEP_NS = 100_000_000
NOTHING, COLD, LOST, STALE, AWAY = "-", "~", "x", "_", "."
"""No label, warming up, dropped, left over from earlier, not in sight; in the truth they are all not known."""


def spoken(
    true: Sequence[str],
    said: Sequence[str],
    classes: Sequence[str],
    recording: str = "a",
    subject: str = "p",
    latency_s: float | None = None,
) -> Replayed:
    """One subject's recording. What is said is said with 0.8."""
    told, at = [], 0
    for word, run in groupby(true):
        length = len(list(run))
        if word in classes:
            told.append(Interval(at * STEP_NS, (at + length) * STEP_NS, word, subject))
        at += length
    frames = enumerate(said)
    records = [_frame(n, word, classes, recording, subject, latency_s) for n, word in frames if word != AWAY]
    return Replayed(recording, records, told)


def together(*parts: Replayed) -> Replayed:
    """Several subjects of one recording."""
    records = [record for part in parts for record in part.records]
    return Replayed(parts[0].name, records, [each for part in parts for each in part.annotations])


def _frame(
    n: int, word: str, classes: Sequence[str], recording: str, subject: str, latency_s: float | None
) -> FrameRecord:
    told = {NOTHING: Status.UNCERTAIN, COLD: Status.WARMING_UP, LOST: None, STALE: Status.STALE}
    status = told.get(word, Status.VALID)
    scores = np.full(len(classes), 0.2 / max(len(classes) - 1, 1), np.float32)
    scores[classes.index(word) if word in classes else 0] = 0.8
    return FrameRecord(
        n * STEP_NS, subject, status, probabilities=None if word in (COLD, LOST) else scores,
        latency_s=None if latency_s is None or status is None else latency_s * (1 + n % 7), recording=recording,
    )  # fmt: skip
