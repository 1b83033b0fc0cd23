"""Items are handed to the thread of a node's callbacks, in order, and the oldest goes where there is no room."""

from __future__ import annotations

from threading import Thread, current_thread
from typing import Any

import pytest

pytest.importorskip("rclpy")

from helpers.fake_learners import NoEstimator

from co_perception.nodes.core.handover import Handover
from co_perception.nodes.pose import PoseNode


@pytest.fixture
def node(bench: Any) -> Any:
    return bench.add(PoseNode(lambda values: NoEstimator()))


def test_items_of_another_thread_come_on_the_thread_of_the_callbacks(bench: Any, node: Any) -> None:
    handover: Handover[int] = Handover("numbers")
    handover.put(0)  # nobody is there
    assert not handover.awaited
    taken: list[tuple[int, str]] = []
    assert handover.listen(node, lambda item: taken.append((item, current_thread().name)), 100) is handover
    sender = Thread(target=lambda: list(map(handover.put, range(1, 51))))
    sender.start()
    sender.join()
    bench.until(lambda: len(taken) == 50, "all items")
    assert taken == [(number, current_thread().name) for number in range(1, 51)]


def test_a_newer_item_displaces_the_oldest_and_that_is_counted(bench: Any, node: Any) -> None:
    handover: Handover[int] = Handover("numbers")
    taken: list[int] = []
    handover.listen(node, taken.append, 2)
    for number in range(5):
        handover.put(number)
    bench.until(lambda: len(taken) == 2)
    assert taken == [3, 4] and node.counters.counts()["displaced"] == 3


def test_nothing_is_taken_any_more_once_the_node_is_inactive_and_an_error_ends_nobody(bench: Any, node: Any) -> None:
    handover: Handover[int] = Handover("numbers")
    taken: list[int] = []

    def take(item: int) -> None:
        taken.append(item)
        raise ValueError("this one")

    handover.listen(node, take, 5)
    handover.put(1)
    bench.until(lambda: taken)
    handover.put(2)
    bench.until(lambda: len(taken) == 2, "the next one")
    handover.put(3)
    node.trigger_deactivate()
    handover.put(4)
    bench.spin(0.1)
    assert taken == [1, 2] and not handover.awaited
