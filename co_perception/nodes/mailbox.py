"""A slot between a callback that must not wait and a thread that takes its time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from threading import Condition, Thread, current_thread
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Mailbox(Generic[T]):
    """Holds the newest `depth` items; a full one lets the oldest go. For one writer and one reader."""

    def __init__(self, depth: int = 1) -> None:
        if depth < 1:
            raise ValueError(f"a mailbox has room for at least 1 item, got depth {depth}.")
        self._items: deque[T] = deque(maxlen=depth)
        self._urgent: deque[T] = deque()
        self._changed = Condition()
        self._closed = False

    def __len__(self) -> int:
        """Items that wait, not counting urgent ones."""
        return len(self._items)

    def put(self, item: T) -> bool:
        """Leaves `item`. Returns whether an older one had to go unread."""
        with self._changed:
            full = len(self._items) == self._items.maxlen
            self._items.append(item)
            self._changed.notify()
            return full

    def put_first(self, item: T) -> None:
        """Leaves `item` to be taken next; it displaces nothing. Raises RuntimeError once the mailbox is closed."""
        with self._changed:
            if self._closed:
                raise RuntimeError("the mailbox is closed: nobody reads it any more.")
            self._urgent.append(item)
            self._changed.notify()

    def take(self) -> T | None:
        """Waits for the next item: an urgent one, else the oldest; None once the mailbox is closed and they are gone.

        What is urgent is read even after closing, for somebody waits for its result.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._items) or bool(self._urgent))
            if self._urgent:
                return self._urgent.popleft()
            return None if self._closed else self._items.popleft()

    def close(self) -> int:
        """Ends all waiting. Returns how many items were left unread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            left = len(self._items)
            self._items.clear()
            return left


class _Task:
    """Something to be done on another thread, and the promise of its result."""

    def __init__(self, task: Callable[[], Any]) -> None:
        self._task = task
        self.result: Future[Any] = Future()

    def run(self) -> None:
        try:
            self.result.set_result(self._task())
        except Exception as error:  # it is whoever waits for the result who is to know
            self.result.set_exception(error)


class Worker(Generic[T]):
    """A thread that hands each item of its mailbox to `work`, one at a time, until it is stopped.

    An exception out of `work` goes to `failed` with the item, and the next item is taken: one bad frame must not end
    a stream.
    """

    def __init__(
        self, work: Callable[[T], None], failed: Callable[[T, Exception], None], *, depth: int = 1, name: str = "worker"
    ) -> None:
        self.mailbox: Mailbox[T | _Task] = Mailbox(depth)
        self._work = work
        self._failed = failed
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Items that wait for their turn."""
        return len(self.mailbox)

    def put(self, item: T) -> bool:
        """As `Mailbox.put`."""
        return self.mailbox.put(item)

    def call(self, task: Callable[[], R]) -> R:
        """Runs `task` on the worker's thread, between two items, and gives its result or raises what it raised.

        For those who need what the thread owns. Raises RuntimeError where the worker was stopped.
        """
        waiting = _Task(task)
        self.mailbox.put_first(waiting)
        result: R = waiting.result.result()
        return result

    def stop(self) -> int:
        """Lets the item in work finish, then ends the thread. Returns how many items were left. May be repeated."""
        left = self.mailbox.close()
        if current_thread() is not self._thread:
            self._thread.join()
        return left

    def _run(self) -> None:
        while (item := self.mailbox.take()) is not None:
            if isinstance(item, _Task):
                item.run()
            else:
                self._try(item)

    def _try(self, item: T) -> None:
        try:
            self._work(item)
        except Exception as error:  # whatever a frame can provoke is the owner's to report
            self._failed(item, error)
