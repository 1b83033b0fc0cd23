"""Node `video_activity`: pictures in, what happens in them out on `activity`, one answer for every frame processed."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, perf_counter_ns
from types import SimpleNamespace
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import Trigger

from co_perception.engine import data
from co_perception.msg import ActivityArray, LabelInfo
from co_perception.nodes import running
from co_perception.nodes.annotate import annotate
from co_perception.nodes.diagnostics import OK, WARN, diagnostic_array, tally_values
from co_perception.nodes.images import Pixels, fill, to_rgb
from co_perception.nodes.listening import why_silent
from co_perception.nodes.mailbox import Worker
from co_perception.nodes.messages import activity_array, label_info, nanoseconds
from co_perception.nodes.pacing import NANO, Admission, Pacer, Verdict
from co_perception.nodes.parameters import Setting, Settings
from co_perception.nodes.qos import RELIABILITY, TRANSPORTS, image_qos, latched_qos, result_qos
from co_perception.nodes.recognition import Answer, Recognition, StreamingLearner
from co_perception.nodes.tally import Tally

SETTINGS = (
    Setting("network", "coi3d_inception", "Video network to run."),
    Setting("model_path", "", "Folder written by a learner's save(); empty: the published weights in the local store."),
    Setting("device", "cpu", "Where the network runs: cpu, cuda, cuda:1, ..."),
    Setting("threads", 0, "CPU threads of the network in this process; 0: as torch chooses.", 0, 256),
    Setting("optimize", True, "Fold batch norms after loading; answers stay the same to 1e-4."),
    Setting("threshold", 0.0, "Best score below which the status is UNCERTAIN, probability 0..1.", 0.0, 1.0),
    Setting("min_progress", 0.75, "Share of the receptive field, 0..1, from which on a label counts.", 0.0, 1.0),
    Setting("top_k", 5, "Hypotheses in each activity.", 1, 5, when="live"),
    Setting("model_rate_hz", 25.0, "Ticks of the network's clock by header.stamp [Hz]; 0: one a frame.", 0.0, 1000.0),
    Setting("max_gap_s", 1.0, "Longer steps between stamps, and any backwards, reset the state [s].", 0.001, 3600.0),
    Setting("max_hold_frames", 2, "Missing ticks filled by the frame before; 0: only counted.", 0, 100, when="live"),
    Setting("queue_depth", 1, "Frames that may wait; 1: only the newest, which a live robot wants.", 1, 10000),
    Setting("image_transport", "raw", "Subscribe to image_raw, or to image_raw/compressed.", choices=TRANSPORTS),
    Setting("image_reliability", "best_effort", "How frames are asked for.", choices=RELIABILITY),
    Setting("silence_s", 5.0, "Time without a frame until the cause is logged [s].", 0.5, 3600.0, when="live"),
    Setting("autostart", True, "Configure and activate at start; false: wait for a lifecycle manager.", when="start"),
)
DROPS = ("displaced", "unreadable", "failed")
LearnerFactory = Callable[[SimpleNamespace], StreamingLearner]


@dataclass(frozen=True)
class Job:
    """A frame on its way from the callback to the worker; `arrived_ns` is on the process's own clock."""

    message: Image | CompressedImage
    admission: Admission
    arrived_ns: int


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


class VideoActivityNode(LifecycleNode):
    """Recognises activity in the pictures on `image_raw` while active.

    Publishes `activity` (ActivityArray, one per processed frame, header copied from it), `~/label_info` (latched),
    `~/annotated` (bgr8, only while somebody listens) and /diagnostics; serves `~/reset`. The callback leaves each frame
    in a mailbox; a worker thread owns the learner.
    """

    def __init__(
        self, learner_factory: LearnerFactory = build_learner, node_name: str = "video_activity", **options: Any
    ) -> None:
        super().__init__(node_name, **options)
        self._worker: Worker[Job] | None = None  # destroy_node() looks for it, even where a setting below is refused
        self._subscription: Any = None
        self.settings = Settings(self, SETTINGS)
        self.tally = Tally(DROPS)
        self._learner_factory = learner_factory
        self._answer: Answer | None = None
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", result_qos())
        self.create_timer(1.0, self._look_after, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # Transitions

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Loads the learner, which may take seconds, and makes publishers and service."""
        values = self.settings.read()
        try:
            self._learner = self._learner_factory(values)
            self._learner.load(values.model_path or None)
            if values.optimize:
                self._learner.optimize()
        except Exception as error:  # a missing file, package or device: all mean "not with these settings"
            self.get_logger().error(f"Cannot load {values.network}: {error}")
            return TransitionCallbackReturn.FAILURE
        self.tally, self._displaced_told = Tally(DROPS), 0
        self._pacer = Pacer(values.model_rate_hz, values.max_gap_s)
        self._recognition = Recognition(self._learner)
        depth = max(10, values.queue_depth)
        self._activity = self.create_lifecycle_publisher(ActivityArray, "activity", result_qos(depth))
        self._annotated = self.create_lifecycle_publisher(Image, "~/annotated", result_qos(values.queue_depth))
        self._labels = self.create_publisher(LabelInfo, "~/label_info", latched_qos())
        self._labels.publish(label_info(self._learner, self.get_clock().now().to_msg()))
        self._reset_service = self.create_service(Trigger, "~/reset", self._on_reset)
        self.settings.configured = True
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begins to listen. rclpy's subscriptions know no lifecycle: this one exists only while the node is active."""
        result = super().on_activate(state)
        values = self.settings.read()
        self._worker = Worker(self._process, self._fail, depth=values.queue_depth, name="video_activity")
        self._kind, topic = TRANSPORTS[values.image_transport]
        qos = image_qos(values.image_reliability, values.queue_depth)
        self._subscription = self.create_subscription(self._kind, topic, self._on_image, qos)
        self._heard = monotonic()
        self.get_logger().info(f"Listening on {self._subscription.topic_name}, {values.image_reliability}")
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stops listening; the next activation begins a new epoch."""
        self._stop()
        self._pacer.restart()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Lets go of learner, publishers and service."""
        self._tear_down()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """As deactivate and cleanup, from any state."""
        self._tear_down()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """As `LifecycleNode.destroy_node`; ends the worker first."""
        self._stop()
        super().destroy_node()

    # The callback's side

    def _on_image(self, message: Image | CompressedImage) -> None:
        arrived_ns, self._heard = perf_counter_ns(), monotonic()
        admission = self._pacer.admit(nanoseconds(message.header.stamp))
        self._tell_admission(admission, message)
        if self._worker is None or admission.verdict != Verdict.TAKE:
            return
        if self._worker.put(Job(message, admission, arrived_ns)):
            self.tally.count("displaced")

    def _tell_admission(self, admission: Admission, message: Image | CompressedImage) -> None:
        self.tally.count("received")
        if admission.verdict != Verdict.TAKE:
            self.tally.count(admission.verdict.value)
        if admission.missing:
            self.tally.count("missing", admission.missing)
        if admission.jump_s is not None:
            jump = f"{admission.jump_s:+.3f} s"
            self.get_logger().warning(f"Stamps jumped by {jump}: state reset, epoch {admission.epoch}")
        if admission.verdict == Verdict.DUPLICATE and nanoseconds(message.header.stamp) == 0:
            self.get_logger().warning(
                "Frames carry no stamp (header.stamp is 0), so time does not pass for the network: let the driver "
                "stamp its frames with their acquisition time.",
                once=True,
            )

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._pacer.restart()
        response.success = True
        response.message = f"the next frame begins epoch {self._pacer.epoch}"
        return response

    # The worker's side

    def _process(self, job: Job) -> None:
        pixels = to_rgb(job.message)
        frame = data.Image(pixels, nanoseconds(job.message.header.stamp))
        began_ns = perf_counter_ns()
        hold = min(job.admission.missing, self.settings["max_hold_frames"])
        self._answer = self._recognition.answer(frame, job.admission.epoch, hold)
        self.tally.time("step", (perf_counter_ns() - began_ns) / NANO)
        self._publish(job, self._answer)
        if self._annotated.get_subscription_count():
            self._publish_annotated(job, pixels, self._answer)

    def _publish(self, job: Job, answer: Answer) -> None:
        latency_ns = perf_counter_ns() - job.arrived_ns
        self._activity.publish(
            activity_array(
                job.message.header,
                answer,
                self._learner,
                top_k=self.settings["top_k"],
                latency_ns=latency_ns,
                dropped=self.tally.newly_dropped(),
            )
        )
        self.tally.time("latency", latency_ns / NANO)
        self.tally.count("processed")

    def _publish_annotated(self, job: Job, pixels: Pixels, answer: Answer) -> None:
        picture = annotate(pixels, answer, self._learner.labels)
        self._annotated.publish(fill(Image(header=job.message.header), picture, "bgr8"))

    def _fail(self, job: Job, error: Exception) -> None:
        if not self.context.ok():  # the process is ending, and with it what the worker was about to publish
            return
        readable = not isinstance(error, (ValueError, ImportError))
        self.tally.count("failed" if readable else "unreadable")
        detail = "".join(traceback.format_exception(error)) if readable else str(error)
        self.get_logger().error(f"Frame dropped: {detail}", throttle_duration_sec=5.0)

    # Every second

    def _look_after(self) -> None:
        level, message = self._health()
        if level == WARN:
            self.get_logger().warning(message, throttle_duration_sec=30.0)
        stamp, name = self.get_clock().now().to_msg(), f"{self.get_name()}: stream"
        array = diagnostic_array(stamp, name, level, message, self._values(), self.settings["device"])
        self._diagnostics.publish(array)

    def _health(self) -> tuple[bytes, str]:
        if self._subscription is None:
            return OK, "not active"
        silent_s = monotonic() - self._heard
        if silent_s > self.settings["silence_s"]:
            return WARN, why_silent(self, self._subscription, _type_name(self._kind), silent_s)
        displaced = self.tally.counts().get("displaced", 0)
        newly, self._displaced_told = displaced - self._displaced_told, displaced
        if newly:
            return WARN, self._too_slow(newly)
        if self._answer is None:
            return OK, "waiting for the first frame"
        return OK, self._answer.label or self._answer.category.status.name.lower().replace("_", " ")

    def _too_slow(self, dropped: int) -> str:
        step_ms = self.tally.percentile_ms("step", 50) or 0.0
        return (
            f"{dropped} frames dropped in a second: one takes {step_ms:.0f} ms here, so they come faster than they are "
            "answered. Lower model_rate_hz to what the machine can do, or give the network a GPU (device)."
        )

    def _values(self) -> dict[str, object]:
        weights = self.settings["model_path"] or "published"
        values: dict[str, object] = {"network": self.settings["network"], "weights": weights}
        if self._answer is not None:
            values |= {"progress": self._answer.category.progress, "epoch": self._answer.epoch}
        values |= {"rate of the model (Hz)": self.settings["model_rate_hz"], "frames dropped": self.tally.dropped}
        return values | tally_values(self.tally, ("step", "latency"))

    # Ending

    def _stop(self) -> None:
        if self._subscription is not None:
            self.destroy_subscription(self._subscription)
            self._subscription = None
        if self._worker is not None:
            self.tally.count("left at stop", self._worker.stop())
            self._worker = None

    def _tear_down(self) -> None:
        self._stop()
        if self.settings.configured:
            self.destroy_lifecycle_publisher(self._activity)
            self.destroy_lifecycle_publisher(self._annotated)
            self.destroy_publisher(self._labels)
            self.destroy_service(self._reset_service)
            del self._learner, self._recognition
            self._answer = None
            self.settings.configured = False


def _type_name(kind: type) -> str:
    return f"sensor_msgs/msg/{kind.__name__}"


def main() -> None:
    """Entry point of `ros2 run co_perception video_activity_node`."""
    running.main(VideoActivityNode)
