"""Node `fusion`: what two recognisers say of the same frame, as one message on `activity`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from time import monotonic, perf_counter_ns
from types import SimpleNamespace
from typing import Any

from rclpy.clock import Clock, ClockType

from co_perception.learners.fusion import Joined, Joiner
from co_perception.learners.pacing import NANO
from co_perception.msg import ActivityArray, LabelInfo
from co_perception.nodes import running
from co_perception.nodes.announcing import EVENTS, Announcer
from co_perception.nodes.base import ManagedNode
from co_perception.nodes.blending import Blend, Part
from co_perception.nodes.diagnostics import OK, WARN, tally_values
from co_perception.nodes.messages import nanoseconds
from co_perception.nodes.parameters import Setting
from co_perception.nodes.qos import latched_qos, result_qos
from co_perception.nodes.working import AUTOSTART, SILENCE

INPUTS = ("video", "skeleton")
SETTINGS = (
    Setting("weight_video", 0.5, "What the video recogniser's scores count; 0: not at all.", 0.0, 1.0),
    Setting("weight_skeleton", 0.5, "What the skeleton recogniser's scores count; 0: not at all.", 0.0, 1.0),
    Setting("max_wait_s", 0.5, "Time a frame waits for the second recogniser [s].", 0.0, 60.0),
    Setting("threshold", 0.0, "Best score below which the status is UNCERTAIN, probability 0..1.", 0.0, 1.0),
    Setting("top_k", 5, "Hypotheses in each activity.", 1, 5, when="live"),
    *EVENTS,
    SILENCE,
    AUTOSTART,
)
TICK_S = 0.02  # between two looks at what waits


class FusionNode(ManagedNode):
    """Joins `activity_video` and `activity_skeleton` by stamp while active.

    Publishes `activity` (one message for every frame that either has processed; header copied), `activity_events`,
    `~/label_info` (latched, once `label_info_video` and `label_info_skeleton` are known) and /diagnostics. A subject
    that both follow under one id gets the mean of their scores, see `learners.fusion`; others go through as they are.
    """

    part = "fusion"

    def __init__(self, node_name: str = "fusion", **options: Any) -> None:
        self._heard: dict[str, float] = {}
        super().__init__(node_name, SETTINGS, **options)

    def prepare(self, values: SimpleNamespace) -> None:
        """Makes publishers."""
        weights = {"video": values.weight_video, "skeleton": values.weight_skeleton}
        if not any(weights.values()):
            raise ValueError("weight_video and weight_skeleton are both 0, so nobody would be heard: raise one")
        self._blend = Blend(INPUTS, weights)
        self._joiner: Joiner[Part] = Joiner(INPUTS, values.max_wait_s)
        self._activity = self.publish_on(ActivityArray, "activity", result_qos())
        self._announcer = Announcer(self, values)
        self._labels = self.create_publisher(LabelInfo, "~/label_info", latched_qos())
        self.while_configured.callback(self.destroy_publisher, self._labels)

    def begin(self, values: SimpleNamespace) -> None:
        """Listens to both recognisers, and looks after frames that wait."""
        for name in INPUTS:
            self.listen(LabelInfo, f"label_info_{name}", partial(self._on_labels, name), latched_qos())
            self.listen(ActivityArray, f"activity_{name}", partial(self._on_activity, name), result_qos(64))
        timer = self.create_timer(TICK_S, self._on_timer, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.while_active.callback(self.destroy_timer, timer)
        self._heard = dict.fromkeys(INPUTS, monotonic())
        self.while_active.callback(self._heard.clear)

    def _on_labels(self, name: str, message: LabelInfo) -> None:
        self._blend.learn(name, message)
        info = self._blend.label_info(self.settings["threshold"])
        if info is not None:
            self._labels.publish(info)

    def _on_activity(self, name: str, message: ActivityArray) -> None:
        self._heard[name] = monotonic()
        self.tally.count(f"received from {name}")
        stamp_ns = nanoseconds(message.header.stamp)
        late = self._joiner.late
        self._publish(self._joiner.put(name, stamp_ns, Part(message, perf_counter_ns()), monotonic()))
        self.tally.count("late", self._joiner.late - late)

    def _on_timer(self) -> None:
        self._publish(self._joiner.overdue(monotonic()))

    def _publish(self, frames: Iterable[Joined[Part]]) -> None:
        for frame in frames:
            self.tally.count("joined" if len(frame.parts) == len(INPUTS) else "alone")
            message = self._blend.message(
                frame.parts, threshold=self.settings["threshold"], top_k=self.settings["top_k"]
            )
            self._activity.publish(message)
            self._announcer.watch(message)
            since_ns = min(part.arrived_ns for part in frame.parts.values())
            self.tally.time("latency", (perf_counter_ns() - since_ns) / NANO)

    def health(self) -> tuple[bytes, str]:
        """A recogniser that is silent is a warning: its half of the scores is missing."""
        if not self._heard:
            return OK, "not active"
        silent = {name: monotonic() - heard for name, heard in self._heard.items()}
        gone = [f"activity_{name} for {s:.0f} s" for name, s in silent.items() if s > self.settings["silence_s"]]
        return (WARN, f"nothing heard on {', '.join(gone)}") if gone else (OK, "joining")

    def values(self) -> dict[str, object]:
        """Frames joined, told of one recogniser alone, come too late, and waiting; how long they waited."""
        waiting = self._joiner.waiting if self.settings.configured else 0
        return {"frames waiting": waiting, **tally_values(self.tally, ("latency",))}


def main() -> None:
    """Entry point of `ros2 run co_perception fusion_node`."""
    running.main(FusionNode)
