"""Marks of what people do, by the stamps of the messages that are recorded meanwhile.

Training and scoring compare annotations with stamps. Those may be of another clock than this machine's: a simulation's,
another computer's, a camera's own; and that clock may be set while it runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from co_perception.data.annotations.intervals import Interval
from co_perception.engine.time import LATE_NS, NANO
from co_perception.nodes.recording.terminal import STOP

AHEAD_NS = 10 * NANO  # a stamp that is ahead of real time by more is of a clock that was set


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
    """Now [ns] by two clocks: a steady one, and this machine's, which may be simulated."""

    steady_ns: int
    machine_ns: int


class MessageClock:
    """The time by the clock that stamps the messages of one topic.

    Stamps that come within a second of this machine's clock are of that: the distance is the time that they needed. In
    another clock that time cannot be told: now is then the newest stamp, and the time since it came.

    Args:
        now: holds until the first message comes.
    """

    def __init__(self, now: Moment) -> None:
        self._newest_ns, self._came_ns = now.machine_ns, now.steady_ns
        self._rank: tuple[bool, int] | None = None
        self._is_machine = False  # whether stamps are of this machine's clock
        self._offsets_ns: dict[str, int] = {}  # by how much the newest stamp of each topic is ahead of the steady clock
        self._topic = ""

    def now_ns(self, now: Moment) -> int:
        """The time. By another clock it stands still a second after the newest message: its sender may be halted."""
        if self._is_machine:
            return now.machine_ns
        passed_ns = now.steady_ns - self._came_ns
        return self._newest_ns + (passed_ns if self._rank is None else min(passed_ns, LATE_NS))

    def note(self, topic: str, rank: tuple[bool, int], stamp_ns: int, now: Moment) -> ClockStep | None:
        """Takes the stamp of a message that just came. Returns the step of the clock that it tells, if there is one.

        The topic of the lowest `rank` counts, of those from which messages have come.
        """
        self._offsets_ns[topic] = stamp_ns - now.steady_ns
        if self._rank is not None and rank > self._rank:
            return None
        expected_ns, first = self.now_ns(now), self._rank is None
        stepped = first or self._is_step(stamp_ns, now, other=rank != self._rank)
        self._rank, self._topic = rank, topic
        if stepped or stamp_ns > self._newest_ns:
            self._newest_ns, self._came_ns = stamp_ns, now.steady_ns
        if not stepped:
            return None
        self._is_machine = abs(stamp_ns - now.machine_ns) <= LATE_NS
        return ClockStep(expected_ns, self.now_ns(now), first)

    def _is_step(self, stamp_ns: int, now: Moment, other: bool) -> bool:
        ahead_ns = stamp_ns - self._newest_ns
        most_ns = LATE_NS if other else now.steady_ns - self._came_ns + AHEAD_NS
        drifted = self._is_machine and abs(stamp_ns - now.machine_ns) > 2 * LATE_NS
        return drifted or not -LATE_NS <= ahead_ns <= most_ns

    def foreign_topics(self) -> list[str]:
        """The topics whose stamps are of another clock, in words."""
        own_ns = self._offsets_ns.get(self._topic, 0)
        return [
            f"{topic} is stamped {(ns - own_ns) / NANO:+.1f} s beside {self._topic}, whose stamps the annotations have"
            for topic, ns in self._offsets_ns.items()
            if abs(ns - own_ns) > LATE_NS
        ]


def total_ns(intervals: Sequence[Interval]) -> int:
    """The sum of their lengths."""
    return sum(each.end_ns - each.start_ns for each in intervals)


class KeyAnnotations:
    """Intervals of one activity at a time, from key to key.

    A key starts its activity and ends the one before; the same key again, or space, only ends it.

    Args:
        labels: the activity of each key.
    """

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.labels = dict(labels)
        self._ended: list[Interval] = []
        self._key = ""
        self.since_ns = 0
        """When the current activity began."""

    @property
    def label(self) -> str:
        """The current activity; empty where there is none."""
        return self.labels.get(self._key, "")

    def press(self, key: str, now_ns: int) -> None:
        """Takes a key; others than those of activities and space are ignored."""
        if key not in self.labels and key != STOP:
            return
        again = key == self._key
        self.stop(now_ns)
        if key in self.labels and not again:
            self._key, self.since_ns = key, now_ns

    def stop(self, now_ns: int) -> None:
        """Ends the current activity. Idempotent."""
        self._ended, self._key = self.until(now_ns), ""

    def until(self, now_ns: int) -> list[Interval]:
        """All intervals, the current one as far as `now_ns`."""
        if not self._key or now_ns <= self.since_ns:
            return list(self._ended)
        return [*self._ended, Interval(self.since_ns, now_ns, self.label)]

    def follow(self, step: ClockStep) -> None:
        """The current activity ends by the old time, and goes on by the new one."""
        if step.first:
            self._ended = step.move(self._ended)
            self.since_ns += step.after_ns - step.before_ns
        else:
            self._ended, self.since_ns = self.until(step.before_ns), step.after_ns


class PlannedAnnotations:
    """Intervals that are known beforehand.

    Args:
        intervals: in stamps, or in time since now.
        now_ns: the time by the `MessageClock`.
    """

    def __init__(self, intervals: Sequence[Interval], now_ns: int) -> None:
        self._fixed = [each for each in intervals if not each.relative]
        self._planned = [each.shifted(now_ns) for each in intervals if each.relative]

    @property
    def intervals(self) -> list[Interval]:
        """All, those to come too."""
        return [*self._fixed, *self._planned]

    def follow(self, step: ClockStep) -> None:
        """What is past stays where it was, what is to come moves with the clock, and what goes on is cut in two."""
        at_ns = step.before_ns
        if not step.first:
            past = [each for each in self._planned if each.start_ns < at_ns]
            self._fixed += [replace(each, end_ns=min(each.end_ns, at_ns)) for each in past]
            later = [each for each in self._planned if each.end_ns > at_ns]
            self._planned = [replace(each, start_ns=max(each.start_ns, at_ns)) for each in later]
        self._planned = step.move(self._planned)
