"""Node `pose`: estimates and tracks the skeletons of people in images; publishes them on `skeletons`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING

from rclpy.subscription import Subscription
from std_srvs.srv import Trigger

from co_perception.data.messages.decoding_counts import counted_decoding
from co_perception.data.messages.image import to_rgb
from co_perception.engine import data
from co_perception.engine.person_position import PersonPosition
from co_perception.engine.settings import setting
from co_perception.engine.stage_counts import NOBODY, Stage
from co_perception.engine.time import NANO, nanoseconds
from co_perception.msg import SkeletonArray
from co_perception.nodes.core import run_node
from co_perception.nodes.core.messages import skeleton_array
from co_perception.nodes.core.qos import ImageInputSettings, result_qos
from co_perception.nodes.core.run_letters import run_letters
from co_perception.nodes.core.topic_diagnosis import IMAGES, Source
from co_perception.nodes.core.worker_node import WorkerNode, WorkerSettings
from co_perception.nodes.image_inputs import ImageMessage, listen_to_images
from co_perception.nodes.position_settings import PositionSettings, position_input
from co_perception.pose.estimator import PoseEstimator
from co_perception.pose.finder import Finder, ImagePlace, PoseSettings, TrackedPoses, build, find_models
from co_perception.pose.tracker import Tracked
from co_perception.pose.uprightness import Uprightness

if TYPE_CHECKING:
    from co_perception.nodes.camera_motion_input import TransformMotion
    from co_perception.nodes.position_inputs import PositionInput

EstimatorFactory = Callable[[PoseSettings], PoseEstimator]


@dataclass(frozen=True)
class PoseNodeSettings(PoseSettings, ImageInputSettings, PositionSettings, WorkerSettings):
    """Parameters of the node `pose`."""

    camera_motion_frame: str = setting("odom", "Frame that stands still, where camera_motion is tf.")
    id_prefix: str = setting("", "What each id begins with; empty: letters of this run, so that no other run gives it.")


@dataclass(frozen=True)
class PoseJob:
    """An image for the worker thread, its place in the stream, and when it arrived [ns of `perf_counter_ns`]."""

    message: ImageMessage
    place: ImagePlace
    arrived_ns: int


class PoseNode(WorkerNode[PoseJob, PoseNodeSettings]):
    """Estimates the poses of people in the images on `image_raw` while active, and tracks them.

    Publishes `skeletons` (SkeletonArray, one per processed frame, in pixels of it, header copied; with positions in
    space where `position` asks for them) and /diagnostics; serves `~/reset`, which gives every person a new id. Ids
    tell who gave them, the node from one configuration to the next (`run_letters`): a restarted node gives nobody an
    old id. The worker thread owns estimator, tracker and smoother, the callback's thread places images by their stamps.
    """

    part = "people"
    loads = True
    source: Source = IMAGES

    def __init__(self, estimator_factory: EstimatorFactory = build, node_name: str = "pose", **options: object) -> None:
        self._estimator_factory = estimator_factory
        self._tracked = Tracked(())
        self._events: Counter[str] = Counter()
        self._looks: Counter[str] = Counter()
        self._id_prefix = ""
        self._positions: PositionInput | None = None
        self._camera_transforms: TransformMotion | None = None
        super().__init__(node_name, PoseNodeSettings, **options)

    # Lifecycle

    def check(self, values: PoseNodeSettings) -> None:
        """Finds the estimator's model. Raises FileNotFoundError where there is none, ValueError for another angle."""
        self._uprightness = Uprightness(values.turn)
        if self._estimator_factory is build:
            find_models(values)

    def prepare(self, values: PoseNodeSettings) -> None:
        """Creates publishers and the service."""
        self.while_configured.callback(self._events.clear)
        self.while_configured.callback(self._looks.clear)
        self.while_configured.callback(setattr, self, "_tracked", Tracked(()))
        self._skeletons = self.publish_on(SkeletonArray, "skeletons", result_qos(max(10, values.queue_depth)))
        self.serve(Trigger, "~/reset", self._on_reset)

    def load(self, values: PoseNodeSettings) -> PoseEstimator:
        """The estimator with its model."""
        return self._estimator_factory(values)

    def use(self, loaded: PoseEstimator) -> None:
        """Begins to track what the estimator finds."""
        self._estimator = loaded
        self.while_configured.callback(self._estimator.close)
        name = f"{self.get_fully_qualified_name()} of process {os.getpid()}"
        values = self.settings.current
        self._id_prefix = values.id_prefix or f"{run_letters(name, time_ns())}_p"
        self._finder = Finder(self._estimator, values, self._id_prefix)
        self.while_configured.callback(self._finder.reset)  # what people look like goes with the configuration
        self._follow_transforms()

    def discard(self, loaded: PoseEstimator) -> None:
        loaded.close()

    def subscribe(self, values: PoseNodeSettings) -> Subscription:
        """Subscribes to images, and to what positions need."""
        self._positions = position_input(self, values)
        if values.camera_motion == "tf":
            from co_perception.nodes.camera_motion_input import TransformMotion

            frame, rectified = values.camera_motion_frame, values.position_rectified
            self._camera_transforms = TransformMotion(self, frame, rectified, values.turn)
            self.while_active.callback(setattr, self, "_camera_transforms", None)
            self._follow_transforms()
        return self.listen_to_pictures(values)

    def listen_to_pictures(self, values: PoseNodeSettings) -> Subscription:
        """Lets pictures come in."""
        return listen_to_images(self, values, values.queue_depth, self._receive)

    def _follow_transforms(self) -> None:
        """Lets the finder take the camera's motion from TF, once both are there."""
        if self.settings.current.camera_motion == "tf" and hasattr(self, "_finder"):
            self._finder.camera_motion = self._camera_transforms

    def _receive(self, message: ImageMessage) -> None:
        if self.comes_too_early():
            return
        arrived_ns = perf_counter_ns()
        stamp_ns = nanoseconds(message.header.stamp)
        self.count_received(stamp_ns)
        if stamp_ns == 0:
            self.get_logger().warning(
                "Frames carry no stamp (header.stamp is 0), so no id is ever given up: let the driver "
                "stamp its frames with their acquisition time.",
                once=True,
            )
        place = self._finder.place(stamp_ns)
        if place.dropped:  # here: in the queue it would take the place of one that is of use
            self.counters.count(place.dropped.value)
        else:
            self.put(PoseJob(message, place, arrived_ns))

    def publisher_changed(self) -> None:
        """Begins anew: whom one camera saw is nobody in another one's pictures."""
        if self.ready:
            self._finder.end_stream()

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        def forget() -> tuple[str, ...]:
            lost = self._finder.reset()
            self._tracked = Tracked((), lost=lost)
            return lost

        forgotten = self.on_worker(forget)
        response.success = True
        response.message = f"forgotten: {', '.join(forgotten)}" if forgotten else "no people were tracked"
        return response

    # The worker's side

    def work(self, job: PoseJob) -> None:
        """Estimates the poses in one image."""
        header = job.message.header
        with counted_decoding(job.message, self.stages):
            pixels = to_rgb(job.message)
        began_ns, size, transforms = perf_counter_ns(), (pixels.shape[1], pixels.shape[0]), self._camera_transforms
        if transforms is not None:
            transforms.begin_frame(header, size)
        found = self._finder.find(data.Image(pixels, nanoseconds(header.stamp)), job.place)
        self.counters.time("step", (perf_counter_ns() - began_ns) / NANO)
        turn, positions = self._finder.turn, dict[str, PersonPosition]()
        if self._positions is not None:
            positions = self._positions.locate(found.poses, header, size, turn)
        if transforms is not None:
            transforms.end_frame(positions)
        latency_ns, lost = perf_counter_ns() - job.arrived_ns, self.counters.newly_dropped()
        self.send(
            skeleton_array(
                header, found.poses, self._estimator.name, size, latency_ns=latency_ns, dropped=lost,
                positions=positions, turn=turn, motions=found.motions,
            )
        )  # fmt: skip
        self.counters.time("latency", latency_ns / NANO)
        self._note(found, nanoseconds(header.stamp))

    def _note(self, found: TrackedPoses, stamp_ns: int) -> None:
        """Counts what became of an image, for the diagnostics and the log."""
        tracked = self._tracked = found.tracked
        self.counters.count("processed")
        self._uprightness.note(tracked.poses, stamp_ns)
        if found.poses:
            self.stages.add(Stage.PEOPLE)
        else:
            self.stages.lose(Stage.PEOPLE, NOBODY)
        people = {"born": tracked.born, "back": tracked.back, "lost": tracked.lost}
        self._events.update({event: len(ids) for event, ids in people.items()})
        self._events["poses ignored"] += tracked.ignored
        if self.settings.current.identity != "none":
            self._events["in doubt"] += len(tracked.doubtful)
        self._looks.update({"second looks": found.looks, "second looks with a find": found.finds})
        if tracked.doubtful:
            self.get_logger().info(f"{', '.join(tracked.doubtful)}: maybe somebody who was here, not surely; new ids")
        if tracked.restarted:
            self.log.warning("Stamps went backwards, or another camera sends now: all people get new ids", 5.0)

    def send(self, message: SkeletonArray) -> None:
        """Publishes the people of one picture."""
        self._skeletons.publish(message)

    # Every second

    def too_slow(self, dropped: int) -> str:
        """The warning, with the remedies there are."""
        return f"{super().too_slow(dropped)} Lower input_size or tiles, or the camera's rate; second_look 0 looks once."

    def doubt(self) -> str:
        """That everybody lies or hangs, as of a camera that is mounted otherwise than `rotate` says."""
        return self._uprightness.warning

    def state(self) -> str:
        """The ids of the people in the last image."""
        return ", ".join(pose.id for pose in self._tracked.poses) or "no people in sight"

    def values(self) -> dict[str, object]:
        """Counters and durations, the estimator, and how many people are tracked."""
        people = {"people": len(self._tracked.poses), "people missing": len(self._tracked.missing)}
        ids = {f"ids {event}": count for event, count in sorted(self._events.items())}
        given = {"estimator": self.settings.current.estimator, "ids begin with": self._id_prefix}
        positions = {} if self._positions is None else self._positions.diagnostics()
        motion = self._finder.camera_motion if self.ready else None
        unknown = {f"camera motion, {what}": count for what, count in motion.counts.items()} if motion else {}
        return {**given, **people, **ids, **self._looks, **positions, **unknown, **super().values()}


def main() -> None:
    """Entry point of `ros2 run co_perception pose_node`."""
    run_node.main(PoseNode)
