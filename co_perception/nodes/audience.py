"""A node that watches a recogniser at work: keeps what it says, and films what it shows."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter_ns

from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image

from co_perception.data.video import VideoWriter
from co_perception.evaluation.run import Heard
from co_perception.evaluation.timeline import Moment
from co_perception.learners.pacing import NANO
from co_perception.msg import Activity, ActivityArray
from co_perception.nodes.images import to_rgb
from co_perception.nodes.messages import nanoseconds
from co_perception.nodes.qos import result_qos
from co_perception.nodes.recorder import Recorder


class Audience(Node):
    """Hears `activity` into a recorder and a list, and writes the pictures on `annotated_topic` into a video.

    Args:
        recorder: takes the messages on `activity` byte for byte.
        film: video file to write.
        rate_hz: frames per second of that file.
        annotated_topic: where annotated pictures come from.
        queue_depth: messages the middleware keeps while this node is busy.
    """

    def __init__(
        self,
        recorder: Recorder,
        film: Path,
        rate_hz: float,
        annotated_topic: str = "video_activity/annotated",
        queue_depth: int = 100,
    ) -> None:
        super().__init__("audience")
        self.heard: list[Heard] = []
        self.filmed = 0
        self._writer = VideoWriter(film, rate_hz)
        recorder.record(self, ActivityArray, "activity", self._hear)
        self.create_subscription(Image, annotated_topic, self._film, result_qos(queue_depth))

    def finish(self) -> None:
        """Writes the film's end. May be repeated."""
        self._writer.close()

    def _hear(self, coded: bytes) -> None:
        received_ns = perf_counter_ns()
        message = deserialize_message(coded, ActivityArray)
        stamp_ns = nanoseconds(message.header.stamp)
        first_ns = self.heard[0].stamp_ns if self.heard else stamp_ns
        moments = [moment(activity, (stamp_ns - first_ns) / NANO) for activity in message.activities]
        self.heard += [Heard(said, stamp_ns, received_ns) for said in moments[:1]]

    def _film(self, message: Image) -> None:
        self._writer.write(to_rgb(message))
        self.filmed += 1


def moment(activity: Activity, time_s: float) -> Moment:
    """What one activity said, at `time_s` since the run began."""
    return Moment(
        time_s=time_s,
        label=activity.label,
        progress=activity.progress,
        hypotheses=tuple((guess.label, guess.score) for guess in activity.hypotheses),
        warm=activity.status != Activity.STATUS_WARMING_UP,
    )
