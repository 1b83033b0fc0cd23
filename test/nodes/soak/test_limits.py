"""Verdicts on runs that are made up, of which it is known what is wrong with them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from co_perception.nodes.soak.limits import BUDGETS, LOST, Budget, Series, gained, limit_checks, risen, unaccounted

BUDGET = Budget(memory_mb=200, cpu=0.5, threads=20, latency_ms=50)


def run(**changed: Any) -> Series:
    """Ten minutes, a point a second, of a node that is well."""
    count = 600
    well: dict[str, Any] = {
        "time_s": [float(n) for n in range(count)],
        "memory_mb": [100.0 + min(n, 60) / 2 for n in range(count)],
        "threads": [12] * count,
        "descriptors": [18 + n % 2 for n in range(count)],
        "cpu": [0.3] * count,
        "received": [15 * n for n in range(count)],
        "dropped": [n // 60 for n in range(count)],
        "late": [0] * count,
        "doubled": [0] * count,
        "waiting": [n % 2 for n in range(count)],
        "latency_p50_ms": [10.0] * count,
        "latency_p95_ms": [20.0] * count,
    }
    return Series(**{**well, **changed})


def broken(series: Series) -> set[str]:
    return {verdict.about for verdict in limit_checks("node", series, BUDGET, 120.0) if not verdict.within}


def test_a_node_that_is_well_keeps_every_budget() -> None:
    judged = list(limit_checks("node", run(), BUDGET, 120.0))
    assert [verdict.about for verdict in judged if not verdict.within] == []
    assert len(judged) == 8
    assert "kept" in str(judged[0])


@pytest.mark.parametrize(
    ("changed", "about"),
    [
        ({"memory_mb": [100 + n / 60 for n in range(600)]}, "memory gained after warm-up (MB)"),
        ({"threads": [12 + n // 400 for n in range(600)]}, "threads gained"),
        ({"descriptors": [18 + n // 100 for n in range(600)]}, "descriptors gained"),
        ({"memory_mb": [201.0] * 600}, "memory (MB)"),
        ({"threads": [21] * 600}, "threads"),
        ({"cpu": [0.6] * 600}, "cores"),
        ({"latency_p95_ms": [51.0] * 600}, "latency p95 (ms)"),
        ({"latency_p95_ms": [math.nan] * 600}, "latency p95 (ms)"),
        ({"dropped": [n for n in range(600)]}, "share of frames dropped"),
    ],
)
def test_what_breaks_a_budget_is_told(changed: dict[str, Any], about: str) -> None:
    assert broken(run(**changed)) == {about}


@pytest.mark.parametrize(
    ("lost", "doubled", "kept"),
    [
        (0.0, 0.15, True),  # swapped and delayed ones are late, and copies are duplicates
        (0.20, 0.03, True),  # most of the copies are lost on the way: none of these pictures is missed
        (0.13, 0.15, True),
        (0.20, 0.15, False),
    ],
)
def test_disorder_costs_what_it_must_and_no_more(lost: float, doubled: float, kept: bool) -> None:
    """15 frames a second, of which 1.5 of 100 are late and 1 of 100 is doubled; more so before the warm-up was over."""
    count = 600
    late, copies = ([round(n * share + min(n, 120)) for n in range(count)] for share in (0.225, 0.15))
    camera = run(received=[0] * count, late=late, doubled=copies)
    dropped = [a + round(n * lost) for n, a in enumerate(late)]
    receiver = run(dropped=dropped, late=late, doubled=[round(n * doubled) for n in range(count)])
    [share] = [
        check for check in limit_checks("node", receiver, BUDGET, 120.0, camera) if check.about.startswith("share")
    ]
    assert (share.within, share.budget) == (kept, LOST)


def test_what_depends_on_the_machine_is_marked() -> None:
    timing = {verdict.about for verdict in limit_checks("node", run(), BUDGET, 120.0) if verdict.timing}
    assert timing == {"cores", "latency p95 (ms)", "share of frames dropped"}


def test_a_leak_of_a_byte_a_frame_is_seen_through_noise() -> None:
    noise = np.random.default_rng(0).normal(0, 8, 1000)
    assert risen(list(100 + noise)) < 3
    assert risen(list(100 + noise + np.linspace(0, 20, 1000))) > 12
    assert risen([100.0] * 50 + [126.0] * 20 + [90.0] * 30) < 0
    assert risen([5.0]) == 0
    clips = [134.0] * 12 + [144.0] * 8 + [140.0] * 8  # as the camera's memory is, clip by clip
    for start in range(28):
        assert abs(risen((clips * 4)[start : start + 60])) < 2
    assert risen(list(np.array(clips * 3) + np.linspace(0, 12, 84))) > 6


def test_counts_that_come_and_go_have_not_grown() -> None:
    assert gained([3, 4, 3, 4, 3, 4]) == 0
    assert gained([3, 4, 3, 4, 3, 4] + [5, 3, 4, 5, 5, 5]) == 0
    assert gained([3, 4, 3, 4, 3, 4] + [4, 5, 5, 5, 5, 5]) == 1
    assert gained([3] * 60 + [4] * 5) == 1
    assert gained([3]) == 0


def test_a_run_that_is_all_warm_up_is_not_judged() -> None:
    with pytest.raises(ValueError, match="longer"):
        list(limit_checks("node", run(), BUDGET, 599.0))


def test_there_is_a_budget_for_every_node_of_the_graph() -> None:
    assert set(BUDGETS) == {"camera", "pose", "video_activity", "skeleton_activity", "fusion"}


def test_the_documentation_has_every_budget() -> None:
    page = (Path(__file__).parents[3] / "docs/endurance.md").read_text()
    for name, budget in BUDGETS.items():
        (row,) = (line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        told = [float(words.split()[0]) for words in row.split(" of ")[1:]]
        latency = [budget.latency_ms] if budget.latency_ms else []
        assert told == [budget.memory_mb, budget.cpu, budget.threads, *latency], name


@pytest.mark.parametrize(
    ("diagnostics", "left"),
    [
        ({"frames received": "10", "frames processed": "7", "frames late": "1", "frames duplicate": "1"}, 1),
        ({"frames received": "10", "frames processed": "7", "frames early": "2", "frames waiting": "1"}, 0),
        ({"frames received from video": "5", "frames received from skeleton": "4", "frames joined": "3",
          "frames alone": "1", "frames late": "1", "frames waiting": "1"}, 0),
        ({"frames published": "10"}, 0),
    ],
)  # fmt: skip
def test_frames_that_are_not_accounted_for(diagnostics: dict[str, str], left: int) -> None:
    assert unaccounted(diagnostics) == left
