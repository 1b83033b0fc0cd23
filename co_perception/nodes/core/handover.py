"""Handover of items between nodes of one process, in place of a topic: nothing is serialized, copied or sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Any, Generic, TypeVar

from rclpy.guard_condition import GuardCondition

from co_perception.nodes.core.worker_node import WorkerNode

T = TypeVar("T")


class Handover(Generic[T]):
    """Passes items from any thread to the thread of a node's callbacks, as a subscription of best effort would.

    Args:
        topic_name: what is handed over, in words, where a topic has its name.
    """

    def __init__(self, topic_name: str) -> None:
        self.topic_name = topic_name
        self._items: deque[T] = deque()
        self._lock = Lock()
        self._guard: GuardCondition | None = None
        self._depth, self._displaced = 1, lambda: None

    @property
    def awaited(self) -> bool:
        """Whether somebody takes what is put in."""
        return self._guard is not None

    def listen(self, node: WorkerNode[Any, Any], take: Callable[[T], object], depth: int) -> Handover[T]:
        """Lets a node take items while it is active; returns itself, as a subscription.

        Args:
            node: whose counters count the items that newer ones displaced.
            take: called for each item on the thread of the node's callbacks.
            depth: items that may wait.
        """

        def take_all() -> None:
            while (item := self._next()) is not None:
                take(item)

        self._depth, self._displaced = depth, lambda: node.counters.count("displaced")
        guard = node.create_guard_condition(take_all)
        node.while_active.callback(node.destroy_guard_condition, guard)
        node.while_active.callback(self._close)
        self._guard = guard
        return self

    def put(self, item: T) -> None:
        """Hands over an item; where nobody takes it, it is gone."""
        with self._lock:
            if self._guard is None:
                return
            displaced = len(self._items) >= self._depth
            if displaced:
                self._items.popleft()
            self._items.append(item)
            self._guard.trigger()
        if displaced:
            self._displaced()

    def _next(self) -> T | None:
        with self._lock:
            return self._items.popleft() if self._items else None

    def _close(self) -> None:
        with self._lock:
            self._guard = None
            self._items.clear()
