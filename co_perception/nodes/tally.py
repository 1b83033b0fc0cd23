"""Counts and durations of a running stream, gathered by several threads and read at any time."""

from __future__ import annotations

from collections import Counter, deque
from threading import Lock

import numpy as np


class Tally:
    """Counts events by name, and keeps the newest `window` durations of each kind.

    Dropped frames are the events named in `drops`: frames that should have been answered and were not.
    """

    def __init__(self, drops: tuple[str, ...] = (), window: int = 256) -> None:
        self._drops = drops
        self._window = window
        self._counts: Counter[str] = Counter()
        self._seconds: dict[str, deque[float]] = {}
        self._lock = Lock()
        self._drops_told = 0

    def count(self, event: str, times: int = 1) -> None:
        """Adds `times` occurrences of `event`."""
        if not times:
            return
        with self._lock:
            self._counts[event] += times

    def time(self, kind: str, seconds: float) -> None:
        """Adds one duration of `kind`."""
        with self._lock:
            self._seconds.setdefault(kind, deque(maxlen=self._window)).append(seconds)

    def counts(self) -> dict[str, int]:
        """All counts so far."""
        with self._lock:
            return dict(self._counts)

    def seconds(self, kind: str) -> list[float]:
        """The durations of `kind` that are kept, oldest first."""
        with self._lock:
            return list(self._seconds.get(kind, ()))

    def percentile_ms(self, kind: str, percent: float) -> float | None:
        """That percentile of the durations kept, in milliseconds; None while there are none."""
        values = self.seconds(kind)
        return float(np.percentile(values, percent)) * 1e3 if values else None

    @property
    def dropped(self) -> int:
        """All frames dropped so far."""
        with self._lock:
            return sum(self._counts[event] for event in self._drops)

    def newly_dropped(self) -> int:
        """Frames dropped since this was last asked."""
        total = self.dropped
        new, self._drops_told = total - self._drops_told, total
        return new
