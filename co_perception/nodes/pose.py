"""Node `pose`: pictures in, the skeletons of everybody in them out on `skeletons`, with ids that stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter_ns
from types import SimpleNamespace
from typing import Any, TypeAlias

from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import Trigger

from co_perception.data.image_messages import Pixels, fill, to_rgb
from co_perception.engine import data
from co_perception.msg import SkeletonArray
from co_perception.nodes import running
from co_perception.nodes.draw import draw_people
from co_perception.nodes.messages import nanoseconds
from co_perception.nodes.parameters import Setting
from co_perception.nodes.qos import RELIABILITY, TRANSPORTS, image_qos, result_qos
from co_perception.nodes.silence import IMAGES, Source
from co_perception.nodes.skeletons import skeleton_array
from co_perception.nodes.working import AUTOSTART, QUEUE, SILENCE, WorkingNode
from co_perception.pose.estimator import ESTIMATORS, PoseEstimator, build_estimator
from co_perception.pose.smoothing import Smoother
from co_perception.pose.tracker import NANO, Tracked, Tracker

OWN = -1.0  # of a threshold: what the estimator has of its own
SETTINGS = (
    Setting("estimator", "movenet", "What finds people and their joints.", choices=ESTIMATORS),
    Setting("model_path", "", "Another model file for the estimator; empty: the one in the local store."),
    Setting("input_size", 256, "Longer side of MoveNet's input, a multiple of 32 [pixels].", 96, 1280),
    Setting("tiles", 1, "MoveNet: look at n x n parts of the picture besides, for small people.", 1, 4),
    Setting("person_threshold", OWN, "Least score of a person, 0..1; -1: the estimator's own.", OWN, 1.0),
    Setting("joint_threshold", OWN, "Least score of a joint, 0..1; -1: the estimator's own.", OWN, 1.0),
    Setting("threads", 2, "CPU threads of MoveNet; MediaPipe chooses for itself.", 1, 256),
    Setting("max_people", 6, "Most people followed at once; bounds memory and time.", 1, 64),
    Setting("max_missed_s", 1.0, "Time out of sight after which an id is given up [s].", 0.01, 60.0),
    Setting("confirm", 2, "Frames in a row somebody must be seen in to get an id.", 1, 100),
    Setting("smoothing", "none", "none, or one_euro: joints that tremble less.", choices=("none", "one_euro")),
    Setting("image_transport", "raw", "Subscribe to image_raw, or to image_raw/compressed.", choices=TRANSPORTS),
    Setting("image_reliability", "best_effort", "How frames are asked for.", choices=RELIABILITY),
    QUEUE,
    SILENCE,
    AUTOSTART,
)
EstimatorFactory = Callable[[SimpleNamespace], PoseEstimator]
Message: TypeAlias = Image | CompressedImage


def build(settings: SimpleNamespace) -> PoseEstimator:
    """The estimator these settings ask for."""
    options: dict[str, Any] = {"model_path": settings.model_path or None}
    for threshold in ("person_threshold", "joint_threshold"):
        if getattr(settings, threshold) >= 0:
            options[threshold] = getattr(settings, threshold)
    if settings.estimator == "movenet":
        options |= {"input_size": settings.input_size, "tiles": settings.tiles, "threads": settings.threads}
    else:
        options |= {"people": settings.max_people}
    return build_estimator(settings.estimator, **options)


@dataclass(frozen=True)
class Job:
    """A picture on its way from the callback to the worker; `arrived_ns` is on the process's own clock."""

    message: Message
    arrived_ns: int


class PoseNode(WorkingNode[Job]):
    """Finds people in the pictures on `image_raw` while active, and follows them.

    Publishes `skeletons` (SkeletonArray, one per processed frame, in pixels of it, header copied), `~/annotated` (rgb8,
    only while somebody listens) and /diagnostics; serves `~/reset`, which gives everybody a new id. The worker's thread
    owns estimator, tracker and smoother.
    """

    part = "people"
    source: Source = IMAGES

    def __init__(self, estimator_factory: EstimatorFactory = build, node_name: str = "pose", **options: Any) -> None:
        self._estimator_factory = estimator_factory
        self._tracked = Tracked(())
        self._events: Counter[str] = Counter()
        super().__init__(node_name, SETTINGS, **options)

    # Being configured and active

    def prepare(self, values: SimpleNamespace) -> None:
        """Loads the estimator, and makes publishers and the service."""
        self._estimator = self._estimator_factory(values)
        self.while_configured.callback(self._let_go)
        self._tracker = Tracker(values.max_people, values.max_missed_s, values.confirm)
        self._smoother = Smoother() if values.smoothing == "one_euro" else None
        self._skeletons = self.publish_on(SkeletonArray, "skeletons", result_qos(max(10, values.queue_depth)))
        self._annotated = self.publish_on(Image, "~/annotated", result_qos(values.queue_depth))
        self.serve(Trigger, "~/reset", self._on_reset)

    def _let_go(self) -> None:
        self._estimator.close()
        self._tracked = Tracked(())
        self._events.clear()

    def subscribe(self, values: SimpleNamespace) -> Any:
        """Raw or compressed pictures."""
        kind, topic = TRANSPORTS[values.image_transport]
        qos = image_qos(values.image_reliability, values.queue_depth)
        return self.listen(kind, topic, self._receive, qos)

    def _receive(self, message: Message) -> None:
        arrived_ns = perf_counter_ns()
        self.heard()
        if nanoseconds(message.header.stamp) == 0:
            self.get_logger().warning(
                "Frames carry no stamp (header.stamp is 0), so nobody is ever missing for too long: let the driver "
                "stamp its frames with their acquisition time.",
                once=True,
            )
        self.put(Job(message, arrived_ns))

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        forgotten = self.on_worker(self._forget)
        response.success = True
        response.message = f"forgotten: {', '.join(forgotten)}" if forgotten else "nobody was followed"
        return response

    def _forget(self) -> tuple[str, ...]:
        lost = self._tracker.reset()
        self._estimator.reset()
        self._tracked = Tracked((), lost=lost)
        if self._smoother is not None:
            self._smoother.forget(lost)
        return lost

    # The worker's side

    def work(self, job: Job) -> None:
        """Answers one picture."""
        pixels = to_rgb(job.message)
        stamp_ns = nanoseconds(job.message.header.stamp)
        began_ns = perf_counter_ns()
        found = self._estimator.estimate(data.Image(pixels, stamp_ns))
        tracked = self._tracker.update(found, stamp_ns)
        poses = list(tracked.poses)
        if self._smoother is not None:
            self._smoother.forget(tracked.lost)
            poses = self._smoother.smooth(poses, stamp_ns)
        self.tally.time("step", (perf_counter_ns() - began_ns) / NANO)
        size = (pixels.shape[1], pixels.shape[0])
        self._skeletons.publish(skeleton_array(job.message.header, poses, self._estimator.name, size))
        self.tally.time("latency", (perf_counter_ns() - job.arrived_ns) / NANO)
        self.tally.count("processed")
        self._tell(tracked)
        if self._annotated.get_subscription_count():
            self._publish_annotated(job.message, pixels, poses)

    def _tell(self, tracked: Tracked) -> None:
        self._tracked = tracked
        people = {"born": tracked.born, "back": tracked.back, "lost": tracked.lost}
        self._events.update({event: len(ids) for event, ids in people.items()})
        self._events["poses ignored"] += tracked.ignored
        if tracked.restarted:
            self.get_logger().warning("Stamps went backwards: everybody gets a new id", throttle_duration_sec=5.0)

    def _publish_annotated(self, message: Message, pixels: Pixels, poses: list[Any]) -> None:
        self._annotated.publish(fill(Image(header=message.header), draw_people(pixels, poses), "rgb8"))

    # Every second

    def too_slow(self, dropped: int) -> str:
        """As `WorkingNode`, with the remedies there are."""
        return f"{super().too_slow(dropped)} Lower input_size or tiles, or the camera's rate."

    def state(self) -> str:
        """Who is in sight."""
        ids = ", ".join(pose.id for pose in self._tracked.poses)
        return ids or "nobody in sight"

    def values(self) -> dict[str, object]:
        """As `WorkingNode`, and who was followed."""
        values: dict[str, object] = {"estimator": self.settings["estimator"], "people": len(self._tracked.poses)}
        values |= {"people missing": len(self._tracked.missing)}
        return values | {f"ids {event}": count for event, count in sorted(self._events.items())} | super().values()


def main() -> None:
    """Entry point of `ros2 run co_perception pose_node`."""
    running.main(PoseNode)
