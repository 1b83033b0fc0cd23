"""Which publisher of a topic is heard, and how many of its messages were lost on the way. No ROS in here."""

from __future__ import annotations

from collections import OrderedDict

CONNECTED_S = 1.0  # after a publisher's first message; gaps before are of that kind
PATIENCE_S = 1.0  # silence of the current publisher after which another one is accepted
MOST_PUBLISHERS = 16  # whose sequence numbers are remembered: restarted nodes are new publishers


class PublisherFilter:
    """Lost messages by sequence number, and one publisher per topic.

    A middleware queue that is full loses messages silently; the sequence numbers of a publisher show how many. Some
    middlewares give no identifiers, or zeros: publishers cannot be told apart then, and nothing is counted or refused.
    """

    def __init__(self) -> None:
        self._numbers: OrderedDict[bytes, tuple[int, float]] = OrderedDict()  # the last one, and when the first came
        self._current: bytes | None = None
        self._last_s = 0.0
        self.changes = 0
        """How often another publisher was accepted than before."""

    def lost(self, publisher: bytes, number: int, now_s: float) -> tuple[int, bool]:
        """Messages missing since the last one of this publisher, and whether its connection stood by then.

        The first one misses none; nor does any without an identifier: numbers of several publishers may be mixed.
        `now_s` is time on a steady clock.
        """
        if not any(publisher):
            return 0, True
        before, since_s = self._numbers.pop(publisher, (number - 1, now_s))
        self._numbers[publisher] = (number, since_s)
        if len(self._numbers) > MOST_PUBLISHERS:
            self._numbers.popitem(last=False)
        return max(number - before - 1, 0), now_s - since_s >= CONNECTED_S

    def accepts(self, publisher: bytes, now_s: float) -> bool:
        """Whether a message is of the current publisher: the first one, until it was silent for PATIENCE_S.

        A publisher is known by its identifier (GID), and accepted without one; `now_s` is time on a steady clock.
        """
        if not any(publisher):
            return True
        if publisher != self._current and self._current is not None and now_s - self._last_s < PATIENCE_S:
            return False
        self.changes += publisher != self._current and self._current is not None
        self._current, self._last_s = publisher, now_s
        return True
