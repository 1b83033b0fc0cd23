"""Node `skeleton_activity`: people's poses in, what each of them does out on `activity`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns
from types import SimpleNamespace
from typing import Any

from rclpy.parameter import Parameter

from co_perception.learners.people import People, PeopleLearner
from co_perception.learners.recognisers import (
    SKELETON,
    policy,
    skeleton_learner,
    skeleton_rate_hz,
    skeleton_tasks,
    skeleton_weights,
)
from co_perception.nodes import running
from co_perception.nodes.following import Refusals, in_sight
from co_perception.nodes.keeping import FOLDER, Keeper
from co_perception.nodes.messages import nanoseconds
from co_perception.nodes.parameters import Setting
from co_perception.nodes.qos import RELIABILITY, image_qos
from co_perception.nodes.recogniser import RUNNING, Job, RecogniserNode
from co_perception.nodes.silence import Source
from co_perception.nodes.skeleton_inputs import INPUTS
from co_perception.nodes.working import AUTOSTART, QUEUE, SILENCE

SETTINGS = (
    *SKELETON,
    Setting("input", "skeletons", "Messages that skeletons come in.", choices=INPUTS),
    Setting("hri_image_width", 640, "Width of the image behind input hri, which does not tell [pixels].", 1, 100000),
    Setting("hri_image_height", 480, "Height of the image behind input hri [pixels].", 1, 100000),
    Setting("reliability", "best_effort", "How skeletons are asked for.", choices=RELIABILITY),
    FOLDER,
    *RUNNING,
    QUEUE,
    SILENCE,
    AUTOSTART,
)
LearnerFactory = Callable[[SimpleNamespace], PeopleLearner]


class SkeletonActivityNode(RecogniserNode[Any, PeopleLearner]):
    """Recognises the activity of everybody in `skeletons` while active: each has a state that follows their id.

    Besides what `RecogniserNode` has, serves `~/snapshot` and `~/restore`. The parameter `task` changes which of the
    adapters in `tasks` answers; no file is read for it.
    """

    def __init__(
        self, learner_factory: LearnerFactory = skeleton_learner, node_name: str = "skeleton_activity", **options: Any
    ) -> None:
        self._refused = Refusals()
        super().__init__(node_name, SETTINGS, learner_factory, **options)
        self.add_post_set_parameters_callback(self._on_parameters)

    # What RecogniserNode asks for

    @property
    def source(self) -> Source:
        """That of the chosen input."""
        return self._input.source

    def load(self, learner: PeopleLearner, values: SimpleNamespace) -> None:
        """The weights the settings name."""
        learner.load(skeleton_weights(values))

    def _load(self, values: SimpleNamespace) -> PeopleLearner:
        self._task, self._of_task = values.task, skeleton_tasks(super()._load(values), values)
        return self._of_task(values.task)

    def rate_hz(self, values: SimpleNamespace) -> float:
        """As the parameter says, or the network's own."""
        return skeleton_rate_hz(self._learner, values)

    def reset_subjects(self, ids: Sequence[str]) -> list[str]:
        """Forgets these people."""
        return self._people.reset(ids)

    def prepare(self, values: SimpleNamespace) -> None:
        """As `RecogniserNode`, and the people followed."""
        self._input = INPUTS[values.input](values)
        super().prepare(values)
        self._people = People(self._learner, policy(values))
        self._refused.clear()
        self._keeper = Keeper(self, self._people)

    def subscribe(self, values: SimpleNamespace) -> Any:
        """Listens to the chosen input."""
        return self._input.subscribe(self, image_qos(values.reliability, values.queue_depth), self.receive)

    # Another task

    def _on_parameters(self, changed: Sequence[Parameter]) -> None:
        names = [change.value for change in changed if change.name == "task"]
        if names and self.settings.configured and names[-1] != self._task:
            self.on_worker(lambda: self._change(names[-1]))

    def _change(self, name: str) -> None:
        """On the worker's thread. A task that there is not is told, and the one before goes on."""
        try:
            learner, values = self._of_task(name), self.settings.read()
        except ValueError as error:
            self.get_logger().error(f"task stays {self._task!r}: {error}")
            return
        self._task, self._people = name, People(learner, policy(values))
        self._keeper.people = self._people
        self.exchange(learner)

    # The worker's side

    def work(self, job: Job[Any]) -> None:
        """Answers one frame: everybody in it, and those lately seen."""
        admission, header = job.admission, job.message.header
        if admission.epoch < self._people.stream:  # it waited while something newer was restored
            self.tally.count("outdated")
            return
        reading = self._input.read(job.message)
        self._refused.tell(reading.refused, self.get_logger())
        reading.check()
        began_ns, crowded = perf_counter_ns(), self._people.crowded_out
        answers = self._people.answer(reading.poses, nanoseconds(header.stamp), admission.epoch, admission.tick)
        self.timed(began_ns)
        crowded = self._people.crowded_out - crowded
        self._refused.tell_crowded(crowded, self.settings["max_people"], self.get_logger())
        self.publish(job, header, answers, self._people.epoch, reading.regions)

    # Every second

    def state(self) -> str:
        """Who does what."""
        return in_sight(self._answers)

    def values(self) -> dict[str, object]:
        """As `WorkingNode`, and what runs, whom it follows, and whom it could not read."""
        weights = self.settings["model_path"] or self.settings["model"] or "published"
        values: dict[str, object] = {"network": self.settings["network"], "weights": weights}
        if self.settings.configured:
            values |= {"network": self._learner.name, "rate of the model (Hz)": float(self._pacer.rate_hz)}
            values |= {"people followed": len(self._people.subjects), "epoch": self._people.epoch}
        return values | self._refused.told() | super().values()


def main() -> None:
    """Entry point of `ros2 run co_perception skeleton_activity_node`."""
    running.main(SkeletonActivityNode)
