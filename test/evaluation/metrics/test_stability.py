"""Flicker by hand: what counts as a change, and how long was looked."""

from __future__ import annotations

import numpy as np

from co_perception.evaluation.metrics.stability import changes, frame_ends, minutes

S = 1_000_000_000


def together(count: int) -> np.ndarray:
    return np.ones(count, bool)


def test_a_perfect_recogniser_does_not_flicker_and_a_late_one_changes_once() -> None:
    truth = ["walk"] * 3 + ["wave"] * 3
    assert changes(truth, truth, together(6)) == 0
    assert changes(["walk"] * 4 + ["wave"] * 2, truth, together(6)) == 1


def test_changes_to_nothing_count_and_gaps_do_not() -> None:
    said, truth = ["wave", "", "wave", "walk"], [None] * 4
    assert changes(said, truth, together(4)) == 3
    assert changes(said, truth, np.array([True, True, False, True])) == 2
    assert changes([], [], together(0)) == 0


def test_a_frame_stands_until_the_next_one_but_not_for_long() -> None:
    stamps = np.array([0, 1, 2, 12, 13], np.int64) * S
    ends = frame_ends(stamps, 3 * S)
    assert (ends // S).tolist() == [1, 2, 5, 13, 14]
    assert minutes(stamps, ends) == 7 / 60
    assert len(frame_ends(stamps[:0], S)) == 0
    assert frame_ends(stamps[:1], S)[0] > stamps[0]
