"""Bounded, drop-oldest queue between a ROS callback, which must not wait, and its worker thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Condition, Thread, current_thread
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class DropOldestQueue(Generic[T]):
    """A queue of the newest `depth` items: putting one into a full queue drops the oldest. One writer, one reader."""

    def __init__(self, depth: int = 1) -> None:
        if depth < 1:
            raise ValueError(f"a queue has room for at least 1 item, got depth {depth}.")
        self._items: deque[T] = deque(maxlen=depth)
        self._urgent: deque[T] = deque()
        self._changed = Condition()
        self._closed = False

    def __len__(self) -> int:
        """Items that wait, not counting urgent ones."""
        return len(self._items)

    def put(self, item: T) -> bool:
        """Appends `item`. Returns whether the oldest one was dropped for it."""
        with self._changed:
            full = len(self._items) == self._items.maxlen
            self._items.append(item)
            self._changed.notify()
            return full

    def put_first(self, item: T) -> None:
        """Puts an urgent item, which is taken next and drops nothing. Raises RuntimeError once the queue is closed."""
        with self._changed:
            if self._closed:
                raise RuntimeError("the queue is closed: nothing reads it any more.")
            self._urgent.append(item)
            self._changed.notify()

    def take(self) -> T | None:
        """Waits for the next item: an urgent one, else the oldest; None once the queue is closed.

        Urgent items are returned even after closing, since their senders wait for a result.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._items) or bool(self._urgent))
            if self._urgent:
                return self._urgent.popleft()
            return None if self._closed else self._items.popleft()

    def close(self) -> int:
        """Ends all waiting. Returns how many items were discarded."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            left = len(self._items)
            self._items.clear()
            return left


@dataclass(frozen=True)
class _Call:
    """A function for the worker thread; it stores its own result."""

    run: Callable[[], None]


class WorkerThread(Generic[T]):
    """A thread that hands each item put into its `queue` to `work`, one at a time, until it is stopped.

    Args:
        work: takes an item.
        failed: takes an item and the exception that `work` raised for it; the thread goes on with the next item.
        depth: items that may wait, see `DropOldestQueue`.
        name: of the thread.
    """

    def __init__(
        self, work: Callable[[T], None], failed: Callable[[T, Exception], None], *, depth: int = 1, name: str = "worker"
    ) -> None:
        self.queue: DropOldestQueue[T | _Call] = DropOldestQueue(depth)
        self._work = work
        self._failed = failed
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], R]) -> R:
        """Runs `function` on the worker thread, between two items; returns its result or raises its exception.

        For access to what the thread owns. Raises RuntimeError where the worker was stopped.
        """
        result: Future[R] = Future()

        def run() -> None:
            try:
                result.set_result(function())
            except Exception as error:  # raised again in the thread that waits for the result
                result.set_exception(error)

        self.queue.put_first(_Call(run))
        return result.result()

    def stop(self) -> int:
        """Lets the item in work finish, then ends the thread. Returns how many items were discarded. Idempotent."""
        left = self.queue.close()
        if current_thread() is not self._thread:
            self._thread.join()
        return left

    def _run(self) -> None:
        while (item := self.queue.take()) is not None:
            if isinstance(item, _Call):
                item.run()
                continue
            try:
                self._work(item)
            except Exception as error:  # one bad frame must not end the stream; its owner reports it
                self._failed(item, error)
