"""The same work here, in other processes and on a cluster: the same results in the same order."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from helpers.worker_tasks import refuse_zero, square

from co_perception.runtime.workers import in_order, on_ray

TASKS = [5, 3, 0, 1]


def test_results_come_in_the_order_of_the_tasks() -> None:
    here = list(in_order(square, TASKS))
    assert here == [(number * number, os.getpid()) for number in TASKS]
    there = list(in_order(square, TASKS, jobs=2))
    assert [result for result, _ in there] == [result for result, _ in here]
    assert os.getpid() not in {process for _, process in there}
    assert list(in_order(square, [], jobs=2)) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_fails_is_raised_after_the_results_before_it(jobs: int) -> None:
    results = in_order(refuse_zero, TASKS, jobs)
    assert [next(results), next(results)] == [5, 3]
    with pytest.raises(ValueError, match="nothing can be done with 0"):
        next(results)


def test_no_job_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 job, got 0"):
        list(in_order(refuse_zero, TASKS, 0))


@pytest.mark.slow
def test_a_cluster_of_this_machine_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    tasks = Path(__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", str(tasks), prepend=os.pathsep)
    assert [result for result, _ in on_ray(square, TASKS, "local")] == [25, 9, 0, 1]
    results = on_ray(refuse_zero, TASKS, "local")
    assert [next(results), next(results)] == [5, 3]
    with pytest.raises(ValueError, match="nothing can be done with 0"):
        next(results)


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"co_perception\[cluster\]"):
        next(on_ray(square, TASKS, "local"))
