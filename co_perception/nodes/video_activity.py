"""Node `video_activity`: pictures in, what happens in them out on `activity`, one answer for every frame processed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns
from types import SimpleNamespace
from typing import Any

from sensor_msgs.msg import Image

from co_perception.data.image_messages import fill, to_rgb
from co_perception.engine import data
from co_perception.learners.recognisers import VIDEO, video_learner, video_weights
from co_perception.learners.recognition import StreamingLearner
from co_perception.nodes import running
from co_perception.nodes.keeping import FOLDER
from co_perception.nodes.messages import nanoseconds
from co_perception.nodes.parameters import Setting
from co_perception.nodes.person_view import WAITING, PersonView
from co_perception.nodes.qos import RELIABILITY, TRANSPORTS, result_qos
from co_perception.nodes.recogniser import RUNNING, Job, RecogniserNode
from co_perception.nodes.scene_view import Node, SceneView, Shot, View
from co_perception.nodes.silence import IMAGES, Source
from co_perception.nodes.working import AUTOSTART, QUEUE, SILENCE

VIEWS: dict[str, Callable[[Node, StreamingLearner, SimpleNamespace], View]] = {"scene": SceneView, "person": PersonView}
SETTINGS = (
    *VIDEO,
    Setting("image_transport", "raw", "Subscribe to image_raw, or to image_raw/compressed.", choices=TRANSPORTS),
    Setting("image_reliability", "best_effort", "How frames are asked for.", choices=RELIABILITY),
    WAITING,
    FOLDER,
    *RUNNING,
    QUEUE,
    SILENCE,
    AUTOSTART,
)
LearnerFactory = Callable[[SimpleNamespace], StreamingLearner]


class VideoActivityNode(RecogniserNode[Shot, StreamingLearner]):
    """Recognises activity in the pictures on `image_raw` while active: the scene's, or that of each of the people on
    `skeletons`, which a pose estimator finds in the same pictures.

    Besides what `RecogniserNode` has, publishes `~/annotated` (bgr8, only while somebody listens).
    """

    source: Source = IMAGES

    def __init__(
        self, learner_factory: LearnerFactory = video_learner, node_name: str = "video_activity", **options: Any
    ) -> None:
        super().__init__(node_name, SETTINGS, learner_factory, **options)

    # What RecogniserNode asks for

    def load(self, learner: StreamingLearner, values: SimpleNamespace) -> None:
        """Published weights, or those of a folder."""
        learner.load(video_weights(values))

    def rate_hz(self, values: SimpleNamespace) -> float:
        """As the parameter says."""
        return float(values.model_rate_hz)

    def reset_subjects(self, ids: Sequence[str]) -> list[str]:
        """The whole scene's id is empty."""
        return self._view.reset(ids)

    def prepare(self, values: SimpleNamespace) -> None:
        """As `RecogniserNode`, and the annotated pictures."""
        super().prepare(values)
        self._view = VIEWS[values.subject](self, self._learner, values)
        self._annotated = self.publish_on(Image, "~/annotated", result_qos(values.queue_depth))

    def subscribe(self, values: SimpleNamespace) -> Any:
        """Pictures, and skeletons where they matter."""
        return self._view.subscribe(values, self.receive)

    # The worker's side

    def work(self, job: Job[Shot]) -> None:
        """Answers one picture."""
        picture = job.message.picture
        pixels = to_rgb(picture)
        frame = data.Image(pixels, nanoseconds(picture.header.stamp))
        began_ns = perf_counter_ns()
        outcome = self._view.answer(job.message, frame, job.admission)
        if outcome is None:
            self.tally.count("outdated")
            return
        self.timed(began_ns)
        answers, epoch, regions = outcome
        self.publish(job, picture.header, answers, epoch, regions)
        if self._annotated.get_subscription_count():
            drawn = self._view.draw(pixels, answers)
            self._annotated.publish(fill(Image(header=picture.header), drawn, "bgr8"))

    # Every second

    def silence(self, seconds: float) -> str:
        """As `WorkingNode`, of pictures, and of skeletons where they matter."""
        return self._view.silence(seconds)

    def state(self) -> str:
        """What stands."""
        return self._view.state(self._answers)

    def values(self) -> dict[str, object]:
        """As `WorkingNode`, and what runs and where it stands."""
        weights = self.settings["model_path"] or "published"
        values: dict[str, object] = {"network": self.settings["network"], "weights": weights}
        if self.settings.configured:
            values |= self._view.values(self._answers)
        return values | {"rate of the model (Hz)": self.settings["model_rate_hz"]} | super().values()


def main() -> None:
    """Entry point of `ros2 run co_perception video_activity_node`."""
    running.main(VideoActivityNode)
