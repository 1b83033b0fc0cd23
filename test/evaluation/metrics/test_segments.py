"""Segments: from frames, events and annotations; cut, merged, and reduced for drawing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.synthetic_recordings import segment

from co_perception.data.annotations.intervals import Interval
from co_perception.evaluation.metrics import segments
from co_perception.evaluation.metrics.events import minutes
from co_perception.evaluation.metrics.segments import (
    SegmentKind,
    frame_ends,
    merged,
    reduced,
    segments_of_annotations,
    segments_of_events,
    segments_of_frames,
    within,
)
from co_perception.online.events import Event, EventKind

S = 1_000_000_000


def test_a_gap_between_frames_ends_a_segment() -> None:
    stamps = np.array([0, 1, 5, 6], np.int64) * S
    found = segments_of_frames([(SegmentKind.LABEL, "a")] * 4, stamps, np.array([1, 2, 6, 7], np.int64) * S)
    assert found == [segment(0, 2, "a"), segment(5, 7, "a")]


def test_events_of_the_detector_become_segments_of_each_subject() -> None:
    events = [
        Event(EventKind.ONSET, "p", "wave", 1 * S, 1 * S, 2 * S, 0.9),
        Event(EventKind.ONSET, "q", "walk", 2 * S, 2 * S, 3 * S, 0.9),
        Event(EventKind.OFFSET, "p", "wave", 5 * S, 1 * S, 6 * S, 0.9),
        Event(EventKind.ONSET, "p", "walk", 5 * S, 5 * S, 6 * S, 0.9),
        Event(EventKind.OFFSET, "q", "walk", 4 * S, 2 * S, 5 * S, 0.9),
    ]
    found = segments_of_events(events)
    assert found == {"p": [segment(1, 5, decided_s=2)], "q": [segment(2, 4, "walk", decided_s=3)]}


def test_segments_are_cut_to_known_time() -> None:
    parts = [Interval(2 * S, 4 * S, "known"), Interval(6 * S, 9 * S, "known")]
    cut = within([segment(0, 7, decided_s=1), segment(4, 6)], parts)
    assert cut == [segment(2, 4, decided_s=2), segment(6, 7, decided_s=6)]
    assert segments_of_annotations(reversed(parts)) == [segment(2, 4, "known"), segment(6, 9, "known")]


def test_a_frame_stands_until_the_next_one_but_not_for_long() -> None:
    stamps = np.array([0, 1, 2, 12, 13], np.int64) * S
    ends = frame_ends(stamps, 3 * S)
    assert (ends // S).tolist() == [1, 2, 5, 13, 14]
    assert minutes(stamps, ends) == 7 / 60
    assert len(frame_ends(stamps[:0], S)) == 0
    assert frame_ends(stamps[:1], S)[0] > stamps[0]


def test_a_frame_that_stands_alone_may_have_a_length_of_its_own() -> None:
    stamps = np.array([0, 10, 40, 50], np.int64)
    assert frame_ends(stamps, 15, alone_ns=7).tolist() == [10, 17, 50, 57]
    assert frame_ends(stamps[:1], 15, alone_ns=7).tolist() == [7]


def test_neighbors_of_one_state_are_one() -> None:
    pieces = [segment(n / 10, (n + 1) / 10, "walk") for n in range(5)]
    assert merged([*pieces, segment(0.7, 0.8, "walk")]) == [segment(0.0, 0.5, "walk"), segment(0.7, 0.8, "walk")]
    assert len(merged([segment(0, 1, "walk"), segment(1, 2, ""), segment(2, 3, "walk")])) == 3


def test_many_segments_become_few_and_show_what_takes_most_time() -> None:
    rng = np.random.default_rng(0)
    edges = np.sort(rng.uniform(0, 1000, 5001))
    # For 600 s mostly walk, with a blink of wave in every second segment; then a gap; then wave.
    many = [
        segment(start, start + (end - start) * (0.9 if n % 2 == 0 else 0.3), "walk" if n % 2 == 0 else "wave")
        for n, (start, end) in enumerate(zip(edges, edges[1:], strict=False))
        if end < 600
    ] + [segment(700.0, 1000.0, "wave")]
    few = reduced(many, 50)
    assert len(few) <= 50 < len(many)
    assert all(one.end_ns <= other.start_ns for one, other in zip(few, few[1:], strict=False))
    seconds = {label: sum(each.duration_s for each in few if each.label == label) for label in ("walk", "wave")}
    assert seconds["wave"] == pytest.approx(300, abs=25)
    assert seconds["walk"] == pytest.approx(600, abs=60)
    assert not [each for each in few if 620 < (each.start_ns + each.end_ns) / 2 / S < 680]


def test_few_segments_stay_as_they_are() -> None:
    some = [segment(0, 1, ""), segment(5, 6, "walk")]
    assert reduced(some, 2) == some
    assert reduced([], 5) == []


def test_a_part_of_the_time() -> None:
    found = [each.clipped(1 * S, 6 * S) for each in (segment(0, 2), segment(2, 3), segment(5, 9, ""), segment(6, 7))]
    assert found == [segment(1, 2), segment(2, 3), segment(5, 6, ""), None]


def test_metrics_import_nothing_else_of_evaluation() -> None:
    folder = Path(segments.__file__).parent
    lines = [line for file in folder.glob("*.py") for line in file.read_text().splitlines()]
    imported = [line for line in lines if line.startswith(("from co_perception.evaluation", "import co_perception"))]
    assert imported and all(".evaluation.metrics" in line for line in imported)
