"""The clock that stamps messages, as far as whoever receives them can tell; marks are by it.

Training and scoring compare annotations with stamps. Those may be of another clock than this machine's: a simulation's,
another computer's, a camera's own, a recording's that is played; and that clock may be set while it runs. Messages may
also just come late, which moves no mark.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from co_perception.data.annotations.intervals import Interval
from co_perception.engine.time import FAR_S, LATE_NS, NANO

FAR_NS = round(FAR_S * NANO)
AHEAD_NS = 10 * NANO  # a stamp that is ahead of real time by more is of a clock that was set
WINDOW_NS, MOST = 6 * NANO, 512  # arrivals that tell how fast another clock runs, and which came least late


@dataclass(frozen=True)
class ClockStep:
    """A step of the clock that stamps messages.

    Args:
        before_ns: the time by it just before, as it was expected.
        after_ns: the stamp that tells the step.
        first: whether it is the first stamp of all, so that all times until then were of another clock.
    """

    before_ns: int
    after_ns: int
    first: bool = False

    def move(self, intervals: Sequence[Interval]) -> list[Interval]:
        """The intervals as much earlier or later."""
        by_ns = self.after_ns - self.before_ns
        return [replace(each, start_ns=each.start_ns + by_ns, end_ns=each.end_ns + by_ns) for each in intervals]


@dataclass(frozen=True)
class Moment:
    """A moment [ns] by two clocks: a steady one, and this machine's, which may be simulated."""

    steady_ns: int
    machine_ns: int


class MessageClock:
    """The time by the clock that stamps the messages of one topic.

    Stamps that lie up to ten seconds behind this machine's clock, or up to one ahead, are of that clock, and the
    distance is the time that they needed: the doctor draws the line there, too. In another clock the time on the way
    cannot be told. The time is then that of the message that came least late, and what has passed since, at the speed
    of the stamps.

    Args:
        now: holds until the first message comes.
    """

    def __init__(self, now: Moment) -> None:
        self._newest_ns, self._came_ns = now.machine_ns, now.steady_ns
        self._rank: tuple[bool, int] | None = None
        self._is_machine = False  # whether stamps are of this machine's clock
        self._arrivals: deque[tuple[Moment, int]] = deque(maxlen=MOST)  # with stamps; of one clock, without a halt
        self._least_late_ns = 0  # of the messages since the last step, by this machine's clock
        self._offsets_ns: dict[str, int] = {}  # by how much the newest stamp of each topic is ahead of the steady clock
        self._apart_ns: dict[str, int] = {}  # least distance of stamps of each other topic from the time
        self._topic = ""

    def now_ns(self, now: Moment) -> int:
        """The time. By another clock it stands still a second after the newest message: its sender may be halted."""
        if self._is_machine:
            return now.machine_ns + max(0, *(stamp_ns - came.machine_ns for came, stamp_ns in self._arrivals))
        if self._rank is None:
            return self._newest_ns + now.steady_ns - self._came_ns
        speed = self._speed()
        passed_ns = (stamp_ns + round(speed * (now.steady_ns - came.steady_ns)) for came, stamp_ns in self._arrivals)
        return min(max(passed_ns), self._newest_ns + LATE_NS)

    def note(self, topic: str, rank: tuple[bool, int], stamp_ns: int, now: Moment) -> ClockStep | None:
        """Takes the stamp of a message that just came. Returns the step of the clock that it tells, if there is one.

        The topic of the lowest `rank` counts, of those from which messages have come.
        """
        self._offsets_ns[topic] = stamp_ns - now.steady_ns
        if self._rank is not None and rank > self._rank:
            apart_ns = stamp_ns - self.now_ns(now)
            self._apart_ns[topic] = min(apart_ns, self._apart_ns.get(topic, apart_ns), key=abs)
            return None
        first, other = self._rank is None, rank != self._rank
        stepped = first or self._is_step(stamp_ns, now, other)
        expected_ns = self.now_ns(now) if stepped else 0
        self._rank, self._topic = rank, topic
        late_ns = now.machine_ns - stamp_ns
        if stepped:
            # A clock that was set back is another one: messages do not begin to be late from one to the next.
            most_ns = LATE_NS if not first and stamp_ns < self._newest_ns else FAR_NS
            self._is_machine = -LATE_NS <= late_ns <= most_ns
            self._apart_ns = {each: ns - self._offsets_ns[topic] for each, ns in self._offsets_ns.items()}
        self._least_late_ns = late_ns if stepped or other else min(late_ns, self._least_late_ns)
        self._apart_ns.pop(topic, None)
        self._keep(stamp_ns, now, stepped)
        if stepped or other or stamp_ns > self._newest_ns:
            self._newest_ns, self._came_ns = stamp_ns, now.steady_ns
        return ClockStep(expected_ns, self.now_ns(now), first) if stepped else None

    def _keep(self, stamp_ns: int, now: Moment, stepped: bool) -> None:
        """Adds an arrival; those before a step or a halt, as of a recording that is paused, tell nothing any more."""
        halted = not self._is_machine and now.steady_ns - self._came_ns > LATE_NS
        if stepped or halted:
            self._arrivals.clear()
        while self._arrivals and self._arrivals[0][0].steady_ns < now.steady_ns - WINDOW_NS:
            self._arrivals.popleft()
        self._arrivals.append((now, stamp_ns))

    def _speed(self) -> float:
        """Seconds of stamps per second, between what came least late before and after the middle; at first 1."""
        begin_ns, end_ns = self._arrivals[0][0].steady_ns, self._arrivals[-1][0].steady_ns
        if end_ns - begin_ns < LATE_NS:
            return 1.0
        ahead_ns = [(came.steady_ns, stamp_ns - came.steady_ns) for came, stamp_ns in self._arrivals]
        early, late = (
            max((ns, at_ns) for at_ns, ns in ahead_ns if (2 * at_ns > begin_ns + end_ns) == after)
            for after in (False, True)
        )
        return max(1 + (late[0] - early[0]) / max(late[1] - early[1], (end_ns - begin_ns) // 2), 0.0)

    def _is_step(self, stamp_ns: int, now: Moment, other: bool) -> bool:
        ahead_ns, late_ns = stamp_ns - self._newest_ns, now.machine_ns - stamp_ns
        if self._is_machine:
            return not -LATE_NS <= late_ns <= FAR_NS or (ahead_ns < -LATE_NS and not other)
        most_ns = LATE_NS if other else now.steady_ns - self._came_ns + AHEAD_NS
        return not -LATE_NS <= ahead_ns <= most_ns

    def doubts(self) -> list[str]:
        """The topics whose stamps may be, or are, of another clock than the annotations, in words."""
        lines = []
        if self._is_machine and self._least_late_ns > LATE_NS:
            lines.append(
                f"{self._topic} came {self._least_late_ns / NANO:.1f} s or more after its stamps: if it was not late, "
                "but its clock is set wrong, the annotations are late by as much"
            )
        for topic, apart_ns in self._apart_ns.items():
            if abs(apart_ns) > LATE_NS:
                why = "" if abs(apart_ns) > FAR_NS else ": one of them comes late, or is of another clock"
                lines.append(
                    f"{topic} is stamped {apart_ns / NANO:+.1f} s beside {self._topic}, whose stamps the annotations "
                    f"have{why}"
                )
        return lines
