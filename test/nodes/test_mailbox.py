"""The slot between callback and worker keeps the newest and loses nothing silently."""

from __future__ import annotations

from threading import Event

import pytest

from co_perception.nodes.mailbox import Mailbox, Worker


def test_one_slot_keeps_the_newest() -> None:
    box: Mailbox[int] = Mailbox()
    assert [box.put(item) for item in (1, 2, 3)] == [False, True, True]
    assert box.take() == 3
    assert box.put(4) is False


def test_a_deeper_one_is_a_queue_that_loses_the_oldest() -> None:
    box: Mailbox[int] = Mailbox(3)
    assert [box.put(item) for item in range(5)] == [False, False, False, True, True]
    assert [box.take() for _ in range(3)] == [2, 3, 4]


def test_closing_says_what_was_left_and_ends_waiting() -> None:
    box: Mailbox[int] = Mailbox(3)
    box.put(1)
    box.put(2)
    assert box.close() == 2
    assert box.take() is None
    assert box.close() == 0


def test_a_mailbox_needs_room() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Mailbox(0)


def test_a_worker_goes_on_after_a_failure() -> None:
    done: list[int] = []
    failed: list[tuple[int, str]] = []
    finished = Event()

    def work(item: int) -> None:
        if item == 2:
            raise RuntimeError("two")
        done.append(item)
        if item == 3:
            finished.set()

    worker = Worker(work, lambda item, error: failed.append((item, str(error))), depth=5)
    for item in (1, 2, 3):
        worker.put(item)
    assert finished.wait(10)
    assert worker.stop() == 0
    assert (done, failed) == ([1, 3], [(2, "two")])


def test_stop_lets_the_item_in_work_finish_and_may_be_repeated() -> None:
    begun, go_on = Event(), Event()
    done: list[int] = []

    def work(item: int) -> None:
        begun.set()
        assert go_on.wait(10)
        done.append(item)

    worker = Worker(work, lambda item, error: None)
    worker.put(1)
    assert begun.wait(10)
    worker.put(2)
    assert worker.mailbox.close() == 1
    go_on.set()
    assert worker.stop() == 0
    assert worker.stop() == 0
    assert done == [1]
