"""Watch over the rate of topics while they are recorded: one that is too low for a label is said at once."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from co_perception.data.bags.bag_file import IMAGES, SKELETONS
from co_perception.doctor.stamp_checks import slow_rate
from co_perception.engine.time import NANO

WINDOW_S = 5.0
MOST = 256  # messages of a window: more are too fast by no rule
WATCHED = (*IMAGES, *SKELETONS)


@dataclass
class TopicRate:
    """Messages of a topic.

    Args:
        since_ns: when it was subscribed to, by a steady clock.
        recent: arrival by that clock, and stamp [ns], of the newest.
        count, first_ns, last_ns: number of all, and their first and newest stamp.
    """

    since_ns: int
    recent: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=MOST))
    count: int = 0
    first_ns: int = 0
    last_ns: int = 0

    def words(self, topic: str, now_ns: int) -> str:
        """What is wrong with the rate of late; empty where nothing is, and before it can be told."""
        if now_ns - self.since_ns < WINDOW_S * NANO:
            return ""
        stamps_ns = [stamp_ns for at_ns, stamp_ns in self.recent if at_ns > now_ns - WINDOW_S * NANO]
        if len(stamps_ns) < 2:
            came = f"{len(stamps_ns) or 'no'} message came in the last {WINDOW_S:.0f} s"
            return f"{topic}: {came}, and labels need several a second. See whether its sender runs and is not paused."
        return _words(topic, len(stamps_ns), stamps_ns[-1] - stamps_ns[0])


class RateWatch:
    """The rates of those topics that a recognizer may take, by the rules of the doctor."""

    def __init__(self) -> None:
        self._topics: dict[str, TopicRate] = {}

    def add(self, topic: str, kind: str, now_ns: int) -> None:
        """Begins with a topic of this type. Others than pictures and skeletons may come seldom."""
        if kind in WATCHED:
            self._topics[topic] = TopicRate(now_ns)

    def note(self, topic: str, stamp_ns: int, now_ns: int) -> None:
        """Takes a message; `now_ns` by a steady clock."""
        if (rate := self._topics.get(topic)) is None:
            return
        rate.first_ns = rate.first_ns if rate.count else stamp_ns
        rate.count, rate.last_ns = rate.count + 1, stamp_ns
        rate.recent.append((now_ns, stamp_ns))

    def warnings(self, now_ns: int) -> list[str]:
        """What is wrong now, in words."""
        return [words for topic, rate in self._topics.items() if (words := rate.words(topic, now_ns))]

    def summary(self) -> list[str]:
        """What was wrong all in all."""
        spans = ((topic, rate.count, rate.last_ns - rate.first_ns) for topic, rate in self._topics.items())
        return [words for topic, count, span_ns in spans if count > 1 and (words := _words(topic, count, span_ns))]


def _words(topic: str, count: int, span_ns: int) -> str:
    """What is wrong with so many messages in so long a time of their stamps; nothing where these were set back."""
    found = slow_rate(topic, (count - 1) * NANO / span_ns) if span_ns > 0 else None
    return f"{topic}: {found.words} {found.remedy}" if found else ""
