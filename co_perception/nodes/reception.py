"""What of a topic arrives: messages that were lost on the way, and whose messages they are. No ROS in here."""

from __future__ import annotations

from collections import OrderedDict

PATIENCE_S = 1.0  # without a word from the one who is heard until another one is
MOST_SENDERS = 16  # whose numbers are remembered: nodes that are started again are new senders


class Reception:
    """Messages as they arrive, by who sent them and the sender's count.

    Middleware that keeps the newest messages only, or sends none twice, loses others without a word; the count that a
    publisher gives its messages shows how many.
    """

    def __init__(self) -> None:
        self._numbers: OrderedDict[bytes, int] = OrderedDict()
        self._heard: bytes | None = None
        self._heard_s = 0.0
        self.changes = 0
        """How often another sender was heard than before."""

    def lost(self, sender: bytes, number: int) -> int:
        """Messages of this sender that should have come since its last one. The first one misses none."""
        before = self._numbers.pop(sender, number - 1)
        self._numbers[sender] = number
        if len(self._numbers) > MOST_SENDERS:
            self._numbers.popitem(last=False)
        return max(number - before - 1, 0)

    def admits(self, sender: bytes, now_s: float) -> bool:
        """Whether a message is of the sender that is heard: the first one, until it was silent for PATIENCE_S.

        now_s: on a steady clock.
        """
        if sender != self._heard and self._heard is not None and now_s - self._heard_s < PATIENCE_S:
            return False
        self.changes += sender != self._heard and self._heard is not None
        self._heard, self._heard_s = sender, now_s
        return True
