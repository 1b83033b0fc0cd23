"""Order of the stamps of one stream: which messages are newer, doubled or late, and where an epoch ends.

docs/stamps.md defines these words. Everything that follows stamps uses `StampOrder`, so that all agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from co_perception.engine.time import NANO

GAP_S = 1.0  # longest step within an epoch, where nobody sets another
MOST_BEHIND = 3  # messages in a row that come late, each newer than the one before: the clock was set


class Order(Enum):
    """Place of a message among those of its sender that came before."""

    FIRST = "first"  # of all
    NEXT = "next"  # newer than all of its epoch, by max_gap_s at most
    DUPLICATE = "duplicate"  # the stamp of the newest
    LATE = "late"  # older than the newest, or of the epoch before
    JUMP = "jump"  # begins an epoch


@dataclass(frozen=True)
class Placement:
    """Order of a message, and how much newer it is than the newest until then [ns]; 0 for the first."""

    order: Order
    step_ns: int = 0

    @property
    def back(self) -> bool:
        """Whether it begins an epoch with an older stamp: stamps of both epochs cannot be compared."""
        return self.order == Order.JUMP and self.step_ns <= 0


class StampOrder:
    """Places the messages of one sender, in the order of their arrival.

    >>> order = StampOrder(max_gap_s=1.0)
    >>> for stamp_ms in (5000, 5040, 5120, 5080, 5120, 4820, 4860, 4900, 4940, 1000):
    ...     placement = order.place(stamp_ms * 1_000_000)
    ...     print(stamp_ms, placement.order.name, placement.step_ns // 1_000_000)
    5000 FIRST 0
    5040 NEXT 40
    5120 NEXT 80
    5080 LATE -40
    5120 DUPLICATE 0
    4820 LATE -300
    4860 LATE -260
    4900 JUMP -220
    4940 NEXT 40
    1000 JUMP -3940

    Args:
        max_gap_s: a longer step, forwards or back, ends the epoch at once.
    """

    def __init__(self, max_gap_s: float = GAP_S) -> None:
        self._gap_ns = round(max_gap_s * NANO)
        self.newest_ns: int | None = None
        """Newest stamp of the present epoch; None before the first message."""
        self._ended_ns: int | None = None  # newest stamp of the epoch before, late ones too
        self._epoch = self._ended_epoch = 0  # as the sender counts
        self._behind, self._behind_ns = 0, 0  # late messages in a row, each newer than the one before; the last of them

    def place(self, stamp_ns: int, epoch: int = 0) -> Placement:
        """Places the next message.

        Args:
            stamp_ns: of its header.
            epoch: as the sender counts, where it does: a message of another epoch that is no newer begins one here, and
                none counts to the epoch before but by its number.
        """
        if self.newest_ns is None:
            self.newest_ns, self._epoch = stamp_ns, epoch
            return Placement(Order.FIRST)
        step_ns = stamp_ns - self.newest_ns
        if step_ns > 0 or epoch == self._epoch:
            if step_ns == 0:
                return Placement(Order.DUPLICATE)
            if 0 < step_ns <= self._gap_ns:
                self.newest_ns, self._epoch, self._behind = stamp_ns, epoch, 0
                return Placement(Order.NEXT, step_ns)
            if self._is_late(stamp_ns, step_ns, epoch):
                return Placement(Order.LATE, step_ns)
        self.begin(stamp_ns, epoch)
        return Placement(Order.JUMP, step_ns)

    def begin(self, stamp_ns: int, epoch: int = 0) -> None:
        """Makes the message of this stamp the first of an epoch: others tell that it is."""
        self._ended_ns, self._ended_epoch = self.newest_ns, self._epoch
        self.newest_ns, self._epoch, self._behind = stamp_ns, epoch, 0

    def restart(self) -> None:
        """Forgets all messages: the next one is the first."""
        self.newest_ns = self._ended_ns = None
        self._behind = 0

    def _is_late(self, stamp_ns: int, step_ns: int, epoch: int) -> bool:
        overtaken = -self._gap_ns <= step_ns < 0
        near = self._ended_ns is not None and abs(stamp_ns - self._ended_ns) <= self._gap_ns
        of_before = near and epoch == self._ended_epoch
        if not (overtaken or of_before):
            return False
        if self._ended_ns is not None and not overtaken:
            self._ended_ns = max(self._ended_ns, stamp_ns)
        if self._behind and stamp_ns == self._behind_ns:
            return True
        follows = self._behind and 0 < stamp_ns - self._behind_ns <= self._gap_ns
        self._behind, self._behind_ns = self._behind + 1 if follows else 1, stamp_ns
        return self._behind < MOST_BEHIND
