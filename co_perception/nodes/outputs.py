"""Node `outputs`: what `activity` and `skeletons` say, in messages that RViz, Foxglove and other packages know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from math import inf
from time import monotonic, perf_counter_ns
from typing import Any

from rclpy.clock import Clock, ClockType

from co_perception.engine.names import no_such
from co_perception.engine.settings import setting
from co_perception.engine.time import NANO, nanoseconds
from co_perception.msg import ActivityArray, SkeletonArray
from co_perception.nodes.core import run_node
from co_perception.nodes.core.camera_info_input import NO_CAMERA_INFO, CameraInfoInput
from co_perception.nodes.core.complaints import Complaints
from co_perception.nodes.core.diagnostics import OK, WARN, counter_values
from co_perception.nodes.core.managed_node import ManagedNode
from co_perception.nodes.core.qos import ImageInputSettings, result_qos
from co_perception.nodes.core.worker_node import FOREIGN_SKELETONS, SilenceSettings
from co_perception.nodes.output_formats.output_format import WITHOUT_PICTURE, OutputFormat
from co_perception.nodes.output_formats.people_frame import FrameReader, PeopleFrame
from co_perception.online.synchronizer import StampGroup, Synchronizer

MARKERS, ANNOTATED = "markers", "annotated"
FORMATS = {  # output: file below output_formats, and class; imported where it is asked for
    MARKERS: ("markers", "MarkerOutput"),
    "annotations": ("image_annotations", "AnnotationOutput"),
    "detections": ("detections", "DetectionOutput"),
    "humans": ("humans", "HumansOutput"),
    ANNOTATED: ("annotated_picture", "AnnotatedPictureOutput"),
}
SKELETONS, ACTIVITY = "skeletons", "activity"
TICK_S = 0.05  # between two checks for frames that have waited long enough
ALONE_S = 2.0  # without a message after which the other topic is not waited for
NO_INFO, BAD_INFO = "markers without camera_info", "markers, camera_info cannot be used"
NO_PLACE, UNREADABLE = "markers without a position", "skeletons that cannot be read"
NO_POSITION = (
    "people have no position to put markers at: set `position` of the node that gets their joints, such as "
    "position:=camera_info of the launch file (docs/position.md)."
)
PATIENCE = {NO_INFO: 10, NO_PLACE: 30, WITHOUT_PICTURE: 10}  # frames in which it may happen


@dataclass(frozen=True)
class OutputSettings(ImageInputSettings, SilenceSettings):
    """Parameters of the node `outputs`."""

    outputs: str = setting(ANNOTATED, f"What is published, of {', '.join(FORMATS)}; with commas between.")
    max_wait_s: float = setting(0.5, "Time for which skeletons wait for their activities [s].", 0.0, 60.0)
    position_rectified: bool = setting(False, "The pictures are rectified: P of camera_info holds, and no distortion.")


def chosen_outputs(text: str) -> list[str]:
    """The outputs of a list with commas. Raises ValueError for a name that is none, and for an empty list."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in FORMATS:
            raise ValueError(f"outputs: {no_such('output', name, FORMATS)}.")
    if not names:
        raise ValueError(f"outputs is empty: name some of {', '.join(FORMATS)}, with commas between, or start no node.")
    return names


class OutputsNode(ManagedNode[OutputSettings]):
    """Joins `skeletons` and `activity` by stamp while active, and publishes each frame in the formats of `outputs`.

    It is a node of its own: recognizers, the pose estimator and fusion do the same whether it runs or not, and there is
    one of each topic whichever of them runs. Either topic may be missing. What is wrong with a frame is counted and
    logged once.
    """

    part = "outputs"

    def __init__(self, node_name: str = "outputs", **options: object) -> None:
        self._formats: dict[str, OutputFormat] = {}
        self._received_s: dict[str, float] = {}
        self._cameras: CameraInfoInput | None = None
        self._complaints: Complaints | None = None
        super().__init__(node_name, OutputSettings, **options)

    def check(self, values: OutputSettings) -> None:
        """Raises ValueError for an output that there is not."""
        chosen_outputs(values.outputs)

    def prepare(self, values: OutputSettings) -> None:
        """Makes the formats. Raises ImportError for one whose messages are not installed."""
        self._complaints = Complaints(self, "An output lacks something", PATIENCE)
        self.while_configured.callback(setattr, self, "_formats", {})
        made: dict[str, OutputFormat] = {}
        for name in chosen_outputs(values.outputs):
            file, kind = FORMATS[name]
            make = getattr(import_module(f"co_perception.nodes.output_formats.{file}"), kind)
            made[name] = make(self, values, self._complaints)
        self._formats = made

    def begin(self, values: OutputSettings) -> None:
        """Subscribes."""
        self._reader = FrameReader()
        self._synchronizer: Synchronizer[Any] = Synchronizer((SKELETONS, ACTIVITY), values.max_wait_s)
        self._began_s, self._received_s = monotonic(), {SKELETONS: -inf, ACTIVITY: -inf}
        self.while_active.callback(setattr, self, "_received_s", {})
        for topic, kind, foreign in (
            (SKELETONS, SkeletonArray, FOREIGN_SKELETONS),
            (ACTIVITY, ActivityArray, "of another recognizer"),
        ):
            self.listen_counted(kind, topic, partial(self._put, topic), result_qos(), foreign=foreign)
        self._cameras = CameraInfoInput(self, values.position_rectified) if MARKERS in self._formats else None
        for each in self._formats.values():
            each.begin()
        timer = self.create_timer(TICK_S, self._publish_overdue, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.while_active.callback(self.destroy_timer, timer)

    def _put(self, topic: str, message: Any) -> None:
        """Takes a message; where the other topic is silent, it is a frame by itself."""
        now_s, stamp_ns = monotonic(), nanoseconds(message.header.stamp)
        self.counters.count(f"received from {topic}")
        self._received_s[topic] = now_s
        if now_s - min(self._received_s.values()) > ALONE_S:
            self._publish([*self._synchronizer.restart(), StampGroup(stamp_ns, {topic: message})])
        else:
            self._publish(self._synchronizer.put(topic, stamp_ns, message, now_s))

    def _publish_overdue(self) -> None:
        self._publish(self._synchronizer.overdue(monotonic()))

    def _publish(self, groups: Iterable[StampGroup[Any]]) -> None:
        for group in groups:
            began_ns = perf_counter_ns()
            self.counters.count("joined" if len(group.parts) == 2 else f"{next(iter(group.parts))} alone")
            try:
                frame = self._reader.read(group.parts.get(SKELETONS), group.parts.get(ACTIVITY))
            except ValueError as error:
                self._complain(UNREADABLE, str(error))
                continue
            frame = self._with_camera(frame)
            for each in self._formats.values():
                each.publish(frame)
            self.counters.time("latency", (perf_counter_ns() - began_ns) / NANO)

    def _with_camera(self, frame: PeopleFrame) -> PeopleFrame:
        """The frame with its camera, which people in pixels need to be placed in space."""
        people = [person for person in frame.people if person.in_picture]
        if self._cameras is None or not people:
            return frame
        if not any(person.position for person in people):
            self._complain(NO_PLACE, NO_POSITION)
            return frame
        try:
            camera = self._cameras.camera(frame.size)
        except ValueError as error:
            self._complain(BAD_INFO, str(error))
            return frame
        if camera is None:
            self._complain(NO_INFO, NO_CAMERA_INFO)
        return replace(frame, camera=camera)

    def _complain(self, kind: str, why: str) -> None:
        if self._complaints is not None:
            self._complaints.add(kind, why)

    # Every second

    def health(self) -> tuple[bytes, str]:
        """A warning is silence on both topics."""
        if not self._received_s:
            return OK, "not active"
        silent_s = monotonic() - max(self._began_s, *self._received_s.values())
        if silent_s > self.settings.current.silence_s:
            return WARN, (
                f"Neither skeletons nor activity for {silent_s:.0f} s: is a recognizer or a pose estimator active, and "
                "are both topics remapped to theirs?"
            )
        return OK, ", ".join(self._formats)

    def values(self) -> dict[str, object]:
        """Frames by what they were joined of, and what was wrong with them."""
        wrong = self._complaints.counts if self._complaints is not None else {}
        return {**counter_values(self.counters, ("latency",)), **dict(sorted(wrong.items()))}


def main() -> None:
    """Entry point of `ros2 run co_perception outputs_node`."""
    run_node.main(OutputsNode)
