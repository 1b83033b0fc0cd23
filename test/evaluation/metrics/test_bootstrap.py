"""Intervals of the bootstrap: as often right as they say, seeded, and none where nothing can be drawn."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.evaluation.metrics.bootstrap import percentile_intervals


def mean_of(values: np.ndarray, **options: float) -> tuple[float, float]:
    found = percentile_intervals(len(values), lambda copies: {"mean": float(copies @ values / copies.sum())}, **options)  # type: ignore[arg-type]
    return found["mean"]


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution() -> None:
    values = np.random.default_rng(1).normal(size=400)
    low, high = mean_of(values, draws=4000)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    samples = np.random.default_rng(2).normal(size=(200, 40))
    ends = [mean_of(sample, draws=400) for sample in samples]
    assert 0.88 <= np.mean([low <= 0 <= high for low, high in ends]) <= 0.99


def test_a_seed_gives_the_same_again_and_a_level_its_share() -> None:
    values = np.arange(30.0)
    assert mean_of(values, seed=3) == mean_of(values, seed=3) != mean_of(values, seed=4)
    wide, narrow = mean_of(values, level=0.99), mean_of(values, level=0.5)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    with pytest.raises(ValueError, match="share"):
        mean_of(values, level=95)


def test_each_draw_has_as_many_units_and_one_alone_has_no_interval() -> None:
    visible: list[float] = []
    percentile_intervals(7, lambda copies: {"n": visible.append(float(copies.sum())) or 0.0}, draws=20)  # type: ignore[func-returns-value]
    assert set(visible) == {7.0}
    assert percentile_intervals(1, lambda copies: {"n": 0.0}) == {}
    assert percentile_intervals(5, lambda copies: {"n": 0.0}, draws=0) == {}


def test_draws_without_a_value_do_not_count_for_that_figure() -> None:
    nan = float("nan")
    found = percentile_intervals(2, lambda copies: {"a": 1.0 if copies[0] else nan, "b": nan}, draws=50)
    assert found == {"a": (1.0, 1.0)}
