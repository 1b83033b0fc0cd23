"""Slow work that a node does on a thread of its own, while it goes on answering: models are read and compiled there."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock, Thread
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Preparation(Generic[T]):
    """Makes something on a thread of its own, from its construction on.

    Args:
        make: gives the result. It cannot be interrupted.
        discard: takes the result where it is no longer wanted.
        turn: held while making. Preparations that share it follow each other, so that an abandoned one and its
            successor never need their memory at once.
        name: of the thread.
        on_end: called on that thread once the preparation is `done`, unless it was cancelled.
    """

    def __init__(
        self,
        make: Callable[[], T],
        discard: Callable[[T], None],
        turn: Lock,
        name: str,
        on_end: Callable[[], object] = lambda: None,
    ) -> None:
        self._make, self._discard, self._turn, self._on_end = make, discard, turn, on_end
        self._began_s = monotonic()
        self._made: list[T] = []
        self._error: Exception | None = None
        self._abandoned, self._ended, self._handover = False, Event(), Lock()
        # A daemon: a process that is to end does not wait for it.
        Thread(target=self._run, name=name, daemon=True).start()

    @property
    def seconds(self) -> float:
        """Time since the beginning [s]."""
        return monotonic() - self._began_s

    @property
    def done(self) -> bool:
        """Whether `result` has something to tell."""
        return self._ended.is_set()

    def result(self) -> T:
        """What was made, handed over once; raises what making raised. Only once it is `done`."""
        if self._error is not None:
            raise self._error
        return self._made.pop()

    def cancel(self) -> None:
        """Lets the result, which nobody will ask for, be discarded. Does not wait."""
        with self._handover:
            self._abandoned = True
            left = [self._made.pop()] if self._made else []
        for made in left:
            self._discard(made)

    def _run(self) -> None:
        with self._turn:
            try:
                if not self._abandoned:
                    self._store(self._make())
            except Exception as error:  # raised again where the result is asked for
                self._error = error
        self._ended.set()
        with self._handover:  # so that nothing is called any more once `cancel` has returned
            if not self._abandoned:
                self._on_end()

    def _store(self, made: T) -> None:
        with self._handover:
            if not self._abandoned:
                self._made.append(made)
                return
        self._discard(made)
