"""What recogniser nodes share: a learner, a clock of stamps, and `activity`, one message per processed frame."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

from std_msgs.msg import Header

from co_perception.data.people_messages import Box
from co_perception.learners import recognisers
from co_perception.learners.pacing import NANO, Admission, Pacer, Verdict
from co_perception.learners.recognition import Answer, StreamingLearner
from co_perception.msg import ActivityArray
from co_perception.nodes.announcing import EVENTS, Announcer
from co_perception.nodes.messages import activity_array, label_info, nanoseconds
from co_perception.nodes.parameters import Setting
from co_perception.nodes.qos import result_qos
from co_perception.nodes.working import WorkingNode
from co_perception.srv import ResetState

RUNNING = (*recognisers.RUNNING, Setting("top_k", 5, "Hypotheses in each activity.", 1, 5, when="live"), *EVENTS)

M = TypeVar("M")
L = TypeVar("L", bound=StreamingLearner)


@dataclass(frozen=True)
class Job(Generic[M]):
    """A frame on its way from the callback to the worker; `arrived_ns` is on the process's own clock."""

    message: M
    admission: Admission
    arrived_ns: int


class RecogniserNode(WorkingNode[Job[M]], Generic[M, L]):
    """Recognises activity in stamped messages while active.

    Publishes `activity` (ActivityArray, one per processed frame, header copied from it), `activity_events`,
    `~/label_info` (latched) and /diagnostics; serves `~/reset`. The settings include RUNNING. The worker's thread owns
    the learner.
    """

    def __init__(
        self, node_name: str, table: Iterable[Setting], learner_factory: Callable[[SimpleNamespace], L], **options: Any
    ) -> None:
        self._learner_factory = learner_factory
        self._answers: Sequence[Answer] = ()
        super().__init__(node_name, table, **options)

    # For the subclass to say

    @abstractmethod
    def load(self, learner: L, values: SimpleNamespace) -> None:
        """Gives the learner its weights. Raises what the learner raises."""

    @abstractmethod
    def rate_hz(self, values: SimpleNamespace) -> float:
        """Ticks of the network's clock [Hz], as `Pacer` takes it."""

    @abstractmethod
    def reset_subjects(self, ids: Sequence[str]) -> list[str]:
        """Forgets these subjects, on the worker's thread; gives those that are not known."""

    # Being configured and active

    def prepare(self, values: SimpleNamespace) -> None:
        """Loads the learner, and makes publishers and services."""
        self._learner = self._load(values)
        self._pacer = Pacer(self.rate_hz(values), values.max_gap_s)
        self.while_configured.callback(self._let_go)
        self._activity = self.publish_on(ActivityArray, "activity", result_qos(max(10, values.queue_depth)))
        self._announcer = Announcer(self, values)
        self._labels = self.latch("~/label_info", label_info(self._learner, self.get_clock().now().to_msg()))
        self.serve(ResetState, "~/reset", self._on_reset)

    def begin(self, values: SimpleNamespace) -> None:
        """As `WorkingNode`; the end of being active ends the epoch."""
        self.while_active.callback(self._pacer.restart)
        super().begin(values)

    def _load(self, values: SimpleNamespace) -> L:
        try:
            learner = self._learner_factory(values)
            self.load(learner, values)
            self.get_logger().info(f"{learner.name} steps {recognisers.make_fast(learner, values)}")
            return learner
        except Exception as error:
            raise RuntimeError(f"cannot load {values.network or 'the model'}: {error}") from error

    def exchange(self, learner: L) -> None:
        """Lets another learner answer from the next frame on, which begins an epoch. Called on the worker's thread."""
        self._learner = learner
        self._labels.publish(label_info(learner, self.get_clock().now().to_msg()))
        self.restart()

    def _let_go(self) -> None:
        del self._learner
        self._answers = ()

    # The callback's side

    def receive(self, message: M, header: Header, arrived_ns: int | None = None) -> None:
        """Takes a message; `header` is that of the frame it is about, `arrived_ns` when that came (None: just now)."""
        arrived_ns, stamp_ns = arrived_ns or perf_counter_ns(), nanoseconds(header.stamp)
        admission = self._pacer.admit(stamp_ns)
        self.heard()
        self._tell(admission, stamp_ns)
        if admission.verdict == Verdict.TAKE:
            self.put(Job(message, admission, arrived_ns))

    @property
    def epoch(self) -> int:
        """Of the stream of frames as they come."""
        return self._pacer.epoch

    def restart(self) -> None:
        """Ends the epoch: the next frame begins another, and all is forgotten."""
        self._pacer.restart()

    def another_sender(self) -> None:
        """What was seen by another camera says nothing of what this one sees."""
        self.get_logger().warning("Another camera is heard: state reset")
        self.restart()

    def _tell(self, admission: Admission, stamp_ns: int) -> None:
        if admission.verdict != Verdict.TAKE:
            self.tally.count(admission.verdict.value)
        if admission.jump_s is not None:
            jump = f"{admission.jump_s:+.3f} s"
            self.get_logger().warning(f"Stamps jumped by {jump}: state reset, epoch {admission.epoch}")
        if admission.verdict == Verdict.DUPLICATE and stamp_ns == 0:
            self.get_logger().warning(
                "Frames carry no stamp (header.stamp is 0), so time does not pass for the network: let the driver "
                "stamp its frames with their acquisition time.",
                once=True,
            )

    def _on_reset(self, request: ResetState.Request, response: ResetState.Response) -> ResetState.Response:
        if not request.subject_ids:
            self.restart()
            response.success, response.message = True, "all is forgotten: the next frame begins a new epoch"
            return response
        unknown = self.on_worker(lambda: self.reset_subjects(list(request.subject_ids)))
        response.success = not unknown
        known = [id for id in request.subject_ids if id not in unknown]
        said = [f"forgotten: {', '.join(map(repr, known))}"] if known else []
        said += [f"not known here: {', '.join(map(repr, unknown))}"] if unknown else []
        response.message = "; ".join(said)
        return response

    # The worker's side

    def publish(
        self,
        job: Job[M],
        header: Header,
        answers: Sequence[Answer],
        epoch: int,
        regions: Mapping[str, Box] | None = None,
    ) -> None:
        """Says what stands after a frame: one message, with an activity for each answer."""
        self._answers = answers
        for answer in answers:
            self.tally.count("missing", answer.missing)
        latency_ns = perf_counter_ns() - job.arrived_ns
        message = activity_array(
            header,
            answers,
            self._learner,
            epoch=epoch,
            regions=regions or {},
            top_k=self.settings["top_k"],
            latency_ns=latency_ns,
            dropped=self.tally.newly_dropped(),
        )
        self._activity.publish(message)
        self._announcer.watch(message)
        self.tally.time("latency", latency_ns / NANO)
        self.tally.count("processed")

    def timed(self, began_ns: int) -> None:
        """A step of the learner that began at `began_ns` has ended."""
        self.tally.time("step", (perf_counter_ns() - began_ns) / NANO)

    # Every second

    @property
    def hardware_id(self) -> str:
        """The device."""
        return str(self.settings["device"])

    def too_slow(self, dropped: int) -> str:
        """As `WorkingNode`, with the remedies there are."""
        return (
            f"{super().too_slow(dropped)} Lower model_rate_hz to what the machine can do, or give the network a GPU "
            "(device)."
        )
