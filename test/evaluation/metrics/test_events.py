"""Segments matched by hand, beside a second implementation over single frames, and under properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from co_perception.data.annotations import Interval
from co_perception.evaluation.events import Event, Kind
from co_perception.evaluation.metrics.events import (
    IOUS,
    Counts,
    Segment,
    border_errors_s,
    counts_by_label,
    delays_s,
    iou,
    matches,
    segments_of_events,
    segments_of_frames,
    true_segments,
    within,
)

S = 1_000_000_000


def segment(start_s: float, end_s: float, label: str = "wave", decided_s: float | None = None) -> Segment:
    decided = start_s if decided_s is None else decided_s
    return Segment(round(start_s * S), round(end_s * S), label, round(decided * S))


def frames(text: str) -> list[Segment]:
    """One letter a second; a dot is nothing."""
    stamps = np.arange(len(text), dtype=np.int64) * S
    return segments_of_frames(["" if letter == "." else letter for letter in text], stamps, stamps + S)


def f1_of_frames(truth: str, said: str, least: float) -> float:
    """Segmental F1 the other way round: sets of frames, one list of hits, no clocks."""

    def runs(text: str) -> list[tuple[str, set[int]]]:
        found: list[tuple[str, set[int]]] = []
        for place, letter in enumerate(text):
            if place and text[place - 1] == letter and letter != ".":
                found[-1][1].add(place)
            elif letter != ".":
                found.append((letter, {place}))
        return found

    true, taken, hits = runs(truth), set(), 0
    for letter, told in runs(said):
        shares = [len(told & other) / len(told | other) if letter == name else 0 for name, other in true]
        if shares and max(shares) >= least and shares.index(max(shares)) not in taken:
            taken.add(shares.index(max(shares)))
            hits += 1
    whole = len(true) + len(runs(said))
    return 2 * hits / whole if whole else float("nan")


def f1(truth: str, said: str, least: float) -> float:
    counts = counts_by_label(frames(truth), frames(said), least).values()
    return Counts(sum(c.hits for c in counts), sum(c.false for c in counts), sum(c.missed for c in counts)).f1


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 40).flatmap(lambda n: st.tuples(*[st.text("ab.", min_size=n, max_size=n)] * 2)))
def test_f1_is_that_of_a_second_implementation(texts: tuple[str, str]) -> None:
    truth, said = texts
    for least in IOUS:
        assert f1(truth, said, least) == pytest.approx(f1_of_frames(truth, said, least), nan_ok=True)
        if frames(truth):
            assert f1(truth, truth, least) == 1


def test_one_event_in_three_pieces_is_one_hit_and_two_false_ones() -> None:
    said = frames("...aaaa.a.a...")
    assert counts_by_label(frames("...aaaaaaaa..."), said, 0.1) == {"a": Counts(hits=1, false=2, missed=0)}
    assert counts_by_label(frames("...aaaaaaaa..."), said, 0.5) == {"a": Counts(hits=1, false=2, missed=0)}
    assert counts_by_label(frames("...aaaaaaaa..."), said[1:], 0.5) == {"a": Counts(hits=0, false=2, missed=1)}


def test_the_first_of_two_pieces_takes_the_event() -> None:
    truth, said = [segment(0, 10)], [segment(0, 4), segment(5, 10)]
    assert matches(truth, said, 0.1) == [(0, 0)]
    assert matches(truth, said, 0.5) == [(0, 1)]


def test_the_label_counts_and_an_iou_of_exactly_the_threshold_is_enough() -> None:
    assert iou(segment(0, 4), segment(2, 6)) == 2 / 6
    assert matches([segment(0, 4)], [segment(0, 2)], 0.5) == [(0, 0)]
    assert matches([segment(0, 4)], [segment(0, 4, "walk")], 0.1) == []
    assert counts_by_label([segment(0, 4)], [segment(0, 4, "walk")], 0.1) == {
        "wave": Counts(0, 0, 1),
        "walk": Counts(0, 1, 0),
    }
    assert np.isnan(Counts().f1)


def test_borders_are_late_or_early_in_seconds() -> None:
    truth, said = [segment(2, 6), segment(10, 12), segment(20, 21)], [segment(2.5, 7), segment(9, 11.75)]
    assert border_errors_s(truth, said) == [(0.5, 1.0), (-1.0, -0.25)]


def test_a_delay_is_the_time_until_the_label_stood() -> None:
    truth = [segment(2, 6), segment(10, 12), segment(20, 21), segment(30, 31), segment(40, 41)]
    said = [
        segment(2, 6, decided_s=2.4),  # decided after 0.4 s, though it says that it began at once
        segment(9, 11),  # stood before: known from the first instant
        segment(20, 21, "walk"),  # another thing
        segment(29, 30),  # over when it began
        segment(40.5, 42, decided_s=41.5),  # too late
    ]
    assert delays_s(truth, said) == [0.4, 0.0, None, None, None]


def test_a_gap_between_frames_ends_a_segment() -> None:
    stamps = np.array([0, 1, 5, 6], np.int64) * S
    found = segments_of_frames(["a"] * 4, stamps, np.array([1, 2, 6, 7], np.int64) * S)
    assert found == [segment(0, 2, "a"), segment(5, 7, "a")]


def test_events_of_the_detector_become_segments_of_each_subject() -> None:
    events = [
        Event(Kind.ONSET, "p", "wave", 1 * S, 1 * S, 2 * S, 0.9),
        Event(Kind.ONSET, "q", "walk", 2 * S, 2 * S, 3 * S, 0.9),
        Event(Kind.OFFSET, "p", "wave", 5 * S, 1 * S, 6 * S, 0.9),
        Event(Kind.ONSET, "p", "walk", 5 * S, 5 * S, 6 * S, 0.9),
        Event(Kind.OFFSET, "q", "walk", 4 * S, 2 * S, 5 * S, 0.9),
    ]
    found = segments_of_events(events)
    assert found == {"p": [segment(1, 5, decided_s=2)], "q": [segment(2, 4, "walk", decided_s=3)]}


def test_segments_are_cut_to_known_time() -> None:
    parts = [Interval(2 * S, 4 * S, "known"), Interval(6 * S, 9 * S, "known")]
    cut = within([segment(0, 7, decided_s=1), segment(4, 6)], parts)
    assert cut == [segment(2, 4, decided_s=2), segment(6, 7, decided_s=6)]
    assert true_segments(reversed(parts)) == [segment(2, 4, "known"), segment(6, 9, "known")]
