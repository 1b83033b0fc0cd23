"""Base of the recognizer nodes: one `online.recognizer.Recognizer`, stepped by one message per frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter_ns
from typing import Any, Generic, Protocol, TypeVar

from rcl_interfaces.msg import SetParametersResult
from rclpy.parameter import Parameter
from std_msgs.msg import Header

from co_perception.data.messages.decoding_counts import counted_decoding
from co_perception.engine.label_groups import SubjectGroup
from co_perception.engine.settings import setting
from co_perception.engine.time import NANO, nanoseconds
from co_perception.learners.recognizers import RecognizerKind, RecognizerSettings, make_fast
from co_perception.msg import ActivityArray
from co_perception.nodes.core.diagnostics import Counters, RefusalCounter
from co_perception.nodes.core.event_publisher import EventPublisher, EventSettings
from co_perception.nodes.core.messages import activity_array, label_info
from co_perception.nodes.core.qos import result_qos
from co_perception.nodes.core.worker_node import WorkerNode, WorkerSettings
from co_perception.nodes.snapshot_service import SnapshotService, SnapshotSettings
from co_perception.online.events import LabelScores
from co_perception.online.pacing import Admission, Verdict
from co_perception.online.people_recognizers import PeopleRecognizer
from co_perception.online.recognizer import Answer, FrameAnswers, Recognizer, StreamingLearner, label_groups
from co_perception.srv import ResetState

MOST_NAMED = 100  # ids in the answer of a service


@dataclass(frozen=True)
class RecognizerNodeSettings(RecognizerSettings, EventSettings, WorkerSettings, SnapshotSettings):
    """Parameters of every recognizer node."""

    top_k: int = setting(5, "Hypotheses in each activity.", 1, 5, when="live")


Obs = TypeVar("Obs")  # what a recognizer gets of one frame
Obs_co = TypeVar("Obs_co", covariant=True)
Obs_contra = TypeVar("Obs_contra", contravariant=True)
L = TypeVar("L", bound=StreamingLearner)
S = TypeVar("S", bound=RecognizerNodeSettings)


@dataclass(frozen=True)
class FrameJob(Generic[Obs_co]):
    """A frame on its way from the callback to the worker.

    Args:
        decode: makes an observation of the message, on the worker's thread; raises ValueError for one that cannot be
            understood.
        arrived_ns: when the message came, on the process's own clock.
    """

    decode: Callable[[Any], Obs_co]
    message: Any
    header: Header
    stamp_ns: int
    admission: Admission
    arrived_ns: int


class Receive(Protocol[Obs_contra]):
    """Takes a frame in the callback's thread, see `RecognizerNode.receive`."""

    def __call__(
        self,
        decode: Callable[[Any], Obs_contra],
        message: Any,
        header: Header | None = ...,
        arrived_ns: int | None = ...,
    ) -> None: ...


class RecognizerNode(WorkerNode[FrameJob[Obs], S], Generic[Obs, L, S]):
    """Recognizes activity in stamped messages while active.

    Publishes `activity` (ActivityArray, one per processed frame, header copied from it), `activity_events`,
    `~/label_info` (latched) and /diagnostics; serves `~/reset`, and where it follows people `~/snapshot` and
    `~/restore`. The worker's thread owns learner and streams, the callback's thread the frame pacing.

    Args:
        settings: class of the parameters.
        kind: weights and recognizer.
        learner_factory: makes the learner that the parameters ask for, without weights.
        node_name, options: as `Node`.
    """

    _recognizer: Recognizer[Obs]
    loads = True

    def __init__(
        self,
        node_name: str,
        settings: type[S],
        kind: RecognizerKind[Any, L],
        learner_factory: Callable[[S], L],
        **options: Any,
    ) -> None:
        self._kind, self._learner_factory = kind, learner_factory
        self._answers: Sequence[Answer] = ()
        self._dropped_before = Counters(("frames",))  # by the pose estimator
        super().__init__(node_name, settings, **options)
        self._refusals = RefusalCounter(self.log)
        self.add_on_set_parameters_callback(self._check_threshold)
        self.add_post_set_parameters_callback(self._on_threshold)

    # Being configured and active

    def check(self, values: S) -> None:
        """Finds the weights. Raises as `load`."""
        if self._learner_factory is not self._kind.learner:  # what another learner needs is not known here
            return
        try:
            self._kind.find_weights(values)
        except Exception as error:
            raise _not_loaded(values, error) from error

    def prepare(self, values: S) -> None:
        """Makes publishers and services."""
        self._refusals.clear()
        self._activity = self.publish_on(ActivityArray, "activity", result_qos(max(10, values.queue_depth)))
        self._event_publisher = EventPublisher(self, values, values.max_gap_s)
        self.serve(ResetState, "~/reset", self._on_reset)
        if self._kind.follows_people(values):
            SnapshotService(self, self._people_recognizer)

    def use(self, loaded: L) -> None:
        """Makes the recognizer, and publishes its labels."""
        self._recognizer = self._kind.recognizer(loaded, self.settings.current, self._refusals.report)
        self._recognizer.counts = self.stages
        self.while_configured.callback(self._release)
        self._labels = self.latch("~/label_info", label_info(loaded, self.get_clock().now().to_msg()))

    def begin(self, values: S) -> None:
        """Starts worker and subscriptions; the end of being active ends the epoch."""
        self.while_active.callback(self._end_epoch)
        self._event_publisher.begin()
        super().begin(values)

    def load(self, values: S) -> L:
        """The learner with its weights, ready to run.

        Raises:
            RuntimeError: with the reason why there is none.
        """
        try:
            learner = self._learner_factory(values)
            learner.load(self._kind.weights(values))
            self.get_logger().info(f"{learner.name} steps {make_fast(learner, values)}")
            return learner
        except Exception as error:
            raise _not_loaded(values, error) from error

    def publish_labels(self) -> None:
        """Publishes the labels of a learner that has been exchanged, and ends the activities of the one before."""
        self._event_publisher.end()
        self._labels.publish(label_info(self._recognizer.learner, self.get_clock().now().to_msg()))

    # Another threshold

    def _check_threshold(self, changed: Sequence[Parameter]) -> SetParametersResult:
        """Refuses it while the network is loaded, and for a learner that cannot change it."""
        if self.settings.configured and any(change.name == "threshold" for change in changed):
            if not self.ready:
                return SetParametersResult(successful=False, reason=self.not_ready)
            if not hasattr(self._recognizer.learner, "choose_threshold"):
                return SetParametersResult(successful=False, reason="this model's threshold cannot be changed")
        return SetParametersResult(successful=True)

    def _on_threshold(self, changed: Sequence[Parameter]) -> None:
        """Applies it to the next frame, and publishes the labels with it."""
        for change in changed:
            if change.name == "threshold" and self.ready:
                learner: Any = self._recognizer.learner
                self.on_worker(partial(learner.choose_threshold, chosen_threshold(float(change.value))))
                self._labels.publish(label_info(learner, self.get_clock().now().to_msg()))

    def _end_epoch(self) -> None:
        if self.ready:
            self._recognizer.pacer.restart()

    def _people_recognizer(self) -> PeopleRecognizer[Any]:
        assert isinstance(self._recognizer, PeopleRecognizer)
        return self._recognizer

    def _release(self) -> None:
        del self._recognizer
        self._answers = ()

    # The callback's thread

    def receive_once_ready(
        self, decode: Callable[[Any], Obs], message: Any, header: Header | None = None, arrived_ns: int | None = None
    ) -> None:
        """`receive`, for subscriptions: a frame that comes before the node is ready is counted, and dropped."""
        if not self.comes_too_early():
            self.receive(decode, message, header, arrived_ns)

    def receive(
        self, decode: Callable[[Any], Obs], message: Any, header: Header | None = None, arrived_ns: int | None = None
    ) -> None:
        """Takes a frame, see `FrameJob`; by default it has the header of the message and arrived just now."""
        arrived_ns, header = arrived_ns or perf_counter_ns(), header or message.header
        stamp_ns = nanoseconds(header.stamp)
        admission = self._recognizer.admit(stamp_ns)
        self.count_received(stamp_ns)
        # Of a pair this node has received the picture itself, and counts what became of it.
        self._dropped_before.count("frames", int(getattr(message, "dropped_frames", 0)))
        if admission.jump_s is not None:
            self.get_logger().warning(
                f"Stamps jumped by {admission.jump_s:+.3f} s: state reset, epoch {admission.epoch}"
            )
        if admission.verdict == Verdict.TAKE:
            self.put(FrameJob(decode, message, header, stamp_ns, admission, arrived_ns))
            return
        self.counters.count(admission.verdict.value)
        if admission.verdict == Verdict.DUPLICATE and stamp_ns == 0:
            self.get_logger().warning(
                "Frames carry no stamp (header.stamp is 0), so time does not pass for the network: let the driver "
                "stamp its frames with their acquisition time.",
                once=True,
            )

    def publisher_changed(self) -> None:
        """Restarts: what one camera or estimator saw tells nothing about what another one sees."""
        self.get_logger().warning("Another camera or pose estimator sends now: state reset")
        self._end_epoch()
        self._event_publisher.end()

    def _on_reset(self, request: ResetState.Request, response: ResetState.Response) -> ResetState.Response:
        ids = list(dict.fromkeys(request.subject_ids))
        self.on_worker(lambda: self._recognizer.erase_inputs(ids))
        if not ids:
            self._recognizer.pacer.restart()
            self._event_publisher.end()
            response.success, response.message = True, "all is forgotten: the next frame begins a new epoch"
            return response
        unknown = self.on_worker(lambda: self._recognizer.reset(ids))
        self._event_publisher.end(ids)
        missed = set(unknown)
        parts = {"forgotten": [id for id in ids if id not in missed], "not known here": unknown}
        response.success = not unknown
        response.message = "; ".join(f"{what}: {_listed(group)}" for what, group in parts.items() if group)
        return response

    # The worker's thread

    def work(self, job: FrameJob[Obs]) -> None:
        """Reads and answers one frame, and publishes the answers."""
        # Of a pair it is the picture that may be unreadable.
        message = job.message[0] if isinstance(job.message, tuple) else job.message
        with counted_decoding(message, self._recognizer.counts):
            observation = job.decode(job.message)
        began_ns = perf_counter_ns()
        answered = self._recognizer.answer(observation, job.stamp_ns, job.admission)
        if answered is None:
            self.counters.count("outdated")
            return
        if too_slow := self._recognizer.input_rate.first_warning:
            self.get_logger().warning(too_slow, once=True)
        self.counters.time("step", (perf_counter_ns() - began_ns) / NANO)
        self.publish(job, answered)

    def publish(self, job: FrameJob[Obs], answered: FrameAnswers) -> None:
        """Publishes one message, with an activity for each answer."""
        self._answers = answered.answers
        for missing in {answer.subject: answer.missing for answer in answered.answers}.values():
            self.counters.count("missing", missing)
        latency_ns = perf_counter_ns() - job.arrived_ns
        message = activity_array(
            job.header,
            answered.answers,
            self._recognizer.learner,
            epoch=answered.state_epoch,
            regions=answered.regions,
            positions=answered.positions,
            top_k=self.settings.current.top_k,
            latency_ns=latency_ns + _latency_before_ns(job.message),
            dropped=self.counters.newly_dropped() + self._dropped_before.newly_dropped(),
        )
        self._activity.publish(message)
        self._event_publisher.update(message, self._label_scores(answered.answers))
        self.counters.time("latency", latency_ns / NANO)
        self.counters.count("processed")

    def _label_scores(self, answers: Sequence[Answer]) -> Iterator[tuple[SubjectGroup, LabelScores]]:
        """All scores of each answer, by label, as the event detector takes them."""
        learner = self._recognizer.learner
        labels, groups = learner.labels, label_groups(learner)
        for answer in answers:
            category = answer.category
            best = category.top(len(labels)) if category.data >= 0 and labels else []
            scores = {labels[k]: score for k, score in best if not groups or groups[k] == category.group}
            yield (answer.subject, category.group), LabelScores.of(category.status, scores)

    # Every second

    @property
    def hardware_id(self) -> str:
        return self.settings.current.device

    def state(self) -> str:
        """The newest answers on one line."""
        return self._recognizer.describe(self._answers)

    def doubt(self) -> str:
        """Input that is too slow for a label."""
        return self._recognizer.input_rate.warning if self.ready else ""

    def values(self) -> dict[str, object]:
        """Drops, counts and durations, and the rate of the input."""
        rate = self._recognizer.input_rate.hz if self.ready else None
        return {"rate of the input (Hz)": "no data yet" if rate is None else rate, **super().values()}

    def too_slow(self, dropped: int) -> str:
        remedy = "Lower model_rate_hz to what the machine can do, or give the network a GPU (device)."
        return f"{super().too_slow(dropped)} {remedy}"


def chosen_threshold(value: float) -> float | None:
    """That of a parameter; None: the model's own."""
    return None if value < 0 else value


def _latency_before_ns(message: Any) -> int:
    """What a frame has taken in the node before, as skeletons tell."""
    before = getattr(message, "processing_latency", None)
    return 0 if before is None else nanoseconds(before)


def _listed(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
    return ", ".join(map(repr, ids[:MOST_NAMED])) + more


def _not_loaded(values: RecognizerSettings, error: Exception) -> RuntimeError:
    return RuntimeError(f"cannot load {values.network or 'the model'}: {error}")
