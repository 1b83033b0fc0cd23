"""Onsets and offsets on `activity_events`, for behaviours that want to be told once."""

from __future__ import annotations

from types import SimpleNamespace

from co_perception.evaluation.events import NOTHING, Event, EventDetector, Rules, Seen
from co_perception.msg import Activity, ActivityArray, ActivityEvent
from co_perception.nodes.base import ManagedNode
from co_perception.nodes.messages import nanoseconds, to_time
from co_perception.nodes.parameters import Setting
from co_perception.nodes.qos import result_qos

EVENTS = (
    Setting("events", True, "Publish onsets and offsets on activity_events."),
    Setting("event_on", 0.5, "Least score with which an activity begins, probability 0..1.", 0.0, 1.0),
    Setting("event_off", 0.35, "Score below which an activity ends, at most event_on, probability 0..1.", 0.0, 1.0),
    Setting("event_min_on_s", 0.3, "Time it must have led without a break before it is told [s].", 0.0, 60.0),
    Setting("event_min_off_s", 0.3, "Time its score must have been low before its end is told [s].", 0.0, 60.0),
)
MOST_SUBJECTS = 64


class Announcer:
    """Watches what a node publishes on `activity`, and publishes what began and what ended. The node's settings include
    EVENTS. Raises ValueError where they make no sense together."""

    def __init__(self, node: ManagedNode, values: SimpleNamespace) -> None:
        rules = Rules(values.event_on, values.event_off, values.event_min_on_s, values.event_min_off_s, MOST_SUBJECTS)
        self._detector = EventDetector(rules)
        self._publisher = node.publish_on(ActivityEvent, "activity_events", result_qos()) if values.events else None

    def watch(self, message: ActivityArray) -> None:
        """Takes the next message of `activity`."""
        if self._publisher is None:
            return
        seen = {activity.subject_id: _seen(activity) for activity in message.activities}
        for event in self._detector.update(nanoseconds(message.header.stamp), seen):
            self._publisher.publish(_message(event, message))


def _seen(activity: Activity) -> Seen:
    if activity.status not in (Activity.STATUS_VALID, Activity.STATUS_UNCERTAIN):
        return NOTHING
    scores = {hypothesis.label: hypothesis.score for hypothesis in activity.hypotheses}
    return Seen(scores, valid=activity.status == Activity.STATUS_VALID)


def _message(event: Event, source: ActivityArray) -> ActivityEvent:
    return ActivityEvent(
        header=source.header,
        recognizer=source.recognizer,
        label_set=source.label_set,
        subject_id=event.subject,
        kind=int(event.kind),
        label=event.label,
        score=event.score,
        began=to_time(event.began_ns),
        at=to_time(event.at_ns),
    )
