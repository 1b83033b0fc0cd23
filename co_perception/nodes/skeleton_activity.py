"""Node `skeleton_activity`: people's poses in, what each of them does out on `activity`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.parameter import Parameter
from rclpy.subscription import Subscription
from std_msgs.msg import Header

from co_perception.data.messages.people import DetectedPeople
from co_perception.engine.settings import setting
from co_perception.learners.recognizers import KINDS, SkeletonSettings, skeleton_learner, skeleton_tasks
from co_perception.nodes.answer_inputs_service import AnswerInputsService, AnswerInputsSettings
from co_perception.nodes.core import run_node
from co_perception.nodes.core.qos import RELIABILITY, image_qos
from co_perception.nodes.core.topic_diagnosis import Source
from co_perception.nodes.position_settings import PositionSettings, position_input
from co_perception.nodes.recognizer import RecognizerNode, RecognizerNodeSettings, chosen_threshold
from co_perception.nodes.skeleton_inputs import INPUTS, SkeletonInputSettings
from co_perception.online.falls import FallRuleSettings
from co_perception.online.people import PeopleLearner
from co_perception.online.people_recognizers import SkeletonRecognizer
from co_perception.online.recognizer import label_groups

if TYPE_CHECKING:
    from co_perception.nodes.position_inputs import PositionInput

LearnerFactory = Callable[[SkeletonSettings], PeopleLearner]


@dataclass(frozen=True)
class SkeletonNodeSettings(
    SkeletonSettings,
    SkeletonInputSettings,
    PositionSettings,
    RecognizerNodeSettings,
    FallRuleSettings,
    AnswerInputsSettings,
):
    """Parameters of the node `skeleton_activity`."""

    input: str = setting("skeletons", "Messages that skeletons come in.", choices=INPUTS)
    reliability: str = setting("best_effort", "How skeletons are asked for.", choices=RELIABILITY)


class SkeletonActivityNode(RecognizerNode[DetectedPeople, PeopleLearner, SkeletonNodeSettings]):
    """Recognizes the activity of each person in `skeletons` while active: every id has a state of its own.

    The parameter `task` changes which of the adapters in `tasks` answers; no file is read for it.
    """

    _recognizer: SkeletonRecognizer
    _next: tuple[str, PeopleLearner | None]  # the task that is about to answer

    def __init__(
        self, learner_factory: LearnerFactory = skeleton_learner, node_name: str = "skeleton_activity", **options: Any
    ) -> None:
        super().__init__(node_name, SkeletonNodeSettings, KINDS["skeleton"], learner_factory, **options)
        self._task, self._next = "", ("", None)
        self._positions: PositionInput | None = None
        self.add_on_set_parameters_callback(self._check_task)
        self.add_post_set_parameters_callback(self._on_parameters)

    @property
    def source(self) -> Source:
        return self._input.source

    def prepare(self, values: SkeletonNodeSettings) -> None:
        self._input = INPUTS[values.input](values)
        super().prepare(values)
        AnswerInputsService(self, lambda: self._recognizer)

    def load(self, values: SkeletonNodeSettings) -> PeopleLearner:
        """The learner of the chosen task, with its weights."""
        self._task, self._learner_of = values.task, skeleton_tasks(super().load(values), values)
        learner: PeopleLearner = self._learner_of(values.task)
        return learner

    def use(self, loaded: PeopleLearner) -> None:
        super().use(loaded)
        self._recognizer.remember(self.settings.current.why_memory_s)
        self._find_falls(loaded)

    def _find_falls(self, learner: PeopleLearner) -> None:
        """Reports falls where that is asked for and the labels know them."""
        values = self.settings.current
        self._event_publisher.watch_falls(values, learner.labels, label_groups(learner), values.max_gap_s)

    def subscribe(self, values: SkeletonNodeSettings) -> Subscription:
        self._positions = position_input(self, values)
        return self._input.subscribe(self, image_qos(values.reliability, values.queue_depth), self.receive_once_ready)

    def receive_once_ready(
        self,
        decode: Callable[[Any], DetectedPeople],
        message: Any,
        header: Header | None = None,
        arrived_ns: int | None = None,
    ) -> None:
        """As that of all recognizers; positions in space are found with the decoding, on the worker's thread."""
        if self._positions is not None:
            decode = partial(self._with_positions, self._positions, decode, header or message.header)
        super().receive_once_ready(decode, message, header, arrived_ns)

    def _with_positions(
        self, positions: PositionInput, decode: Callable[[Any], DetectedPeople], header: Header, message: Any
    ) -> DetectedPeople:
        """The people of a message; who has no position in it gets one here."""
        people = decode(message)
        unknown = [pose for pose in people.source_poses if pose.id not in people.positions]
        found = positions.locate(unknown, header, people.size, people.turn)
        return replace(people, positions={**people.positions, **found})

    # Another task

    def _check_task(self, changed: Sequence[Parameter]) -> SetParametersResult:
        """Makes the learner of another task, so that one that cannot be had is refused and the one before goes on."""
        if not self.ready and self.settings.configured and any(change.name == "task" for change in changed):
            return SetParametersResult(successful=False, reason=self.not_ready)
        self._next = ("", None)  # of a change that was refused for another parameter
        for name in self._other_tasks(changed):
            try:
                self._next = (name, self.on_worker(partial(self._learner_of, name)))
            except (ValueError, OSError, RuntimeError) as error:
                return SetParametersResult(successful=False, reason=f"task stays {self._task!r}: {error}")
        return SetParametersResult(successful=True)

    def _on_parameters(self, changed: Sequence[Parameter]) -> None:
        for name in self._other_tasks(changed):
            task, learner = self._next
            if task == name and learner is not None:
                self.on_worker(partial(self._change_task, name, learner))
            self._next = ("", None)

    def _other_tasks(self, changed: Sequence[Parameter]) -> list[str]:
        names = [change.value for change in changed if change.name == "task" and isinstance(change.value, str)]
        return names[-1:] if names and self.ready and names[-1] != self._task else []

    def _change_task(self, name: str, learner: PeopleLearner) -> None:
        """Exchanges the learner, on the worker's thread."""
        self._task = name
        choose_threshold = getattr(learner, "choose_threshold", lambda _: None)
        choose_threshold(chosen_threshold(self.settings.current.threshold))  # it may be another one than at the start
        self._recognizer.exchange(learner)
        self.publish_labels()
        self._find_falls(learner)

    # Every second

    def silence(self, seconds: float) -> str:
        """Why no frame was received: none came, or what came cannot be used."""
        return self._input.lack or super().silence(seconds)

    def values(self) -> dict[str, object]:
        """Network, weights and backend, people followed and refused, and counts."""
        current = self.settings.current
        weights = current.model_path or current.model or "published"
        values: dict[str, object] = {"network": current.network, "weights": weights}
        if self.ready:
            recognizer = self._recognizer
            values |= {"network": recognizer.learner.name, "rate of the model (Hz)": float(recognizer.pacer.rate_hz)}
            values |= {"backend": getattr(recognizer.learner, "backend", "")}
            values |= {"people followed": len(recognizer.people.subjects), "epoch": recognizer.people.state_epoch}
        positions = {} if self._positions is None else self._positions.diagnostics()
        return values | self._refusals.diagnostics() | positions | super().values()


def main() -> None:
    """Entry point of `ros2 run co_perception skeleton_activity_node`."""
    run_node.main(SkeletonActivityNode)
