"""Chance beside an accuracy: published intervals, an exact permutation test, and the units that are permuted."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from co_perception.evaluation.judged_accuracy import judged_accuracy
from co_perception.evaluation.metrics.chance import effective_units, label_units, permutation_p, wilson_interval


@pytest.mark.parametrize(
    ("right", "of", "published"),
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718))],
)
def test_the_interval_is_the_published_one(right: int, of: int, published: tuple[float, float]) -> None:
    """Newcombe, Statistics in Medicine 17, 1998, table I, method 3."""
    assert wilson_interval(right / of, of) == pytest.approx(published, abs=5e-5)


def test_no_interval_has_width_0_and_more_examples_of_a_take_do_not_narrow_it() -> None:
    for units in (1, 2, 5, 50):
        for share in (0.0, 0.5, 1.0):
            low, high = wilson_interval(share, units)
            assert 0 <= low <= share <= high <= 1 and high - low > 0.05
    assert effective_units([2, 2, 2, 2]) == effective_units([900, 900, 900, 900]) == 4.0
    assert effective_units([1000, 1]) == pytest.approx(1.0, abs=0.01)


def test_the_permutation_test_agrees_with_all_permutations() -> None:
    """Six takes with two examples each: 720 orders, written out."""
    units, labels = np.repeat(np.arange(6), 2), np.array([0, 0, 1, 1, 2, 2])
    truth, predicted = labels[units], np.array([0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 0, 2])
    reached = [sum(np.array(order)[units] == predicted) >= sum(truth == predicted) for order in permutations(labels)]
    assert permutation_p(truth, predicted, units) == pytest.approx(np.mean(reached), abs=0.02)


def test_answers_that_ignore_the_label_are_rarely_above_chance() -> None:
    """Two hundred sets of random labels with answers that stay: one in fifty may be called better."""
    rng, above = np.random.default_rng(0), 0
    for _ in range(200):
        takes = np.repeat(np.arange(12), rng.integers(1, 30, 12))
        truth, predicted = rng.integers(0, 3, 12)[takes], rng.integers(0, 3, 12)[takes]  # all of a take answered alike
        names = [str(take) for take in takes]
        above += judged_accuracy(truth, predicted, names, "takes", (names,)).above_chance
    assert above <= 8


def test_labels_that_were_given_to_recordings_are_permuted_between_recordings() -> None:
    """A network that knows each recording again is right in all takes of one whose label it guessed."""
    recordings, takes = np.repeat(np.arange(3), 8), np.arange(24)
    truth = np.array([0, 1, 2])[recordings]
    assert judged_accuracy(truth, truth, list(recordings), "recordings", (list(takes),)).above_chance
    judged = judged_accuracy(truth, truth, list(recordings), "recordings", (list(recordings), list(takes)))
    assert not judged.above_chance and judged.p > 0.1
    assert sorted(set(label_units(truth, list(recordings), list(takes)))) == [0, 1, 2]


def test_one_unit_has_no_interval_and_says_so() -> None:
    truth, takes = np.repeat(np.arange(3), 4), list(np.repeat(np.arange(12), 1))
    judged = judged_accuracy(truth, truth, ["Anna"] * 12, "people", (["Anna"] * 12, takes))
    assert judged.accuracy == 1.0 and judged.chance == pytest.approx(1 / 3)
    assert judged.units == 1 and judged.interval is None
    assert "measured on 1 people: no interval" in judged.words() and "Better than chance" in judged.words()


def test_a_constant_answer_is_no_better_than_chance_however_unequal_the_classes() -> None:
    truth = np.array([0] * 90 + [1] * 10)
    names = [str(n) for n in range(100)]
    judged = judged_accuracy(truth, np.zeros(100, np.int64), names, "takes", (names,))
    assert judged.accuracy == judged.chance == 0.9 and not judged.above_chance
    assert "No better than chance" in judged.words()


def test_three_takes_are_too_few_to_tell_and_it_says_so() -> None:
    truth, names = np.arange(3), ["a", "b", "c"]
    judged = judged_accuracy(truth, truth, names, "takes", (names,))
    assert judged.least_p == pytest.approx(1 / 6) and not judged.above_chance
    assert "No better than chance as far as so few takes can tell: no accuracy on them could be" in judged.words()
