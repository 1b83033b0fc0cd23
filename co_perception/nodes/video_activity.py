"""Node `video_activity`: pictures in, what happens in them out on `activity`, one answer for every frame processed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns
from types import SimpleNamespace
from typing import Any, TypeAlias

from sensor_msgs.msg import CompressedImage, Image

from co_perception.engine import data
from co_perception.learners.recognition import Answer, Recognition, StreamingLearner
from co_perception.nodes import running
from co_perception.nodes.annotate import annotate
from co_perception.nodes.images import Pixels, fill, to_rgb
from co_perception.nodes.messages import nanoseconds
from co_perception.nodes.parameters import Setting
from co_perception.nodes.qos import RELIABILITY, TRANSPORTS, image_qos, result_qos
from co_perception.nodes.recogniser import RUNNING, Job, RecogniserNode
from co_perception.nodes.silence import IMAGES, Source
from co_perception.nodes.working import AUTOSTART, QUEUE, SILENCE

SETTINGS = (
    Setting("network", "coi3d_inception", "Video network to run."),
    Setting("model_path", "", "Folder written by a learner's save(); empty: the published weights in the local store."),
    Setting("threshold", 0.0, "Best score below which the status is UNCERTAIN, probability 0..1.", 0.0, 1.0),
    Setting("min_progress", 0.75, "Share of the receptive field, 0..1, from which on a label counts.", 0.0, 1.0),
    Setting("model_rate_hz", 25.0, "Ticks of the network's clock by header.stamp [Hz]; 0: one a frame.", 0.0, 1000.0),
    Setting("max_hold_frames", 2, "Missing ticks filled by the frame before; 0: only counted.", 0, 100, when="live"),
    Setting("image_transport", "raw", "Subscribe to image_raw, or to image_raw/compressed.", choices=TRANSPORTS),
    Setting("image_reliability", "best_effort", "How frames are asked for.", choices=RELIABILITY),
    *RUNNING,
    QUEUE,
    SILENCE,
    AUTOSTART,
)
LearnerFactory = Callable[[SimpleNamespace], StreamingLearner]
Message: TypeAlias = Image | CompressedImage


def build_learner(settings: SimpleNamespace) -> StreamingLearner:
    """The learner these settings ask for, without weights yet."""
    from co_perception.learners.video import ContinualVideoLearner

    return ContinualVideoLearner(
        settings.network,
        device=settings.device,
        min_progress=settings.min_progress,
        threshold=settings.threshold,
        threads=settings.threads or None,
    )


class VideoActivityNode(RecogniserNode[Message, StreamingLearner]):
    """Recognises activity in the pictures on `image_raw` while active.

    Besides what `RecogniserNode` has, publishes `~/annotated` (bgr8, only while somebody listens).
    """

    source: Source = IMAGES

    def __init__(
        self, learner_factory: LearnerFactory = build_learner, node_name: str = "video_activity", **options: Any
    ) -> None:
        super().__init__(node_name, SETTINGS, learner_factory, **options)

    # What RecogniserNode asks for

    def load(self, learner: StreamingLearner, values: SimpleNamespace) -> None:
        """Published weights, or those of a folder."""
        learner.load(values.model_path or None)

    def rate_hz(self, values: SimpleNamespace) -> float:
        """As the parameter says."""
        return float(values.model_rate_hz)

    def reset_subjects(self, ids: Sequence[str]) -> list[str]:
        """There is one subject, the whole scene, whose id is empty."""
        if "" in ids:
            self._pacer.restart()
        return [id for id in ids if id]

    def prepare(self, values: SimpleNamespace) -> None:
        """As `RecogniserNode`, and the annotated pictures."""
        super().prepare(values)
        self._recognition = Recognition(self._learner)
        self._annotated = self.publish_on(Image, "~/annotated", result_qos(values.queue_depth))

    def subscribe(self, values: SimpleNamespace) -> Any:
        """Raw or compressed pictures."""
        kind, topic = TRANSPORTS[values.image_transport]
        qos = image_qos(values.image_reliability, values.queue_depth)
        return self.listen(kind, topic, lambda message: self.receive(message, message.header), qos)

    # The worker's side

    def work(self, job: Job[Message]) -> None:
        """Answers one picture."""
        pixels = to_rgb(job.message)
        frame = data.Image(pixels, nanoseconds(job.message.header.stamp))
        began_ns = perf_counter_ns()
        admission, max_hold = job.admission, self.settings["max_hold_frames"]
        answer = self._recognition.answer(frame, admission.epoch, admission.tick, max_hold)
        self.timed(began_ns)
        self.publish(job, job.message.header, [answer], answer.epoch)
        if self._annotated.get_subscription_count():
            self._publish_annotated(job.message, pixels, answer)

    def _publish_annotated(self, message: Message, pixels: Pixels, answer: Answer) -> None:
        picture = annotate(pixels, answer, self._learner.labels)
        self._annotated.publish(fill(Image(header=message.header), picture, "bgr8"))

    # Every second

    def state(self) -> str:
        """The label that stands, or why there is none."""
        if not self._answers:
            return "waiting for the first frame"
        (answer,) = self._answers
        return answer.label or answer.category.status.name.lower().replace("_", " ")

    def values(self) -> dict[str, object]:
        """As `WorkingNode`, and what runs and where it stands."""
        weights = self.settings["model_path"] or "published"
        values: dict[str, object] = {"network": self.settings["network"], "weights": weights}
        for answer in self._answers:
            values |= {"progress": answer.category.progress, "epoch": answer.epoch}
        return values | {"rate of the model (Hz)": self.settings["model_rate_hz"]} | super().values()


def main() -> None:
    """Entry point of `ros2 run co_perception video_activity_node`."""
    running.main(VideoActivityNode)
