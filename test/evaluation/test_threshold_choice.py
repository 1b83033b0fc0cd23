"""Chosen rules keep what they promise on time that was not looked at; rates nobody can know are refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from co_perception.data.annotations.intervals import Interval
from co_perception.engine.target import Status
from co_perception.evaluation.ground_truth import LabeledRecording, Protocol, Replayed, label_records
from co_perception.evaluation.metrics.poisson_rate import least_hours, most_alarms
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.rule_trials import TrialTable, joined, rule_grid, trials
from co_perception.evaluation.threshold_choice import _sequence, choose, trade
from co_perception.online.events import Rules

CLASSES = ("wave", "clap", "none of it")
SECOND, HZ = 1_000_000_000, 5


def test_ten_minutes_tell_nothing_of_one_an_hour() -> None:
    assert most_alarms(1.0, 1 / 6, 0.95) == -1 and least_hours(1.0, 0.95) == pytest.approx(3.689, abs=1e-3)
    table = drawn_table(np.random.default_rng(0), chunks=3)
    with pytest.raises(ValueError, match=r"too little data: of 15 min .* Record 5\.5 h"):
        choose(table, 1.0)
    assert choose(table, 90.0).hours == pytest.approx(1 / 6)


def drawn_table(rng: np.random.Generator, chunks: int, labels: int = 3) -> TrialTable:
    """Parts of five minutes with counts of Poisson processes: stricter rules, fewer false alarms and more misses.

    The counts of two rules are independent, which is the hardest case: the best of many looks best by chance.
    """
    rules = rule_grid()
    strictness = np.linspace(0, 1, len(rules))
    rate = rng.uniform(5, 20, (labels, 1)) * np.exp(-7 * strictness) * rng.uniform(0.7, 1.3, (labels, len(rules)))
    false = rng.poisson(np.repeat(rate[:, :, None] / 12, chunks, axis=2))
    true = np.full((labels, chunks), 2)
    missed = rng.binomial(2, np.repeat((0.05 + 0.4 * strictness)[None, :, None], chunks, axis=2), false.shape)
    names = tuple(f"label{k}" for k in range(labels))
    return TrialTable(
        names, tuple(rules), np.full(chunks, 1 / 12), false, missed, (0.5 * (2 - missed)).astype(np.float64), true
    )


@pytest.mark.slow
@pytest.mark.parametrize("per_hour", [1.0, 4.0])
def test_the_promised_rate_is_kept_on_held_out_hours(per_hour: float) -> None:
    """200 times: rules chosen on 18 drawn hours, and their rate in 82 others, which is nearly the true one."""
    rng, kept, missed = np.random.default_rng(7), 0, []
    for _ in range(10):
        table = drawn_table(rng, 1200)
        for _ in range(20):
            order = rng.permutation(1200)
            result = choose(table.of(order[:216]), per_hour)
            rules = [table.rules.index(each.rules) for each in result.choices]
            held_out = table.of(order[216:])
            false = sum(int(held_out.false[k, g].sum()) for k, g in enumerate(rules))
            kept += false / float(held_out.hours.sum()) <= per_hour
            missed.append(sum(each.missed for each in result.choices) / sum(each.true for each in result.choices))
            assert result.interval[1] <= per_hour
    assert kept >= 180 and np.mean(missed) < 0.43  # the strictest rules miss .45


def test_of_all_ways_to_spend_so_many_alarms_it_takes_the_cheapest() -> None:
    """Against trying every pair of rules of two labels."""
    table = drawn_table(np.random.default_rng(3), 60, labels=2)
    cost = table.missed.sum(-1) + table.delay_s.sum(-1) / 10
    false = table.false.sum(-1)
    count = len(table.rules)
    sequence = list(_sequence(table, 20))
    for picked in sequence[4:]:
        spent = false[0, picked[0]] + false[1, picked[1]]
        costs = [
            cost[0, i] + cost[1, j] for i in range(count) for j in range(count) if false[0, i] + false[1, j] <= spent
        ]
        assert cost[0, picked[0]] + cost[1, picked[1]] == pytest.approx(min(costs))
    spending = [false[0, a] + false[1, b] for a, b in sequence[4:]]
    assert spending == sorted(spending) and len(sequence) > 6
    assert {table.rules[g].on for g in sequence[0]} == {0.97}


def test_only_rates_that_can_be_shown_are_traded() -> None:
    found = trade(drawn_table(np.random.default_rng(4), 120), [0.1, 0.5, 1, 2, 4, 8, 16])
    assert list(found) == [1, 2, 4, 8, 16]
    assert all(result.interval[1] <= rate for rate, result in found.items())


def test_no_rule_is_strict_enough() -> None:
    table = drawn_table(np.random.default_rng(5), 120)
    noisy = TrialTable(
        table.labels, table.rules, table.hours, table.false + 50, table.missed, table.delay_s, table.true
    )
    with pytest.raises(ValueError, match="even the strictest rules"):
        choose(noisy, 1.0)


def labeled(
    seconds: int, true: list[tuple[int, int, str]], scored: list[tuple[int, int, str, float]]
) -> LabeledRecording:
    """One person: what they do, and when the recognizer gives a label this score."""
    records = []
    for tick in range(seconds * HZ):
        values = np.array([0.05, 0.05, 0.9], np.float32)
        for start, end, label, score in scored:
            if start * HZ <= tick < end * HZ:
                values[:] = (1 - score) / 2
                values[CLASSES.index(label)] = score
        records.append(FrameRecord(tick * SECOND // HZ, "p", Status.VALID, 1.0, probabilities=values, recording="a"))
    intervals = [Interval(start * SECOND, end * SECOND, label, "p") for start, end, label in true]
    return label_records(Replayed("a", records, intervals), Protocol(background="(nothing of it)"))


def joined_in_time(tables: list[TrialTable]) -> TrialTable:
    names = "hours", "false", "missed", "delay_s", "true"
    parts: list[Any] = [np.concatenate([getattr(each, name) for each in tables], axis=-1) for name in names]
    return TrialTable(tables[0].labels, tables[0].rules, *parts)


def test_parts_of_five_minutes_add_up() -> None:
    recording = labeled(1500, [(10, 20, "wave"), (700, 710, "wave")], [(11, 20, "wave", 0.8), (900, 905, "clap", 0.9)])
    table = trials([recording], ("wave", "clap"), CLASSES, grid=[Rules()])
    assert table.hours == pytest.approx([1 / 12] * 5, rel=0.01)
    assert table.true.tolist() == [[1, 0, 1, 0, 0], [0] * 5] and table.missed[0, 0].tolist() == [0, 0, 1, 0, 0]
    assert table.false[:, 0].tolist() == [[0] * 5, [0, 0, 0, 1, 0]]


def test_what_a_rule_does_is_counted_as_by_hand() -> None:
    true = [(10, 20, "wave"), (40, 50, "wave"), (70, 72, "clap")]
    scored = [(12, 20, "wave", 0.8), (30, 33, "wave", 0.62), (42, 43, "wave", 0.8), (60, 61, "clap", 0.95)]
    grid = [Rules(on=0.5, off=0.3, min_on_s=0.4), Rules(on=0.7, off=0.4, min_on_s=0.4), Rules(on=0.7, min_on_s=2.0)]
    recording = labeled(100, true, scored)
    table = trials([recording], ("wave", "clap"), CLASSES, grid=grid)
    assert table.true[:, 0].tolist() == [2, 1]
    assert table.false[:, :, 0].tolist() == [[1, 0, 0], [1, 1, 0]]
    assert table.missed[:, :, 0].tolist() == [[0, 0, 1], [1, 1, 1]]
    assert table.delay_s[0, :, 0].tolist() == pytest.approx([2.4 + 2.4, 2.4 + 2.4, 4.0])
    assert table.hours[0] == pytest.approx(100 / 3600, rel=0.01)
    both = joined([table, table])
    assert both.labels == ("wave", "clap") * 2 and both.false.shape == (4, 3, 1)


def test_a_label_without_an_example_gets_the_strictest_rule() -> None:
    table = trials([labeled(100, [(10, 20, "wave")], [(11, 20, "wave", 0.99)])], ("wave", "clap"), CLASSES)
    [wave, clap] = choose(joined_in_time([table] * 6), 500.0).choices
    assert (wave.true, wave.missed, wave.false) == (4, 0, 0) and not math.isnan(wave.mean_delay_s)
    assert clap.true == 0 and clap.rules == rule_grid()[-1]
