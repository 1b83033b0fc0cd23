"""Publishes onsets and offsets of activities on `activity_events`, one message each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from time import monotonic_ns

from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration

from co_perception.engine.label_groups import SubjectGroup
from co_perception.engine.settings import setting
from co_perception.engine.time import NANO, nanoseconds
from co_perception.msg import ActivityArray, ActivityEvent
from co_perception.nodes.core.managed_node import ManagedNode
from co_perception.nodes.core.messages import to_time
from co_perception.nodes.core.qos import result_qos
from co_perception.online.events import Event, EventRuleSettings, GroupEventDetector, LabelScores, Rules
from co_perception.online.falls import FallDetector, FallRuleSettings

CHECK_S = 0.1  # between two looks whether messages still come
ACKNOWLEDGED_S = 0.5  # at most, for which a node that is deactivated waits until its last events have been received


@dataclass(frozen=True)
class EventSettings(EventRuleSettings):
    """Parameters of the onset and offset detector."""

    events: bool = setting(True, "Publish onsets and offsets on activity_events.")


class EventPublisher:
    """Detects onsets and offsets in the scores behind a node's messages on `activity`, and publishes them.

    Every onset has its offset: what holds ends where the scores say so; after `max_gap_s` of the node's clock, or of a
    steady one where that does not run, without a message; and where the node is deactivated or its state reset (`end`).
    One thread may call `update` while another calls `end`.

    Raises:
        ValueError: where the settings contradict each other.
    """

    def __init__(self, node: ManagedNode, values: EventSettings, max_gap_s: float = Rules.max_gap_s) -> None:
        self._detector = GroupEventDetector(values.rules(max_gap_s))
        self._publisher = node.publish_on(ActivityEvent, "activity_events", result_qos()) if values.events else None
        self._node, self._lock = node, Lock()
        self._last: ActivityArray | None = None
        self._last_ns = 0  # by the node's clock
        self._falls: FallDetector | None = None

    def begin(self) -> None:
        """Watches for silence as long as the node is active; the end of that ends what holds."""
        if self._publisher is None:
            return
        self._node.while_active.callback(self._end_for_good)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # the node's clock may not run
        timer = self._node.create_timer(CHECK_S, self._end_if_silent, clock=steady)
        self._node.while_active.callback(self._node.destroy_timer, timer)

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
        if self._publisher is None:
            return
        with self._lock:
            self._last, self._last_ns = message, self._now_ns()
            stamp_ns, epoch = nanoseconds(message.header.stamp), message.state_epoch
            by_subject = dict(scores)
            self._publish(self._detector.update(stamp_ns, by_subject, epoch))
            if self._falls is not None:
                self._publish(self._falls.update(stamp_ns, by_subject, epoch))

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

    def _end_if_silent(self) -> None:
        silent_ns = self._now_ns() - self._last_ns
        if silent_ns > self._detector.rules.max_gap_s * NANO:
            self.end()
        elif silent_ns < 0:  # the clock was set back
            self._last_ns = self._now_ns()

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds) or monotonic_ns()

    def _publish(self, events: Iterable[Event]) -> None:
        """Publishes events under the header of the newest message."""
        if self._publisher is None or self._last is None or not self._node.context.ok():
            return
        for event in events:
            self._publisher.publish(
                ActivityEvent(
                    header=self._last.header,
                    recognizer=self._last.recognizer,
                    label_set=self._last.label_set,
                    subject_id=event.subject,
                    group=event.group,
                    kind=int(event.kind),
                    label=event.label,
                    score=event.score,
                    began=to_time(event.began_ns),
                    at=to_time(event.at_ns),
                )  # fmt: skip
            )
