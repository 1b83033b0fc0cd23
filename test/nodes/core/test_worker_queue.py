"""The slot between callback and worker keeps the newest and loses nothing silently."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event, current_thread
from time import sleep
from typing import Any

import pytest

from co_perception.nodes.core.worker_queue import DropOldestQueue, WorkerThread


def test_one_slot_keeps_the_newest() -> None:
    box: DropOldestQueue[int] = DropOldestQueue()
    assert [box.put(item) for item in (1, 2, 3)] == [False, True, True]
    assert box.take() == 3
    assert box.put(4) is False


def test_a_deeper_one_is_a_queue_that_loses_the_oldest() -> None:
    box: DropOldestQueue[int] = DropOldestQueue(3)
    assert [box.put(item) for item in range(5)] == [False, False, False, True, True]
    box.put_first(9)
    assert len(box) == 3, "urgent items are not counted"
    assert [box.take() for _ in range(3)] == [9, 2, 3]
    assert len(box) == 1
    assert box.take() == 4


def test_closing_says_what_was_left_and_ends_waiting() -> None:
    box: DropOldestQueue[int] = DropOldestQueue(3)
    box.put(1)
    box.put(2)
    assert box.close() == 2
    assert box.take() is None
    assert box.close() == 0


def test_a_mailbox_needs_room() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        DropOldestQueue(0)


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

    worker = WorkerThread(work, lambda item, error: failed.append((item, str(error))), depth=5)
    for item in (1, 2, 3):
        worker.queue.put(item)
    assert finished.wait(10)
    assert worker.stop() == 0
    assert (done, failed) == ([1, 3], [(2, "two")])


def busy(done: list[object], **options: Any) -> tuple[WorkerThread[int], Event]:
    """A worker in the middle of item 1 while item 2 waits, and the event that lets it go on."""
    begun, go_on = Event(), Event()

    def work(item: int) -> None:
        begun.set()
        assert go_on.wait(10)
        done.append(item)

    worker = WorkerThread(work, lambda item, error: None, **options)
    worker.queue.put(1)
    assert begun.wait(10)
    worker.queue.put(2)
    return worker, go_on


def test_stop_lets_the_item_in_work_finish_and_may_be_repeated() -> None:
    done: list[object] = []
    worker, go_on = busy(done)
    assert worker.queue.close() == 1
    go_on.set()
    assert worker.stop() == 0
    assert worker.stop() == 0
    assert done == [1]


def test_a_call_is_done_on_the_workers_thread_before_what_waits() -> None:
    order: list[object] = []

    def task() -> str:
        order.append(current_thread().name)
        return "done"

    worker, go_on = busy(order, depth=1, name="owner")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(worker.call, task)
        while not worker.queue._urgent:
            sleep(0.001)
        go_on.set()
        assert answer.result(10) == "done"
    worker.call(lambda: None)
    assert order[:2] == [1, "owner"]
    assert worker.stop() + len(order) == 3


def test_a_call_raises_what_its_task_raises_and_the_worker_goes_on() -> None:
    worker: WorkerThread[int] = WorkerThread(lambda item: None, lambda item, error: None)
    with pytest.raises(ZeroDivisionError):
        worker.call(lambda: 1 // 0)
    assert worker.call(lambda: 7) == 7
    worker.stop()
    with pytest.raises(RuntimeError, match="closed"):
        worker.call(lambda: 7)
