"""Plan of a performance: what is done when, and where it stands at every moment."""

from __future__ import annotations

import pytest

from co_perception.nodes.recording.performance import Performance, PerformanceState

PLAN = Performance(("wave", "squat"), repeats=2, act_s=4.0, rest_s=3.0)


def test_labels_come_in_turn() -> None:
    assert list(PLAN.order) == ["wave", "squat", "wave", "squat"]
    assert PLAN.duration_s == 28.0


@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        (0.0, PerformanceState("", 3.0, "wave", 0, 4)),
        (2.5, PerformanceState("", 0.5, "wave", 0, 4)),
        (3.0, PerformanceState("wave", 4.0, "squat", 1, 4)),
        (6.5, PerformanceState("wave", 0.5, "squat", 1, 4)),
        (7.0, PerformanceState("", 3.0, "squat", 1, 4)),
        (25.0, PerformanceState("squat", 3.0, "", 4, 4)),
        (28.0, PerformanceState("", 0.0, "", 4, 4, over=True)),
        (1e6, PerformanceState("", 0.0, "", 4, 4, over=True)),
    ],
)
def test_where_it_stands(seconds: float, state: PerformanceState) -> None:
    assert PLAN.at(seconds) == state


def test_changes_are_told_at_their_times_however_seldom_somebody_looks() -> None:
    first = [(3.0, "wave"), (7.0, ""), (10.0, "squat"), (14.0, "")]
    assert list(PLAN.changes(0.0, 16.9)) == first
    looks = [0.0, 0.4, 3.0, 3.01, 9.0, 16.9]
    assert [each for begin, end in zip(looks, looks[1:], strict=False) for each in PLAN.changes(begin, end)] == first
    for at_s, label in PLAN.changes(0.0, 1e9):
        assert PLAN.at(at_s).label == label != PLAN.at(at_s - 0.01).label


def test_every_activity_lasts_as_long() -> None:
    """Counted in steps of 10 ms, as somebody with a stopwatch would."""
    counts = {"wave": 0, "squat": 0, "": 0}
    for tick in range(round(PLAN.duration_s * 100)):
        counts[PLAN.at(tick / 100).label] += 1
    assert counts == {"wave": 800, "squat": 800, "": 1200}


@pytest.mark.parametrize(
    "wrong",
    [{"labels": ()}, {"repeats": 0}, {"repeats": 101}, {"act_s": 0.0}, {"rest_s": float("nan")}, {"act_s": 1e9},
     {"labels": ("a",) * 31}],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_done_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="1 to|take"):
        Performance(**{"labels": ("wave",), **wrong})  # type: ignore[arg-type]
