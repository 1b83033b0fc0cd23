"""Latency, jitter and missed frames by hand."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.engine.target import Status
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.timing import latencies_s, missed_frames, percentiles_ms, timing

SCORES = np.array([1.0], np.float32)


def test_everybody_in_a_frame_counts_once_with_the_longest_latency() -> None:
    seconds = {(2, "p"): 0.03, (1, "p"): 0.01, (1, "q"): 0.02}
    records = [FrameRecord(stamp, subject, latency_s=value) for (stamp, subject), value in seconds.items()]
    assert latencies_s(records) == [0.02, 0.03]


def test_percentiles_are_of_all_recordings_and_jitter_of_neighbors_in_one() -> None:
    one = [FrameRecord(n, latency_s=0.010 + 0.002 * (n % 2)) for n in range(101)]
    two = [FrameRecord(n, latency_s=0.5) for n in range(3)]
    found = timing([one, two])
    assert found.latency_ms["p50"] == 12.0 and found.latency_ms["p99"] == 500.0
    assert found.jitter_ms["p50"] == 2.0 and found.jitter_ms["p99"] == 2.0  # no step from one recording to the other
    assert found.frames == 104 and found.missed_share == 0


def test_missed_are_dropped_frames_and_those_lost_before_one() -> None:
    records = [
        FrameRecord(1, "p", missing=2), FrameRecord(1, "q"), FrameRecord(2, "p", None), FrameRecord(3, "p"),
        FrameRecord(4, "q", Status.STALE, missing=1),
    ]  # fmt: skip
    assert missed_frames(records) == 4
    assert timing([records]).missed_share == pytest.approx(4 / 7)


def test_the_warm_up_is_a_share_of_fresh_answers_and_delay_of_those_that_are_no_warm_up() -> None:
    records = [
        FrameRecord(1, status=Status.WARMING_UP), FrameRecord(2, delay_ns=4_000_000, probabilities=SCORES),
        FrameRecord(3, status=Status.STALE), FrameRecord(4, status=None),
    ]  # fmt: skip
    found = timing([records])
    assert found.warm_up_share == 0.5
    assert found.delay_ms["p50"] == 4.0
    assert found.latency_ms == {"p50": None, "p95": None, "p99": None}
    assert np.isnan(timing([]).warm_up_share)


def test_percentiles_are_in_milliseconds() -> None:
    assert percentiles_ms([0.001 * i for i in range(101)]) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert percentiles_ms([]) == {"p50": None, "p95": None, "p99": None}
