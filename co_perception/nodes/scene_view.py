"""How `video_activity` looks at pictures: as whole scenes. `person_view` has the other way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol, TypeAlias

from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from co_perception.data.image_messages import Pixels
from co_perception.data.people_messages import Box
from co_perception.engine import data
from co_perception.learners.pacing import Admission
from co_perception.learners.recognition import Answer, Recognition, StreamingLearner
from co_perception.msg import SkeletonArray
from co_perception.nodes.annotate import annotate
from co_perception.nodes.listening import why_silent
from co_perception.nodes.messages import NOWHERE
from co_perception.nodes.qos import TRANSPORTS, image_qos
from co_perception.nodes.recogniser import RecogniserNode
from co_perception.nodes.silence import IMAGES
from co_perception.nodes.working import FOREIGN

Picture: TypeAlias = Image | CompressedImage


class Shot(NamedTuple):
    """A picture, and the people in it where they matter."""

    picture: Picture
    people: SkeletonArray | None = None


class Outcome(NamedTuple):
    """What stands after a shot, as `RecogniserNode.publish` wants it."""

    answers: Sequence[Answer]
    epoch: int
    regions: Mapping[str, Box] = NOWHERE


Receive = Callable[[Shot, Header, int | None], None]
"""Takes a shot, the header of its picture, and when that arrived on the process's own clock [ns]; None: now."""
Node: TypeAlias = RecogniserNode[Shot, StreamingLearner]


class View(Protocol):
    """Whose activity is recognised. Made when the node is configured, with the node, its learner and its settings."""

    def subscribe(self, values: SimpleNamespace, receive: Receive) -> Any:
        """Listens while the node is active; gives one of the subscriptions."""

    def answer(self, shot: Shot, frame: data.Image, admission: Admission) -> Outcome | None:
        """Steps the learner; `frame` is the shot's picture. On the worker's thread, as `reset` and `draw`.

        None: the shot waited while something newer was restored.
        """

    def reset(self, ids: Sequence[str]) -> list[str]:
        """Forgets these subjects; gives those that are not known."""

    def draw(self, pixels: Pixels, answers: Sequence[Answer]) -> Pixels:
        """The answers on a copy of the picture they belong to; RGB in, BGR out."""

    def silence(self, seconds: float) -> str:
        """Why no shot has come for so long."""

    def state(self, answers: Sequence[Answer]) -> str:
        """What stands, on one line."""

    def values(self, answers: Sequence[Answer]) -> dict[str, object]:
        """For the diagnostics."""


class SceneView:
    """One stream: whatever happens in the picture. Its subject is the empty id."""

    def __init__(self, node: Node, learner: StreamingLearner, values: SimpleNamespace) -> None:
        self._node = node
        self._labels = learner.labels
        self._recognition = Recognition(learner)

    def subscribe(self, values: SimpleNamespace, receive: Receive) -> Any:
        """Pictures, raw or compressed."""
        kind, topic = TRANSPORTS[values.image_transport]
        qos = image_qos(values.image_reliability, values.queue_depth)

        def on_picture(message: Picture) -> None:
            receive(Shot(message), message.header, None)

        self._pictures = self._node.listen_closely(kind, topic, on_picture, qos, foreign=FOREIGN)
        return self._pictures

    def answer(self, shot: Shot, frame: data.Image, admission: Admission) -> Outcome:
        """As `View`."""
        max_hold = self._node.settings["max_hold_frames"]
        answer = self._recognition.answer(frame, admission.epoch, admission.tick, max_hold)
        return Outcome([answer], answer.epoch)

    def reset(self, ids: Sequence[str]) -> list[str]:
        """As `View`."""
        if "" in ids:
            self._node.restart()
        return [id for id in ids if id]

    def draw(self, pixels: Pixels, answers: Sequence[Answer]) -> Pixels:
        """As `View`."""
        return annotate(pixels, answers[0], self._labels)

    def silence(self, seconds: float) -> str:
        """As `View`."""
        return why_silent(self._node, self._pictures, IMAGES, seconds)

    def state(self, answers: Sequence[Answer]) -> str:
        """The label that stands, or why there is none."""
        if not answers:
            return "waiting for the first frame"
        return answers[0].label or answers[0].category.status.name.lower().replace("_", " ")

    def values(self, answers: Sequence[Answer]) -> dict[str, object]:
        """Where the stream stands."""
        return {"progress": answers[0].category.progress, "epoch": answers[0].epoch} if answers else {}
