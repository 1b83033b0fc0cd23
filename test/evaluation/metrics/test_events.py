"""Segments matched by hand, beside a second implementation over single frames, and under properties."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.random_search import examples
from helpers.synthetic_recordings import segment
from hypothesis import given
from hypothesis import strategies as st

from co_perception.evaluation.metrics.events import (
    IOUS,
    Counts,
    border_errors_s,
    changes,
    counts_by_label,
    delays_s,
    iou,
    matches,
)
from co_perception.evaluation.metrics.segments import Segment, SegmentKind, segments_of_frames

S = 1_000_000_000


def frames(text: str) -> list[Segment]:
    """One letter a second; a dot is nothing."""
    stamps = np.arange(len(text), dtype=np.int64) * S
    states = [None if letter == "." else (SegmentKind.LABEL, letter) for letter in text]
    return segments_of_frames(states, stamps, stamps + S)


def f1_of_frames(truth: str, predicted: str, least: float) -> float:
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
    for letter, reported in runs(predicted):
        shares = [len(reported & other) / len(reported | other) if letter == name else 0 for name, other in true]
        if shares and max(shares) >= least and shares.index(max(shares)) not in taken:
            taken.add(shares.index(max(shares)))
            hits += 1
    whole = len(true) + len(runs(predicted))
    return 2 * hits / whole if whole else float("nan")


def f1(truth: str, predicted: str, least: float) -> float:
    counts = counts_by_label(frames(truth), frames(predicted), least).values()
    return Counts(sum(c.hits for c in counts), sum(c.false for c in counts), sum(c.missed for c in counts)).f1


@examples(200)
@given(st.integers(0, 40).flatmap(lambda n: st.tuples(*[st.text("ab.", min_size=n, max_size=n)] * 2)))
def test_f1_is_that_of_a_second_implementation(texts: tuple[str, str]) -> None:
    truth, predicted = texts
    for least in IOUS:
        assert f1(truth, predicted, least) == pytest.approx(f1_of_frames(truth, predicted, least), nan_ok=True)
        if frames(truth):
            assert f1(truth, truth, least) == 1


def test_one_event_in_three_pieces_is_one_hit_and_two_false_ones() -> None:
    predicted = frames("...aaaa.a.a...")
    assert counts_by_label(frames("...aaaaaaaa..."), predicted, 0.1) == {"a": Counts(hits=1, false=2, missed=0)}
    assert counts_by_label(frames("...aaaaaaaa..."), predicted, 0.5) == {"a": Counts(hits=1, false=2, missed=0)}
    assert counts_by_label(frames("...aaaaaaaa..."), predicted[1:], 0.5) == {"a": Counts(hits=0, false=2, missed=1)}


def test_the_first_of_two_pieces_takes_the_event() -> None:
    truth, predicted = [segment(0, 10)], [segment(0, 4), segment(5, 10)]
    assert matches(truth, predicted, 0.1) == [(0, 0)]
    assert matches(truth, predicted, 0.5) == [(0, 1)]


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
    truth, predicted = [segment(2, 6), segment(10, 12), segment(20, 21)], [segment(2.5, 7), segment(9, 11.75)]
    assert border_errors_s(truth, predicted) == [(0.5, 1.0), (-1.0, -0.25)]


def test_a_delay_is_the_time_until_the_label_stood() -> None:
    truth = [segment(2, 6), segment(10, 12), segment(20, 21), segment(30, 31), segment(40, 41)]
    predicted = [
        segment(2, 6, decided_s=2.4),  # decided after 0.4 s, though it says that it began at once
        segment(9, 11),  # stood before: known from the first instant
        segment(20, 21, "walk"),  # another thing
        segment(29, 30),  # over when it began
        segment(40.5, 42, decided_s=41.5),  # too late
    ]
    assert delays_s(truth, predicted) == [0.4, 0.0, None, None, None]


def joined(count: int) -> np.ndarray:
    return np.ones(count, bool)


def test_a_perfect_recognizer_does_not_flicker_and_a_late_one_changes_once() -> None:
    truth = ["walk"] * 3 + ["wave"] * 3
    assert changes(truth, truth, joined(6)) == 0
    assert changes(["walk"] * 4 + ["wave"] * 2, truth, joined(6)) == 1


def test_changes_to_nothing_count_and_gaps_do_not() -> None:
    predicted, truth = ["wave", "", "wave", "walk"], [None] * 4
    assert changes(predicted, truth, joined(4)) == 3
    assert changes(predicted, truth, np.array([True, True, False, True])) == 2
    assert changes([], [], joined(0)) == 0
