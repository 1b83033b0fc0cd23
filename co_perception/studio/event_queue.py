"""Events on their way to one browser: a bounded queue that drops old ones where the browser is slow."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import suppress
from threading import Lock

MOST_EVENTS = 64
BEAT_S = 2.0  # between two signs of life while nothing happens, by which a browser that is gone is noticed


class EventQueue:
    """Takes events on any thread, and gives them as a stream of server-sent events (WHATWG HTML, section 9.2).

    Where it is full, the oldest event goes that a newer one of the same name replaces: what is told once, such as the
    end of a recording, is not lost among pictures. To be made where an event loop runs.
    """

    def __init__(self, most: int = MOST_EVENTS) -> None:
        self._loop, self._ready = asyncio.get_running_loop(), asyncio.Event()
        self._events, self._most = deque[tuple[str, str]](), most
        self._lock, self._closed = Lock(), False
        self.dropped = 0
        """Events that the browser was too slow for."""

    def put(self, event: str, content: str) -> None:
        """Adds an event and its content, which is JSON on one line."""
        with self._lock:
            first = not self._events
            self._events.append((event, content))
            if len(self._events) > self._most:
                self._drop()
        if first:
            self._wake()

    def close(self) -> None:
        """Ends the stream after what waits; on any thread, and in a handler of signals."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._ready.set)

    def _drop(self) -> None:
        """Drops the oldest event that is followed by one of its name, or else the oldest one."""
        counts = Counter(name for name, _ in self._events)
        del self._events[next((place for place, (name, _) in enumerate(self._events) if counts[name] > 1), 0)]
        self.dropped += 1

    async def stream(self) -> AsyncIterator[str]:
        """All events as they come, and signs of life between them, until it is closed."""
        yield "retry: 1000\n\n"
        while not self._closed:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ready.wait(), BEAT_S)
            yield self._taken() or ": still here\n\n"

    def _taken(self) -> str:
        """All events that wait, as text."""
        with self._lock:
            events = list(self._events)
            self._events.clear()
            self._ready.clear()
        return "".join(f"event: {event}\ndata: {content}\n\n" for event, content in events)
