"""When the messages of one topic came: their rate, their age, and how long there was none."""

from __future__ import annotations

from collections import deque

from co_perception.engine.time import FAR_S, NANO

WINDOW_S = 3.0
MOST = 1000  # arrivals that are remembered


class Arrivals:
    """Arrivals of messages, as a listener notes them.

    Args:
        now_s: when it began to listen, by a steady clock.
    """

    def __init__(self, now_s: float) -> None:
        self._times: deque[float] = deque(maxlen=MOST)
        self._last_s = now_s
        self._age_s: float | None = None

    def note(self, now_s: float, stamp_ns: int, clock_ns: int) -> None:
        """Takes a message that came just now; `clock_ns` is the time by the clock that stamps should be of."""
        self._times.append(now_s)
        self._last_s, age_s = now_s, (clock_ns - stamp_ns) / NANO
        self._age_s = age_s if stamp_ns and abs(age_s) < FAR_S else None

    @property
    def age_ms(self) -> int | None:
        """Of the newest message when it came; None where its stamp is of another clock."""
        return None if self._age_s is None else round(1000 * self._age_s)

    def rate_hz(self, now_s: float) -> float:
        """Of the last seconds."""
        while self._times and self._times[0] < now_s - WINDOW_S:
            self._times.popleft()
        if len(self._times) < 2:
            return 0.0
        return (len(self._times) - 1) / max(self._times[-1] - self._times[0], 1e-3)

    def silent_s(self, now_s: float) -> float:
        """How long there was none."""
        return now_s - self._last_s
