"""What one node has received of a recognizer: what stands, and every onset once; the leaves of a tree share it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from time import monotonic

from rclpy.node import Node

from co_perception.data.messages.people import Box
from co_perception.data.messages.people_positions import position_of
from co_perception.engine.time import NANO, nanoseconds
from co_perception.msg import ActivityEvent, CurrentActivities, CurrentActivity
from co_perception.nodes.core.qos import event_qos, latched_qos
from co_perception.online.held_activities import ActivityQuery, HeldActivity

GONE_S = 3.0  # without a message of current_activities: it comes every second
MOST_ONSETS = 1000  # that are remembered
ATTRIBUTE = "_activity_monitor"  # of a node that has one


@dataclass(frozen=True)
class Onset:
    """An onset that was received, by its number among all of them, and the stamp of the frame that made it certain."""

    number: int
    activity: HeldActivity
    decided_ns: int


class ActivityMonitor:
    """Subscribes to `current_activities` and `activity_events`, with what was published before the node was there.

    Args:
        node: that is spun by its owner; names are relative to its namespace, and may be remapped.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._current = CurrentActivities()
        self._received_s: float | None = None
        self._onsets: deque[Onset] = deque(maxlen=MOST_ONSETS)
        self._ids: deque[str] = deque(maxlen=MOST_ONSETS)
        self._count = 0
        node.create_subscription(CurrentActivities, "current_activities", self._on_current, latched_qos())
        node.create_subscription(ActivityEvent, "activity_events", self._on_event, event_qos())

    @classmethod
    def of(cls, node: Node) -> ActivityMonitor:
        """The one of this node, which is made where there is none yet."""
        found = vars(node).get(ATTRIBUTE)
        if found is None:
            found = cls(node)
            setattr(node, ATTRIBUTE, found)  # it lives as long as the node
        return found

    @property
    def problem(self) -> str:
        """Why it is not known what stands; empty: it is known."""
        if self._received_s is None:
            return "no recognizer was found yet"
        silent_s = monotonic() - self._received_s
        return f"the recognizer is gone for {silent_s:.0f} s" if silent_s > GONE_S else ""

    def standing(self, query: ActivityQuery) -> list[HeldActivity]:
        """What stands and is asked for, the oldest first; nothing where there is a `problem`."""
        if self.problem:
            return []
        now_ns = nanoseconds(self._current.header.stamp)
        return [held for held in map(held_activity, self._current.activities) if query.accepts(held, now_ns)]

    def onsets(self, first: int) -> list[Onset]:
        """The onsets from this number on, in the order in which they came."""
        return [onset for onset in self._onsets if onset.number >= first]

    def age_s(self, onset: Onset) -> float:
        """Time since the frame that made an onset certain, by the clock of the node [s]."""
        return (int(self._node.get_clock().now().nanoseconds) - onset.decided_ns) / NANO

    def _on_current(self, message: CurrentActivities) -> None:
        self._current, self._received_s = message, monotonic()

    def _on_event(self, event: ActivityEvent) -> None:
        if event.kind != ActivityEvent.ONSET or event.id in self._ids:  # a recording may be played again
            return
        self._ids.append(event.id)
        began_ns = nanoseconds(event.began)
        activity = HeldActivity(event.id, event.subject_id, event.group, event.label, began_ns, event.score)
        self._onsets.append(Onset(self._count, activity, nanoseconds(event.header.stamp)))
        self._count += 1


def held_activity(message: CurrentActivity) -> HeldActivity:
    """The activity of a message."""
    return HeldActivity(
        message.event_id,
        message.subject_id,
        message.group,
        message.label,
        nanoseconds(message.began),
        message.score,
        Box(message.roi.x_offset, message.roi.y_offset, message.roi.width, message.roi.height),
        position_of(message.position),
    )
