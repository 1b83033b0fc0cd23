"""Service ~/answer_inputs: what a recognizer of skeletons was given up to one answer, for `co-perception why`."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from co_perception.engine.settings import setting
from co_perception.engine.target import Pose
from co_perception.engine.time import nanoseconds
from co_perception.learners.recognizers import SkeletonSettings
from co_perception.nodes.core.messages import to_time
from co_perception.nodes.core.worker_node import WorkerNode
from co_perception.online.input_memory import BatchRow, RememberedStep
from co_perception.online.people_recognizers import SkeletonRecognizer
from co_perception.srv import GetAnswerInputs

# What decides which model steps, and how: with other numbers a replay would not be the same to the last bit.
LOADED_WITH = (
    *("network", "model", "model_path", "tasks", "task", "device", "threads", "optimize", "backend", "precision"),
    *("threshold", "min_progress"),
)

MOST_STREAMS = 1000  # as of max_people


@dataclass(frozen=True)
class AnswerInputsSettings:
    """How much is remembered for `co-perception why`."""

    why_memory_s: float = setting(
        120.0,
        "Time for which it is remembered what each person's stream was given, for co-perception why [s]; 0: nothing.",
        0.0,
        3600.0,
    )


class AnswerInputsService:
    """Serves `~/answer_inputs` while the node is configured. Its settings include `AnswerInputsSettings`.

    `recognizer` gives the one whose streams are meant, once the node is ready.
    """

    def __init__(self, node: WorkerNode[Any, Any], recognizer: Callable[[], SkeletonRecognizer]) -> None:
        self._node, self._recognizer = node, recognizer
        node.serve(GetAnswerInputs, "~/answer_inputs", self._on_ask)

    def _on_ask(self, request: GetAnswerInputs.Request, response: GetAnswerInputs.Response) -> GetAnswerInputs.Response:
        try:
            stamp_ns, ago_ns = nanoseconds(request.stamp), nanoseconds(request.ago)
            steps = self._node.on_worker(lambda: self._steps(stamp_ns, ago_ns, request.subject_id))
            learner: Any = self._recognizer().learner
            response.recognizer, response.settings = learner.name, settings_of(self._node.settings.current)
            write_steps(response, steps)
            if steps[0].before is not None:
                response.state = array("B", learner.packed_streams(steps[0].before))
            response.success = True
        except (ValueError, RuntimeError) as error:
            response.success, response.message = False, str(error)
        return response

    def _steps(self, stamp_ns: int, ago_ns: int, subject: str) -> list[RememberedStep]:
        """On the worker's thread. Raises ValueError where the moment is not remembered."""
        recognizer = self._recognizer()
        memory = recognizer.people.memory
        if memory is None:
            raise ValueError(
                "nothing is remembered: why_memory_s is 0, or the network takes several people at once. Set "
                "why_memory_s above 0 before the node is configured"
            )
        moment_ns = (stamp_ns or memory.stamp_ns) - ago_ns
        subject = memory.subject_at(moment_ns, subject)
        return memory.steps(subject, moment_ns, recognizer.learner.receptive_field + 1)


def settings_of(values: SkeletonSettings) -> list[str]:
    """Settings that the model was loaded with, as the option --set of commands takes them."""
    found = ((name, getattr(values, name)) for name in LOADED_WITH)
    return [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in found]


def write_steps(response: GetAnswerInputs.Response, steps: Sequence[RememberedStep]) -> None:
    """Writes steps into a response, but for the state before them.

    Raises:
        ValueError: where joints of more than one kind are among them.
    """
    poses = [step.observation for step in steps]
    if len({pose.kind for pose in poses}) > 1:
        raise ValueError("joints of two layouts came in that time: two pose estimators publish on one topic")
    response.subject_id, response.layout = poses[0].id, poses[0].layout
    response.coordinates, response.columns = poses[0].coordinates, poses[0].data.shape[1]
    response.joints = array("f", np.stack([pose.data for pose in poses]).tobytes())
    response.stamps = [to_time(step.stamp_ns) for step in steps]
    response.streams, response.rows, response.youngest = (
        array("I", values) for values in zip(*(step.batch for step in steps), strict=True)
    )
    last = steps[-1].probabilities
    response.probabilities = array("f", b"" if last is None else last.tobytes())


def steps_of(response: GetAnswerInputs.Response, before: Any) -> list[RememberedStep]:
    """The steps in a response; `before` is the state before them, None where there is none.

    Raises:
        ValueError: for one whose numbers contradict each other.
    """
    count, columns = len(response.stamps), int(response.columns)
    joints = np.array(response.joints, np.float32)
    if not count or columns not in (3, 4) or not len(joints) or len(joints) % (count * columns):
        raise ValueError(f"{len(joints)} numbers of {count} steps with {columns} columns are no joints")
    poses = [
        Pose(data, response.layout, id=response.subject_id, coordinates=response.coordinates)
        for data in joints.reshape(count, -1, columns)
    ]
    batches = list(map(BatchRow, response.streams, response.rows, response.youngest))
    if len(batches) != count or not all(batch.row < batch.streams <= MOST_STREAMS for batch in batches):
        raise ValueError(f"the rows of {count} steps are none: {batches[:3]}")
    stamps_ns = [nanoseconds(stamp) for stamp in response.stamps]
    last = [None] * (count - 1) + [np.array(response.probabilities, np.float32)]
    return [
        RememberedStep(stamp_ns, pose, scores, None if place else before, stored=not place, batch=batch)
        for place, (stamp_ns, pose, scores, batch) in enumerate(zip(stamps_ns, poses, last, batches, strict=True))
    ]
