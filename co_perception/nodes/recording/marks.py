"""Marks of what people do, by the stamps of the messages that are recorded meanwhile, see `message_clock`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from co_perception.data.annotations.intervals import Interval
from co_perception.nodes.recording.message_clock import ClockStep
from co_perception.nodes.recording.terminal import STOP


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
