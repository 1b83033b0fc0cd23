"""Synchronizer: groups messages of several senders by stamp, in the order of the stamps.

ROS has message_filters.TimeSynchronizer for this. It has no time-out, gives no group that lacks a sender, and counts
none that came late; a robot needs all three.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from co_perception.engine.stamp_order import GAP_S, Order, Placement, StampOrder
from co_perception.engine.time import NANO

GAP_NS = round(GAP_S * NANO)
FAR_NS = 10 * NANO  # by which no sender's first message is late: its stamps are of another stream than the others'
MOST_GIVEN = 1024  # stamps of groups that are remembered, to know of a late message whether there was one without it
SKELETONS_WAIT_S = 0.5  # for which a picture waits for the skeletons found in it, where nothing else is asked for

T = TypeVar("T")


@dataclass(frozen=True)
class StampGroup(Generic[T]):
    """Messages of one stamp, by sender; those that did not come in time are absent."""

    stamp_ns: int
    parts: Mapping[str, T]


@dataclass
class _Sender:
    """What is known of one sender.

    order: of its stamps. epoch: of its newest message; None: it does not count them. changes: of its epoch so far.
    even: of them, those until its newest message with a partner. began_ns, began_s: stamp and arrival of the first
    message after the newest change.
    """

    order: StampOrder = field(default_factory=StampOrder)
    epoch: int | None = None
    began_ns: int = 0
    began_s: float = -math.inf
    changes: int = 0
    even: int = 0

    def place(self, stamp_ns: int, epoch: int | None, now_s: float) -> Placement:
        if None not in (epoch, self.epoch) and epoch != self.epoch:
            self.began_ns, self.began_s, self.changes = stamp_ns, now_s, self.changes + 1
        self.epoch = epoch
        return self.order.place(stamp_ns, epoch or 0)


@dataclass
class _Laggard:
    """A sender that is still in the stream before a jump, which another one has left.

    newest_ns: stamp of that stream. since_s: when the other one left. changes: of its epoch with which it has left it,
    too; None: it does not count them.
    """

    newest_ns: int
    since_s: float
    changes: int | None


@dataclass
class _Waiting(Generic[T]):
    since_s: float
    parts: dict[str, T] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)  # of each sender's epoch


class Synchronizer(Generic[T]):
    """Groups messages by equal stamps.

    A group is complete with a message of every sender. It is given out incomplete when it has waited for `max_wait_s`,
    when a later one is complete, or when more than `most` wait. No stamp is given out twice: a message whose stamp has
    been counts as `late`, and its stamp once as `missed`, where no group had it. One that was overtaken is of use until
    then. One with the stamp of its sender's newest counts as `doubled`: the first of them is used. Where the stamps of
    a sender jump back (`StampOrder`), as those of a bag that is played again, what waits is given out, and a new stream
    begins: what others still send of the stream before is late, until they jump back, too, or are seen to have come
    along.

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
        self._senders = {name: _Sender() for name in names}
        self._behind: dict[str, _Laggard] = {}
        self._given: deque[int] = deque(maxlen=MOST_GIVEN)  # stamps of the groups of this stream, and those missed
        self._given_before = self._given
        self.late = self.missed = self.doubled = 0

    @property
    def waiting(self) -> int:
        """Incomplete groups."""
        return len(self._waiting)

    def put(self, name: str, stamp_ns: int, part: T, now_s: float, epoch: int | None = None) -> list[StampGroup[T]]:
        """Takes a message and returns the groups that can be given out now.

        Args:
            name: of the sender.
            stamp_ns: of the message.
            part: the message.
            now_s: time on a steady clock.
            epoch: as the sender counts; None: it does not.

        Raises:
            ValueError: for an unknown sender.
        """
        if name not in self._names:
            raise ValueError(f"no sender {name!r} here, there are {sorted(self._names)}")
        placement = self._senders[name].place(stamp_ns, epoch, now_s)
        before = self._follow_jump(name, stamp_ns, now_s, placement)
        if placement.order == Order.DUPLICATE:
            self.doubled += 1
            return before + self.overdue(now_s)
        of_before = name in self._behind or (placement.order == Order.LATE and placement.step_ns > 0)
        if of_before or (self._released_ns is not None and stamp_ns <= self._released_ns):
            self.late += 1
            known = self._given_before if of_before else self._given
            if stamp_ns not in known:
                self.missed += 1
                known.append(stamp_ns)  # of a frame that all senders answer late one message counts
            return before + self.overdue(now_s)
        waiting = self._waiting.setdefault(stamp_ns, _Waiting(now_s))
        waiting.parts[name], waiting.changes[name] = part, self._senders[name].changes
        complete = len(waiting.parts) == len(self._names)
        if complete:
            for each, changes in waiting.changes.items():
                self._senders[each].even = changes
        return before + (self._release_until(stamp_ns) if complete else self.overdue(now_s))

    def overdue(self, now_s: float) -> list[StampGroup[T]]:
        """The groups that have waited too long, and all before them."""
        given_up = [stamp for stamp, w in self._waiting.items() if now_s - w.since_s >= self._max_wait_s]
        given_up += sorted(self._waiting)[: max(len(self._waiting) - self._most, 0)]
        return self._release_until(max(given_up)) if given_up else []

    def restart(self) -> list[StampGroup[T]]:
        """Ends the streams of all senders: gives out what waits, and forgets the rest."""
        self._senders = {name: _Sender() for name in self._names}
        self._behind = {}
        return self._begin()

    def _follow_jump(self, name: str, stamp_ns: int, now_s: float, placement: Placement) -> list[StampGroup[T]]:
        """Begins a new stream where the stamps of `name` jump back, or its first is `FAR_NS` behind the others'.

        A sender that is merely slow goes on in order, however far behind the others. Returns what waited until then.
        """
        newest = {other: each.order.newest_ns for other, each in self._senders.items() if other != name}
        present = {other: ns for other, ns in newest.items() if ns is not None}
        newest_ns = max((ns for other, ns in present.items() if other not in self._behind), default=stamp_ns)
        if name in self._behind:
            if self._has_followed(name, stamp_ns, newest_ns, now_s):
                del self._behind[name]
                if placement.order == Order.LATE:
                    self._senders[name].order.begin(stamp_ns, self._senders[name].epoch or 0)
            return []
        far = newest_ns - stamp_ns > FAR_NS and stamp_ns not in self._waiting
        if not placement.back and not (placement.order == Order.FIRST and far):
            return []
        changes = self._senders[name].changes - self._senders[name].even
        left_ns, ahead = stamp_ns - placement.step_ns, set[str]()
        for other in self._names - {name}:
            sender = self._senders[other]
            if sender.changes - sender.even >= changes > 0 and now_s - sender.began_s <= GAP_S:
                ahead.add(other)  # its stamps went on where its epoch changed
            elif other in present and changes:
                self._behind[other] = _Laggard(left_ns, now_s, sender.even + changes)
            elif present.get(other, left_ns) > stamp_ns:  # who has sent nothing yet may begin with the stream before
                self._behind[other] = _Laggard(present.get(other, left_ns), now_s, None)
        return self._begin(ahead)

    def _has_followed(self, name: str, stamp_ns: int, newest_ns: int, now_s: float) -> bool:
        """Whether a laggard left the stream before as often as the others; or whether they have come to its stamps."""
        laggard = self._behind[name]
        if laggard.changes is not None and now_s - laggard.since_s <= GAP_S:
            return self._senders[name].changes >= laggard.changes
        return stamp_ns <= newest_ns or (stamp_ns < laggard.newest_ns and stamp_ns - newest_ns <= GAP_NS)

    def _begin(self, ahead: Collection[str] = ()) -> list[StampGroup[T]]:
        """Begins a new stream. Gives out what waits, except what those who are `ahead` have sent of it already."""
        begun = {
            stamp: waiting
            for stamp, waiting in self._waiting.items()
            if all(each in ahead and self._senders[each].began_ns <= stamp for each in waiting.parts)
        }
        for stamp in begun:
            del self._waiting[stamp]
        released = self._release_until(max(self._waiting)) if self._waiting else []
        self._waiting, self._released_ns = OrderedDict(begun), None
        self._given, self._given_before = deque(maxlen=MOST_GIVEN), self._given
        return released

    def _release_until(self, stamp_ns: int) -> list[StampGroup[T]]:
        ready = sorted(stamp for stamp in self._waiting if stamp <= stamp_ns)
        self._released_ns = stamp_ns
        self._given.extend(ready)
        return [StampGroup(stamp, self._waiting.pop(stamp).parts) for stamp in ready]
