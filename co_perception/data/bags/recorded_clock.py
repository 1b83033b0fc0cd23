"""The clock that stamps a recorded topic, beside that of the recorder: where annotations in seconds lie in stamps.

Stamps may be of another clock than the recorder's, and that clock may be set while it runs: hardware clocks of cameras
begin ahead or anew (realsense-ros issues 2127 and 3498).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from co_perception.data.annotations.intervals import MOST_NS, Interval, disjoint
from co_perception.engine.time import NANO

DRIFT_NS = NANO  # most that stamps come nearer to the recorder's clock in one part, or move away; else it was set
MOST_PARTS = 16  # of a clock; more are those of several senders, whose messages alternate


@dataclass(frozen=True)
class ClockPart:
    """A time during which the stamps keep their distance to the recorder's clock, to a second: clocks drift.

    Args:
        begin_ns: since the start of the recording, by the recorder's clock.
        origin_ns: stamp at which the recording would start by this part.
        messages: number of messages in it.
    """

    begin_ns: int
    origin_ns: int
    messages: int = 1


@dataclass(frozen=True)
class RecordedClock:
    """The parts of the clock of one topic, in the order of recording."""

    parts: tuple[ClockPart, ...] = (ClockPart(0, 0, 0),)

    @property
    def origin_ns(self) -> int:
        """The stamp at which the recording starts by the part with most messages, the first of equals."""
        return max(self.parts, key=lambda part: part.messages).origin_ns

    def stamped(self, intervals: Iterable[Interval]) -> list[Interval]:
        """The intervals in stamps; those that count from the start are cut where the clock was set.

        Where it was set back and stamps repeat, the first annotation of a stamp holds. Of more than MOST_PARTS the one
        with most messages counts.
        """
        if not 1 < len(self.parts) <= MOST_PARTS:
            return [interval.shifted(self.origin_ns) for interval in intervals]
        found: list[Interval] = []
        ends_ns = [part.begin_ns for part in self.parts[1:]] + [MOST_NS]
        for number, (part, end_ns) in enumerate(zip(self.parts, ends_ns, strict=True)):
            begin_ns = part.begin_ns if number else -MOST_NS
            for each in intervals:
                start_ns, stop_ns = max(each.start_ns, begin_ns), min(each.end_ns, end_ns)
                if each.relative and start_ns < stop_ns:
                    found.append(replace(each, start_ns=start_ns, end_ns=stop_ns).shifted(part.origin_ns))
        return disjoint([*(each for each in intervals if not each.relative), *found])


class ClockReader:
    """Finds the parts of a clock message by message.

    Args:
        start_ns: when the recording begins, by the recorder's clock.
    """

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._parts: list[ClockPart] = []

    @property
    def clock(self) -> RecordedClock:
        """The clock, as far as it was read."""
        return RecordedClock(tuple(self._parts)) if self._parts else RecordedClock((ClockPart(0, self._start_ns, 0),))

    def add(self, stamp_ns: int, log_ns: int) -> None:
        """Takes the next message: its stamp, and when it was recorded."""
        offset_ns = stamp_ns - log_ns
        if self._parts and abs(self._start_ns + offset_ns - self._parts[-1].origin_ns) <= DRIFT_NS:
            self._parts[-1] = replace(self._parts[-1], messages=self._parts[-1].messages + 1)
        else:
            if len(self._parts) > MOST_PARTS:  # enough to know that; the longest is kept
                self._parts.remove(min(self._parts, key=lambda part: part.messages))
            self._parts.append(ClockPart(log_ns - self._start_ns, self._start_ns + offset_ns))
