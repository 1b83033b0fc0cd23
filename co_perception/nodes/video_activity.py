"""Node `video_activity`: images in, what happens in them out on `activity`, one answer for every frame processed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rclpy.parameter import Parameter
from rclpy.subscription import Subscription

from co_perception.data.messages.people import ImageWithPeople
from co_perception.engine import data
from co_perception.engine.picture_turn import PictureTurn
from co_perception.learners.recognizers import KINDS, PERSON, VideoSettings, video_learner
from co_perception.nodes.core import run_node
from co_perception.nodes.core.topic_diagnosis import IMAGES, Source
from co_perception.nodes.image_inputs import ImagePeopleInput, ImagePeopleSettings, listen_to_images, read_image
from co_perception.nodes.recognizer import RecognizerNode, RecognizerNodeSettings
from co_perception.online.crop_recognizer import PersonRecognizer
from co_perception.online.recognizer import StreamingLearner

LearnerFactory = Callable[[VideoSettings], StreamingLearner]


@dataclass(frozen=True)
class VideoNodeSettings(VideoSettings, RecognizerNodeSettings, ImagePeopleSettings):
    """Parameters of the node `video_activity`."""


class VideoActivityNode(RecognizerNode[data.Image | ImageWithPeople, StreamingLearner, VideoNodeSettings]):
    """Recognizes activity in the images on `image_raw` while active: the scene's, or that of each of the people on
    `skeletons`, which a pose estimator finds in the same images.

    Besides what `RecognizerNode` has, publishes `~/annotated` (bgr8, only while it has subscribers).
    """

    source: Source = IMAGES

    def __init__(
        self, learner_factory: LearnerFactory = video_learner, node_name: str = "video_activity", **options: Any
    ) -> None:
        self._people_input: ImagePeopleInput | None = None
        super().__init__(node_name, VideoNodeSettings, KINDS["video"], learner_factory, **options)
        self.add_post_set_parameters_callback(self._on_parameters)

    def prepare(self, values: VideoNodeSettings) -> None:
        PictureTurn(values.rotate, values.mirrored)  # raises for an angle that is none, before anything is loaded
        super().prepare(values)

    def subscribe(self, values: VideoNodeSettings) -> Subscription:
        """Subscribes to images, and to skeletons where each person's activity is asked for."""
        if values.subject == PERSON:
            self._people_input = ImagePeopleInput(values)
            return self._people_input.subscribe(self, values, self.receive_once_ready)
        self._people_input = None
        return listen_to_images(self, values, values.queue_depth, partial(self.receive_once_ready, read_image))

    def _on_parameters(self, changed: Sequence[Parameter]) -> None:
        for change in changed:
            if self.ready and change.name == "max_hold_frames":
                self._recognizer.max_hold_frames = int(change.value)

    # Every second

    def silence(self, seconds: float) -> str:
        """Why no frame has come, of images, and of skeletons where they matter."""
        return super().silence(seconds) if self._people_input is None else self._people_input.silence(self, seconds)

    def values(self) -> dict[str, object]:
        """Network and weights, state, refusals and counts."""
        current = self.settings.current
        values: dict[str, object] = {"network": current.network, "weights": current.model_path or "published"}
        if self.ready:
            recognizer = self._recognizer
            values |= {"rate of the model (Hz)": float(recognizer.pacer.rate_hz)}
            if isinstance(recognizer, PersonRecognizer):
                values |= {"people followed": len(recognizer.people.subjects), "epoch": recognizer.people.state_epoch}
                values |= {"state of a person (MB)": recognizer.streams.bytes_per_person / 1e6}
                values |= self._refusals.diagnostics()
            elif self._answers:
                values |= {"progress": self._answers[0].category.progress, "epoch": self._answers[0].epoch}
        return values | super().values()


def main() -> None:
    """Entry point of `ros2 run co_perception video_activity_node`."""
    run_node.main(VideoActivityNode)
