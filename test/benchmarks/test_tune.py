"""The benchmark of tuned rules: what is true of a take, who is drawn, and what counts as kept."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import tune

from co_perception.data.annotations.intervals import Interval
from co_perception.engine.target import Status
from co_perception.engine.time import NANO
from co_perception.evaluation.ground_truth import Protocol, Replayed
from co_perception.evaluation.judged_groups import JudgedGroup
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.rule_trials import TrialTable, rule_grid
from co_perception.online.events import Rules

GROUP = JudgedGroup("arms", ("no_gesture", "waving"), (0, 1), Protocol(background=tune.NOTHING))


def test_spans_are_runs_of_a_target() -> None:
    goals = np.array([0, 0, -1, 3, 3, 3], np.int8)
    assert list(tune.spans(goals, 15)) == [
        (0, tune.stamp(15), tune.stamp(17)), (-1, tune.stamp(17), tune.stamp(18)), (3, tune.stamp(18), tune.stamp(21))
    ]  # fmt: skip
    assert tune.stamp(14) == NANO


def person(unknown: tuple[Interval, ...] = ()) -> tune.Person:
    """Somebody of whom waving is told from frame 30 on, and who does nothing that is annotated."""
    shares = [np.array([1 - wave, wave], np.float32) for wave in [0.0] * 30 + [1.0] * 60 + [0.0] * 30]
    records = [
        FrameRecord(tune.stamp(n), "p0", Status.VALID, probabilities=share, recording="a", group="arms")
        for n, share in enumerate(shares)
    ]
    return tune.Person("set", Replayed("a", records, []), {"arms": {"p0": unknown}})


def test_an_onset_in_time_of_which_nothing_is_known_is_no_false_alarm() -> None:
    grid = rule_grid()
    usual = grid.index(next(each for each in grid if each.on == 0.6 and each.min_on_s == 0.5))
    assert tune.table_of(person(), [GROUP]).false[0, usual].sum() == 1
    open_ = (Interval(tune.stamp(20), tune.stamp(110), "unknown", "p0"),)
    assert tune.table_of(person(open_), [GROUP]).false[0, usual].sum() == 0


def test_halves_are_of_each_set_and_share_nobody() -> None:
    people = [tune.Person(dataset, Replayed("", [], []), {}) for dataset in "aaaabbb"]
    for seed in range(20):
        chosen, others = tune.halves(people, np.random.default_rng(seed))
        assert sorted(chosen + others) == list(range(7))
        assert [sum(people[n].dataset == dataset for n in chosen) for dataset in "ab"] == [2, 1]


@pytest.mark.parametrize(("theirs", "kept"), [(0, 20), (1000, 0)])
def test_a_promise_is_kept_by_the_rate_of_those_who_were_not_drawn(theirs: int, kept: int) -> None:
    """Rules are chosen from people without a false alarm, and judged by people with none or with many."""
    rules = (Rules(on=0.6, off=0.4, min_on_s=0.5, min_off_s=0.5),)

    def table(false: int) -> TrialTable:
        ones = np.ones((1, 1, 3), np.int64)
        return TrialTable(("waving",), rules, np.ones(3), false * ones, 0 * ones, np.zeros((1, 1, 3)), ones[0])

    people = [tune.Person(dataset, Replayed("", [], []), {}) for dataset in "aabb"]
    patch = pytest.MonkeyPatch()
    patch.setattr(tune, "halves", lambda people, rng: ([0, 1], [2, 3]))
    found = tune.promise([table(0), table(0), table(theirs), table(theirs)], people, 10.0, 20)
    patch.undo()
    assert (found["kept"], found["refused"]) == (kept, 0)
    assert found["rate"] == theirs
