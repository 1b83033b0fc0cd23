"""Stamps in every order, against the definitions of docs/stamps.md written a second time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from helpers.stamp_streams import TICK, by_definition, orders
from hypothesis import example, given, settings
from hypothesis import strategies as st

from co_perception.engine.stamp_order import GAP_S, MOST_BEHIND, Order, StampOrder
from co_perception.engine.time import NANO

PAGE = Path(__file__).parents[2] / "docs/stamps.md"


def placed(stamps: Sequence[int], gap_s: float = GAP_S) -> list[str]:
    order = StampOrder(gap_s)
    return [order.place(stamp).order.value for stamp in stamps]


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(stamps=orders(), gap_s=st.sampled_from([0.05, 0.3, 1.0, 60.0]))
@example(stamps=[0, 1, 2, 1, 2, 3], gap_s=1e-9)
def test_any_stream_is_placed_as_defined(stamps: list[int], gap_s: float) -> None:
    kinds = [kind for kind, _ in by_definition(stamps, gap_s)]
    assert placed(stamps, gap_s) == kinds


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(stamps=orders())
def test_what_is_used_rises_within_each_epoch_and_the_rest_is_late_or_doubled(stamps: list[int]) -> None:
    order, epochs = StampOrder(), list[list[int]]()
    for stamp in stamps:
        found = order.place(stamp)
        if found.order in (Order.FIRST, Order.JUMP):
            epochs.append([])
        if found.order not in (Order.LATE, Order.DUPLICATE):
            epochs[-1].append(stamp)
        assert order.newest_ns == epochs[-1][-1]
    assert all(before < after for epoch in epochs for before, after in zip(epoch, epoch[1:], strict=False))


def test_every_neighbor_swapped_and_doubled_is_one_epoch() -> None:
    stamps = [n * TICK for pair in range(0, 300, 2) for n in (pair + 1, pair, pair)]
    assert set(placed(stamps)[1:]) == {"next", "late"}


def test_a_loop_is_one_epoch_more_in_disorder_too() -> None:
    """The last frames of a round arrive after the first of the next, which came as three epochs."""
    first, second = [n * TICK for n in range(150)], [n * TICK for n in range(150)]
    stamps = [*first[:-2], second[0], first[-2], second[1], first[-1], *second[2:]]
    kinds = placed(stamps)
    assert (kinds.count("jump"), kinds.count("late")) == (1, 2)


def test_a_wild_stamp_that_comes_again_is_late() -> None:
    stamps = [0 if n % 10 == 5 else 1000 * NANO + n * TICK for n in range(100)]
    kinds = placed(stamps)
    assert (kinds.count("jump"), kinds.count("late")) == (2, 2 + 9)


def test_two_clocks_that_alternate_are_not_an_epoch_each_time() -> None:
    kinds = placed([stamp for n in range(100) for stamp in (n * TICK, 5000 * NANO + n * TICK)])
    assert kinds.count("jump") == 1


def test_a_sender_that_counts_its_epochs_is_believed_at_once() -> None:
    order = StampOrder()
    for n in range(10):
        order.place(n * TICK, epoch=4)
    assert order.place(8 * TICK, epoch=5).back
    assert order.place(9 * TICK, epoch=6).order == Order.NEXT, "somebody in it began anew, stamps went on"
    assert order.place(9 * TICK, epoch=7).back
    assert order.place(9 * TICK, epoch=7).order == Order.DUPLICATE


def test_the_page_names_the_numbers() -> None:
    words = " ".join(PAGE.read_text().split())
    assert f"`max_gap_s` ({GAP_S:g} s) is its only setting" in words
    assert {3: "third"}[MOST_BEHIND] in words
    assert re.search(r"costs two messages and one epoch", words)
