"""Synchronizer: groups messages of several senders by stamp, in the order of the stamps.

ROS has message_filters.TimeSynchronizer for this. It has no time-out, gives no group that lacks a sender, and counts
none that came late; a robot needs all three.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from co_perception.engine.stamp_order import GAP_S, Order, Placement, StampOrder
from co_perception.engine.time import NANO

SKELETONS_WAIT_S = 0.5  # for which a picture waits for the skeletons found in it, where nothing else is asked for

T = TypeVar("T")


@dataclass(frozen=True)
class StampGroup(Generic[T]):
    """Messages of one stamp, by sender; those that did not come in time are absent."""

    stamp_ns: int
    parts: Mapping[str, T]


@dataclass
class _Waiting(Generic[T]):
    since_s: float
    parts: dict[str, T] = field(default_factory=dict)


class Synchronizer(Generic[T]):
    """Groups messages by equal stamps.

    A group is complete with a message of every sender. It is given out incomplete when it has waited for `max_wait_s`,
    when a later one is complete, or when more than `most` wait. A message whose stamp has been given out already counts
    as `late`: no stamp is given out twice. One that was overtaken is of use until then. Where the stamps of a sender
    jump back (`StampOrder`), as those of a bag that is played again, what waits is given out, and a new stream begins:
    what others still send of the stream before is late.

    >>> synchronizer = Synchronizer(("image", "people"), max_wait_s=0.5)
    >>> synchronizer.put("image", 100, "image 100", now_s=0.0)
    []
    >>> synchronizer.put("image", 200, "image 200", now_s=0.1)
    []
    >>> for group in synchronizer.put("people", 200, "people 200", now_s=0.2):
    ...     print(group.stamp_ns, group.parts)
    100 {'image': 'image 100'}
    200 {'image': 'image 200', 'people': 'people 200'}
    >>> synchronizer.put("people", 100, "people 100", now_s=0.3), synchronizer.late
    ([], 1)

    Args:
        names: of the senders, two or more.
        max_wait_s: for which an incomplete group waits.
        most: incomplete groups that may wait.

    Raises:
        ValueError: where one of them is out of its range.
    """

    def __init__(self, names: Collection[str], max_wait_s: float, most: int = 64) -> None:
        if len(set(names)) < 2 or max_wait_s < 0 or most < 1:
            raise ValueError(f"expected two names or more, a time and a bound, got {names}, {max_wait_s} s, {most}")
        self._names, self._max_wait_s, self._most = frozenset(names), max_wait_s, most
        self._waiting: OrderedDict[int, _Waiting[T]] = OrderedDict()
        self._released_ns: int | None = None
        self._orders = {name: StampOrder() for name in names}
        self._behind: dict[str, int] = {}  # newest stamp of the senders that are still in the stream before the jump
        self.late = 0

    @property
    def waiting(self) -> int:
        """Incomplete groups."""
        return len(self._waiting)

    def put(self, name: str, stamp_ns: int, part: T, now_s: float, epoch: int = 0) -> list[StampGroup[T]]:
        """Takes a message and returns the groups that can be given out now.

        Args:
            name: of the sender.
            stamp_ns: of the message.
            part: the message.
            now_s: time on a steady clock.
            epoch: as the sender counts, where it does.

        Raises:
            ValueError: for an unknown sender.
        """
        if name not in self._names:
            raise ValueError(f"no sender {name!r} here, there are {sorted(self._names)}")
        placement = self._orders[name].place(stamp_ns, epoch)
        before = self._follow_jump(name, stamp_ns, epoch, placement)
        of_before = name in self._behind or (placement.order == Order.LATE and placement.step_ns > 0)
        if of_before or (self._released_ns is not None and stamp_ns <= self._released_ns):
            self.late += 1
            return before + self.overdue(now_s)
        waiting = self._waiting.setdefault(stamp_ns, _Waiting(now_s))
        waiting.parts[name] = part
        complete = len(waiting.parts) == len(self._names)
        return before + (self._release_until(stamp_ns) if complete else self.overdue(now_s))

    def overdue(self, now_s: float) -> list[StampGroup[T]]:
        """The groups that have waited too long, and all before them."""
        given_up = [stamp for stamp, w in self._waiting.items() if now_s - w.since_s >= self._max_wait_s]
        given_up += sorted(self._waiting)[: max(len(self._waiting) - self._most, 0)]
        return self._release_until(max(given_up)) if given_up else []

    def restart(self) -> list[StampGroup[T]]:
        """Ends the streams of all senders: gives out what waits, and forgets the rest."""
        for order in self._orders.values():
            order.restart()
        self._behind = {}
        return self._release_all()

    def _follow_jump(self, name: str, stamp_ns: int, epoch: int, placement: Placement) -> list[StampGroup[T]]:
        """Restarts where the stamps of `name` jump back, or are its first and far behind the others'.

        A sender that is merely slow goes on in order, however far behind the others. Returns what waited until then.
        """
        present = {other: order.newest_ns for other, order in self._orders.items() if order.newest_ns is not None}
        newest_ns = max((ns for other, ns in present.items() if other not in (name, *self._behind)), default=stamp_ns)
        gap_ns = round(GAP_S * NANO)
        if name in self._behind:
            # It has followed where it stepped back too, or where the others have come to its stamps.
            if stamp_ns <= newest_ns or (stamp_ns < self._behind[name] and stamp_ns - newest_ns <= gap_ns):
                del self._behind[name]
                if placement.order == Order.LATE:
                    self._orders[name].begin(stamp_ns, epoch)
            return []
        if not placement.back and not (placement.order == Order.FIRST and newest_ns - stamp_ns > gap_ns):
            return []
        self._behind = {other: ns for other, ns in present.items() if other != name and ns > stamp_ns}
        return self._release_all()

    def _release_all(self) -> list[StampGroup[T]]:
        released = self._release_until(max(self._waiting)) if self._waiting else []
        self._released_ns = None
        return released

    def _release_until(self, stamp_ns: int) -> list[StampGroup[T]]:
        ready = sorted(stamp for stamp in self._waiting if stamp <= stamp_ns)
        self._released_ns = stamp_ns
        return [StampGroup(stamp, self._waiting.pop(stamp).parts) for stamp in ready]
