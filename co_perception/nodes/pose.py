"""Node `pose`: pictures in, the skeletons of everybody in them out on `skeletons`, with ids that stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from types import SimpleNamespace
from typing import Any, TypeAlias

from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import Trigger

from co_perception.data.image_messages import Pixels, fill, to_rgb
from co_perception.engine import data
from co_perception.engine.target import Pose
from co_perception.msg import SkeletonArray
from co_perception.nodes import running
from co_perception.nodes.draw import draw_people
from co_perception.nodes.messages import nanoseconds
from co_perception.nodes.parameters import Setting
from co_perception.nodes.qos import RELIABILITY, TRANSPORTS, image_qos, result_qos
from co_perception.nodes.silence import IMAGES, Source
from co_perception.nodes.skeletons import skeleton_array
from co_perception.nodes.working import AUTOSTART, FOREIGN, QUEUE, SILENCE, WorkingNode
from co_perception.pose.estimator import PoseEstimator
from co_perception.pose.finder import FINDING, Finder, build
from co_perception.pose.tracker import NANO, Tracked

SETTINGS = (
    *FINDING,
    Setting("image_transport", "raw", "Subscribe to image_raw, or to image_raw/compressed.", choices=TRANSPORTS),
    Setting("image_reliability", "best_effort", "How frames are asked for.", choices=RELIABILITY),
    QUEUE,
    SILENCE,
    AUTOSTART,
)
EstimatorFactory = Callable[[SimpleNamespace], PoseEstimator]
Message: TypeAlias = Image | CompressedImage


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
        self._finder = Finder(self._estimator, values)
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
        return self.listen_closely(kind, topic, self._receive, qos, foreign=FOREIGN)

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
        lost = self._finder.reset()
        self._tracked = Tracked((), lost=lost)
        return lost

    # The worker's side

    def work(self, job: Job) -> None:
        """Answers one picture."""
        pixels = to_rgb(job.message)
        stamp_ns = nanoseconds(job.message.header.stamp)
        began_ns = perf_counter_ns()
        poses, tracked = self._finder.find(data.Image(pixels, stamp_ns))
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

    def _publish_annotated(self, message: Message, pixels: Pixels, poses: Sequence[Pose]) -> None:
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
