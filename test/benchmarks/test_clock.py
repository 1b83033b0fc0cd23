"""Interleaved timing and percentiles."""

from __future__ import annotations

from functools import partial

import pytest

from bench.clock import LEAD, Times, interleaved, timed


def test_percentiles_are_those_of_the_sorted_steps() -> None:
    times = Times.of([5_000_000, 1_000_000, 3_000_000, 2_000_000, 4_000_000])
    assert (times.min, times.p50, times.count) == (1.0, 3.0, 5)
    assert times.p95 == pytest.approx(4.8)  # four fifths of the way from the fourth to the fifth
    with pytest.raises(ValueError, match="no step"):
        Times.of([])


def test_a_block_is_led_in_by_steps_that_do_not_count() -> None:
    done: list[int] = []
    nanoseconds = timed(lambda: done.append(1), 4)
    assert (len(nanoseconds), len(done)) == (4, 4 + LEAD) and min(nanoseconds) >= 0


def test_contestants_take_turns_forth_and_back() -> None:
    order, seconds = list[str](), list[float]()

    def block(name: str) -> list[int]:
        order.append(name)
        return [len(order), len(order)]

    found = interleaved({name: partial(block, name) for name in "abc"}, 0.0, 3, seconds.append)
    assert "".join(order) == "abccbaabc"
    assert found == {"a": [1, 1, 6, 6, 7, 7], "b": [2, 2, 5, 5, 8, 8], "c": [3, 3, 4, 4, 9, 9]}
    assert len(seconds) == 3 and seconds == sorted(seconds)


def test_rounds_go_on_until_the_time_is_over() -> None:
    assert len(interleaved({"a": lambda: [1]}, 0.05, 1)["a"]) > 1
