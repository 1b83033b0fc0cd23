"""Counts of stages: what is named, in which order, and that they stay small."""

from __future__ import annotations

import json
import pickle

import pytest

from co_perception.engine.stage_counts import MOST_LETTERS, MOST_REASONS, OTHER, Stage, StageCounts


def counted(stage: Stage, passed: int, lost: int) -> StageCounts:
    counts = StageCounts()
    counts.add(stage, passed)
    counts.lose(stage, "cut off", lost, "at byte 5.")
    return counts


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize(("lost", "named"), [(0, False), (1, False), (5, False), (6, True), (20, True), (100, True)])
def test_more_than_a_twentieth_is_named(stage: Stage, lost: int, named: bool) -> None:
    losses = counted(stage, 100 - lost, lost).losses()
    assert [loss.stage for loss in losses] == ([stage] if named else [])
    for loss in losses:
        assert loss.whole == (lost == 100)
        assert f"{stage.title}: {lost} of 100" in str(loss)
        assert f"{lost} x cut off (at byte 5)" in str(loss)
        assert str(loss).endswith(f"Remedy: {stage.remedy}.")


def test_what_comes_after_a_stage_that_lost_all_is_not_named() -> None:
    counts = counted(Stage.MESSAGES, 50, 50)
    counts += counted(Stage.PEOPLE, 0, 50)
    counts += counted(Stage.JUDGED, 1, 50)
    assert [loss.stage for loss in counts.losses()] == [Stage.MESSAGES, Stage.PEOPLE]


def test_what_is_not_needed_is_lost_only_where_nothing_else_is() -> None:
    counts = StageCounts()
    counts.leave_out(Stage.WINDOWS, "warm-up", 30)
    assert [(loss.lost, loss.given) for loss in counts.losses()] == [(30, 30)]
    counts.add(Stage.WINDOWS)
    assert counts.losses() == []
    assert list(counts.rows()) == [("windows", 1, 0, "30 not needed: warm-up")]


def test_they_stay_small_whatever_comes() -> None:
    counts = StageCounts()
    for number in range(1000):
        counts.lose(Stage.DECODED, f"encoding {number}", detail="x" * 10_000)
    assert counts.lost(Stage.DECODED) == 1000
    count = counts.stages[Stage.DECODED]
    assert (len(count.lost), count.lost[OTHER]) == (MOST_REASONS + 1, 1000 - MOST_REASONS)
    assert max(map(len, count.details.values())) == MOST_LETTERS
    counts.lose(Stage.POSES, "y" * 10_000)
    assert max(map(len, counts.stages[Stage.POSES].lost)) <= MOST_LETTERS
    assert len(json.dumps(counts.as_dict())) < 3000


def test_what_is_lost_later_than_it_came_is_at_most_all() -> None:
    """Of two messages of this second none is answered, and one of the second before waited and was displaced, too."""
    since = counted(Stage.MESSAGES, 9, 3) - counted(Stage.MESSAGES, 10, 0)
    [loss] = since.losses()
    assert (loss.lost, loss.given, loss.whole) == (3, 3, True) and "(all)" in str(loss)


def test_sums_differences_and_copies() -> None:
    first, second = counted(Stage.POSES, 10, 2), counted(Stage.POSES, 1, 3)
    both = StageCounts()
    both += first
    both += second
    assert (both.passed(Stage.POSES), both.lost(Stage.POSES)) == (11, 5)
    assert both - first == second
    assert pickle.loads(pickle.dumps(both)) == both
