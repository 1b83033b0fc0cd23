"""Figures of galleries: drawn acts that differ are told apart, and rivals that were shown are told from those shown."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.everyday.gallery import ENDS, LOST, Windows, measured

ACTS, PEOPLE, TAKES = tuple("abcdef"), ("p", "q", "r"), 6
AXES = np.eye(len(ACTS) + 1)


def drawn(alike: float, noise: float, seed: int = 0) -> Windows:
    """Windows of six acts, each in a direction of its own, of which `alike` is common to all."""
    rng = np.random.default_rng(seed)
    rows = [(act, person, take) for act in ACTS for person in PEOPLE for take in range(TAKES)]
    means = np.stack([AXES[ACTS.index(act)] + alike * AXES[-1] for act, _, _ in rows])
    features = means[:, None] + noise * rng.standard_normal((len(rows), ENDS, means.shape[1]))
    acts, people = np.array([act for act, _, _ in rows]), np.array([person for _, person, _ in rows])
    return Windows(features, acts, people, np.arange(len(rows)), frozenset())


def test_acts_that_differ_are_told_apart_and_the_others_rejected() -> None:
    found = measured(drawn(0.3, 0.02), (np.zeros(7), np.eye(7)), 2, ACTS)
    assert found.accuracy == found.rejected == found.rejected_rivals == 1.0
    assert found.right_other == found.rejected_other == found.rejected_neither == 1.0


def test_rivals_that_were_shown_are_rejected_where_likeness_alone_tells_nothing() -> None:
    """Takes of one act differ by how much they have of what all have in common: no limit for the cosine fits."""
    windows = drawn(0.3, 0.02)
    windows.features[..., -1] += np.random.default_rng(1).uniform(0, 8, (len(windows.acts), 1))
    found = measured(windows, (np.zeros(7), np.eye(7)), 2, ACTS)
    assert found.rejected < 0.9 < found.rejected_rivals


def test_rivals_like_what_was_shown_are_rejected_by_chance() -> None:
    windows = drawn(1.0, 1.0)
    windows.features[:] = np.random.default_rng(2).standard_normal(windows.features.shape) + AXES[-1]
    found = measured(windows, (np.zeros(7), np.eye(7)), 2, ACTS)
    assert found.rejected_rivals == pytest.approx(LOST, abs=0.1) and found.accuracy == pytest.approx(0.5, abs=0.1)


def test_rivals_shown_as_other_are_other_unless_an_act_is_nearer_than_the_discount() -> None:
    """The cosine of two acts is 0.69, then 0.94: likeness alone rejects none of them."""
    apart = measured(drawn(1.5, 0.02), (np.zeros(7), np.eye(7)), 2, ACTS)
    assert apart.rejected_fixed == 0.0 and apart.rejected_other == apart.right_other == 1.0
    alike = measured(drawn(4.0, 0.02), (np.zeros(7), np.eye(7)), 2, ACTS)
    assert alike.rejected_fixed == alike.rejected_other == 0.0 and alike.accuracy == alike.right_other == 1.0
