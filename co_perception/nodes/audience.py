"""A node that listens to recognisers at work, keeps what they say, and records it."""

from __future__ import annotations

from time import perf_counter_ns

from rclpy.node import Node
from rclpy.serialization import deserialize_message

from co_perception.evaluation.moments import Moment
from co_perception.evaluation.run import Heard
from co_perception.learners.pacing import NANO
from co_perception.msg import Activity, ActivityArray, ActivityEvent, SkeletonArray
from co_perception.nodes.messages import nanoseconds
from co_perception.nodes.recorder import Recorder

BESIDES = {"skeletons": SkeletonArray, "activity_events": ActivityEvent}  # recorded where somebody publishes them


class Audience(Node):
    """Hears `activity` into a list; has it, `skeletons` and `activity_events` recorded byte for byte.

    `recognizer` is who speaks on `activity`.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__("audience")
        self.heard: list[Heard] = []
        self.recognizer = ""
        recorder.record(self, ActivityArray, "activity", self._hear)
        for topic, kind in BESIDES.items():
            recorder.record(self, kind, topic)

    def _hear(self, coded: bytes) -> None:
        received_ns = perf_counter_ns()
        message = deserialize_message(coded, ActivityArray)
        self.recognizer, stamp_ns = message.recognizer, nanoseconds(message.header.stamp)
        first_ns = self.heard[0].stamp_ns if self.heard else stamp_ns
        self.heard.append(Heard(moments_of(message, (stamp_ns - first_ns) / NANO), stamp_ns, received_ns))


def moments_of(message: ActivityArray, time_s: float = 0.0) -> dict[str, Moment]:
    """What a message says of each subject in sight, by id, at `time_s` since the run began."""
    return {
        activity.subject_id: _moment(activity, time_s)
        for activity in message.activities
        if activity.status != Activity.STATUS_STALE
    }


def _moment(activity: Activity, time_s: float) -> Moment:
    return Moment(
        time_s=time_s,
        label=activity.label,
        progress=activity.progress,
        hypotheses=tuple((guess.label, guess.score) for guess in activity.hypotheses),
        warm=activity.status != Activity.STATUS_WARMING_UP,
    )
