"""Publishes what begins, ends and stands: `activity_events`, `current_activities`, and queries over them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from time import monotonic_ns, time_ns

from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration

from co_perception.data.messages.people import Box
from co_perception.data.messages.people_positions import position_of
from co_perception.engine.label_groups import SubjectGroup
from co_perception.engine.person_position import PersonPosition
from co_perception.engine.settings import setting
from co_perception.engine.time import NANO, nanoseconds
from co_perception.msg import ActivityArray, ActivityEvent, CurrentActivities
from co_perception.nodes.core.activity_queries import ActivityQueries, HeldSnapshot, QuerySettings
from co_perception.nodes.core.managed_node import ManagedNode
from co_perception.nodes.core.messages import current_activity, to_time
from co_perception.nodes.core.qos import event_qos, latched_qos
from co_perception.nodes.core.run_letters import run_letters
from co_perception.online.events import Event, EventRuleSettings, GroupEventDetector, LabelScores, Rules
from co_perception.online.falls import FallDetector, FallRuleSettings
from co_perception.online.held_activities import HeldActivities, IdentifiedEvent

CHECK_S = 0.1  # between two looks whether messages still come
REPEAT_S = 1.0  # between two messages of current_activities while nothing changes
ACKNOWLEDGED_S = 0.5  # at most, for which a node that is deactivated waits until its last events have been received


@dataclass(frozen=True)
class EventSettings(EventRuleSettings, QuerySettings):
    """Parameters of the onset and offset detector, and of what is made of its events."""

    events: bool = setting(
        True,
        "Publish onsets and offsets on activity_events and what stands on current_activities; serve wait_for_activity "
        "and get_activities.",
    )


class EventPublisher:
    """Detects onsets and offsets in the scores behind a node's messages on `activity`, and publishes them.

    Every onset has its offset: what holds ends where the scores say so; after `max_gap_s` of the node's clock, or of a
    steady one where that does not run, without a message; and where the node is deactivated or its state reset (`end`).
    What stands is published (latched) with each change and every second, and `ActivityQueries` serves the service and
    the action over it. One thread may call `update` while another calls `end`.

    Raises:
        ValueError: where the settings contradict each other.
    """

    def __init__(self, node: ManagedNode, values: EventSettings, max_gap_s: float = Rules.max_gap_s) -> None:
        self._detector = GroupEventDetector(values.rules(max_gap_s))
        self._node, self._lock = node, Lock()
        self._last: ActivityArray | None = None
        self._last_ns = 0  # by `_now_ns`
        self._clock_stood, self._shift_ns = False, 0
        self._repeated_ns = 0  # when current_activities was published last, by a steady clock
        self._falls: FallDetector | None = None
        self._held = HeldActivities(f"{run_letters(node.get_fully_qualified_name(), time_ns())}_e")
        self._publisher = self._queries = None
        if values.events:
            self._publisher = node.publish_on(ActivityEvent, "activity_events", event_qos())
            self._current = node.create_publisher(CurrentActivities, "current_activities", latched_qos())
            node.while_configured.callback(node.destroy_publisher, self._current)
            self._queries = ActivityQueries(node, self._snapshot, self._now_ns)

    def begin(self) -> None:
        """Watches for silence as long as the node is active; the end of that ends what holds."""
        if self._publisher is None or self._queries is None:
            return
        self._node.while_active.callback(self._end_for_good)
        self._queries.begin()
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # the node's clock may not run
        timer = self._node.create_timer(CHECK_S, self._check, clock=steady)
        self._node.while_active.callback(self._node.destroy_timer, timer)
        with self._lock:
            self._publish_current()

    def watch_falls(
        self, settings: FallRuleSettings, labels: Sequence[str], groups: Sequence[str], max_gap_s: float
    ) -> None:
        """Reports falls from now on, where that is asked for and the labels, of these groups, know them."""
        wanted = settings.falls and FallDetector.applies_to(labels, groups)
        with self._lock:
            if wanted and self._falls is None:
                self._falls = FallDetector(settings.fall_rules(max_gap_s))
            elif self._falls is not None and not wanted:
                self._publish(self._falls.end())
                self._falls = None

    def update(self, message: ActivityArray, scores: Iterable[tuple[SubjectGroup, LabelScores]]) -> None:
        """Takes the next message of `activity`, with all scores of each subject and group."""
        if self._publisher is None or self._queries is None:
            return
        with self._lock:
            self._last, self._last_ns = message, self._now_ns()
            stamp_ns, epoch = nanoseconds(message.header.stamp), message.state_epoch
            by_subject = dict(scores)
            events = self._detector.update(stamp_ns, by_subject, epoch)
            if self._falls is not None:
                events += self._falls.update(stamp_ns, by_subject, epoch)
            if not self._detector.overtaken:
                self._held.update(stamp_ns, by_subject, _boxes(message), _positions(message))
            self._publish(events)
        self._queries.look()

    def end(self, subjects: Collection[str] | None = None) -> None:
        """Ends what holds for these subjects; None: for all."""
        with self._lock:
            self._publish(self._detector.end(subjects))
            if self._falls is not None:
                self._publish(self._falls.end(subjects))

    def _end_for_good(self) -> None:
        self.end()
        if self._publisher is not None and self._node.context.ok():
            # A process that ends takes with it what its subscribers have not received yet.
            self._publisher.wait_for_all_acked(Duration(seconds=ACKNOWLEDGED_S))

    def _check(self) -> None:
        silent_ns = self._now_ns() - self._last_ns
        if silent_ns > self._detector.rules.max_gap_s * NANO:
            self.end()
        elif silent_ns < 0:  # the clock was set back
            self._last_ns = self._now_ns()
        with self._lock:
            if monotonic_ns() - self._repeated_ns > REPEAT_S * NANO:
                self._publish_current()

    def _now_ns(self) -> int:
        """Time by the node's clock, or a steady one as long as /clock has not begun; it goes on from there then, so
        that no goal has waited for as long as the new clock says."""
        node_ns = int(self._node.get_clock().now().nanoseconds)
        if not node_ns:
            self._clock_stood = True
            return monotonic_ns()
        if self._clock_stood:
            self._clock_stood, self._shift_ns = False, monotonic_ns() - node_ns
        return node_ns + self._shift_ns

    def _snapshot(self) -> HeldSnapshot:
        """What stands at this moment, and when a frame was answered last."""
        with self._lock:
            return HeldSnapshot(self._held.copy(), self._last, self._last_ns)

    def _publish(self, events: Iterable[Event]) -> None:
        """Publishes events under the header of the newest message, and what stands after them."""
        found = self._held.apply(events)
        if self._publisher is None or self._last is None or not self._node.context.ok() or not found:
            return
        for each in found:
            self._publisher.publish(_message(each, self._last))
        self._publish_current()

    def _publish_current(self) -> None:
        self._repeated_ns = monotonic_ns()
        frame_id = "" if self._last is None else self._last.header.frame_id
        activities = [current_activity(each, frame_id) for each in self._held.activities]
        message = CurrentActivities(activities=activities)
        if self._last is not None:
            message.header = self._last.header
            message.recognizer, message.label_set = self._last.recognizer, self._last.label_set
        if self._node.context.ok():
            self._current.publish(message)


def _boxes(message: ActivityArray) -> dict[str, Box]:
    """Where the subjects of a message are, of those of whom it is known."""
    regions = {each.subject_id: each.roi for each in message.activities}
    return {
        id: Box(roi.x_offset, roi.y_offset, roi.width, roi.height)
        for id, roi in regions.items()
        if roi.width and roi.height
    }


def _positions(message: ActivityArray) -> dict[str, PersonPosition]:
    """Where the subjects of a message are in space, of those of whom it is known."""
    given = {each.subject_id: each.position for each in message.activities if each.position.source}
    return {id: found for id, position in given.items() if (found := position_of(position)) is not None}


def _message(identified: IdentifiedEvent, newest: ActivityArray) -> ActivityEvent:
    event = identified.event
    return ActivityEvent(
        header=newest.header,
        recognizer=newest.recognizer,
        label_set=newest.label_set,
        subject_id=event.subject,
        group=event.group,
        kind=int(event.kind),
        label=event.label,
        score=event.score,
        began=to_time(event.began_ns),
        at=to_time(event.at_ns),
        id=identified.id,
        onset_id=identified.onset_id,
    )
