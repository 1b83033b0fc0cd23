"""Node `fusion`: late fusion of a video and a skeleton recognizer into one message per frame on `activity`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic, perf_counter_ns

from rclpy.clock import Clock, ClockType
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from co_perception.engine.settings import setting
from co_perception.engine.time import NANO, nanoseconds
from co_perception.msg import ActivityArray, LabelInfo
from co_perception.nodes.activity_fusion import ActivityFusion, TimedActivityArray
from co_perception.nodes.core import run_node
from co_perception.nodes.core.diagnostics import OK, WARN, counter_values
from co_perception.nodes.core.event_publisher import EventPublisher, EventSettings
from co_perception.nodes.core.managed_node import ManagedNode
from co_perception.nodes.core.messages import MOST_HYPOTHESES
from co_perception.nodes.core.qos import latched_qos, result_qos
from co_perception.nodes.core.worker_node import SilenceSettings
from co_perception.online.events import Rules
from co_perception.online.falls import FallRuleSettings
from co_perception.online.synchronizer import StampGroup, Synchronizer

INPUTS = ("video", "skeleton")
TICK_S = 0.02  # between two checks for frames that have waited long enough


@dataclass(frozen=True)
class FusionSettings(EventSettings, FallRuleSettings, SilenceSettings):
    """Parameters of the node `fusion`."""

    weight_video: float = setting(
        0.5, "Weight of the video recognizer's scores, in relation to the other's; 0: ignored.", 0.0, 1.0
    )
    weight_skeleton: float = setting(
        0.5, "Weight of the skeleton recognizer's scores, in relation to the other's; 0: ignored.", 0.0, 1.0
    )
    max_wait_s: float = setting(0.5, "Time a frame waits for the second recognizer [s].", 0.0, 60.0)
    threshold: float = setting(
        0.0, "Best score below which the status is UNCERTAIN, probability 0..1.", 0.0, 1.0, when="live"
    )
    top_k: int = setting(5, "Hypotheses in each activity.", 1, 5, when="live")


class FusionNode(ManagedNode[FusionSettings]):
    """Joins `activity_video` and `activity_skeleton` by stamp while active.

    Publishes `activity` (one message for every frame that either has processed; header copied), `activity_events`,
    `~/label_info` (latched, once `label_info_video` and `label_info_skeleton` are known) and /diagnostics; serves
    `~/reset`, after which frames from before it count no more. A subject that both follow under one id gets the mean of
    their scores, see `online.fusion`; others go through as they are. A recognizer that has no message of a frame takes
    part with its last one, see `ActivityFusion`.
    """

    part = "fusion"

    def __init__(self, node_name: str = "fusion", **options: object) -> None:
        self._last_message_s: dict[str, float] = {}
        self._reported_late = 0
        self._dropped = 0  # frames that late answers report or are, since the last message
        self._short: set[str] = set()  # recognizers without scores that list fewer hypotheses than they could
        super().__init__(node_name, FusionSettings, **options)
        self.add_post_set_parameters_callback(self._on_parameters)

    def prepare(self, values: FusionSettings) -> None:
        """Creates the fusion, the synchronizer and the publishers."""
        weights = {"video": values.weight_video, "skeleton": values.weight_skeleton}
        if not any(weights.values()):
            raise ValueError("weight_video and weight_skeleton are both 0, so no scores would count: raise one")
        self._fusion = ActivityFusion(INPUTS, weights)
        self._synchronizer: Synchronizer[TimedActivityArray] = Synchronizer(INPUTS, values.max_wait_s)
        self._dropped = 0
        self._activity = self.publish_on(ActivityArray, "activity", result_qos())
        self._event_publisher = EventPublisher(self, values)
        self._labels = self.create_publisher(LabelInfo, "~/label_info", latched_qos())
        self.while_configured.callback(self.destroy_publisher, self._labels)
        self.serve(Trigger, "~/reset", self._on_reset)

    def begin(self, values: FusionSettings) -> None:
        """Subscribes to both recognizers, and starts the timer that publishes frames that have waited long enough."""
        self._event_publisher.begin()
        for name in INPUTS:
            self.listen(LabelInfo, f"label_info_{name}", partial(self._on_labels, name), latched_qos())
            topic, take = f"activity_{name}", partial(self._on_activity, name)
            self.listen_counted(ActivityArray, topic, take, result_qos(64), foreign=f"of another {name} recognizer")
        timer = self.create_timer(TICK_S, self._publish_overdue, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.while_active.callback(self.destroy_timer, timer)
        self._last_message_s = dict.fromkeys(INPUTS, monotonic())
        self.while_active.callback(self._last_message_s.clear)
        self.while_active.callback(self._forget)

    def _forget(self) -> None:
        """Drops what waits: frames of before a deactivation are not to come first after it."""
        self.counters.count("left at stop", len(self._synchronizer.restart()))
        self._fusion.forget()

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        left = len(self._synchronizer.restart())
        self.counters.count("left at reset", left)
        self._fusion.forget()
        self._fusion.interrupt()
        self._event_publisher.end()
        response.success, response.message = True, f"all is forgotten, {left} waiting frame(s) too: a new epoch begins"
        return response

    def _on_labels(self, name: str, message: LabelInfo) -> None:
        self._fusion.learn(name, message)
        info = self._fusion.label_info(self.settings.current.threshold)
        if info is not None:
            self._labels.publish(info)
            self._event_publisher.watch_falls(self.settings.current, info.labels, info.groups, Rules.max_gap_s)

    def _on_parameters(self, changed: Sequence[Parameter]) -> None:
        """Publishes the labels with another threshold, which counts from the next frame on."""
        for change in changed:
            known = self.settings.configured and change.name == "threshold"
            if known and (info := self._fusion.label_info(float(change.value))) is not None:
                self._labels.publish(info)

    def _on_activity(self, name: str, message: ActivityArray) -> None:
        self._last_message_s[name] = monotonic()
        self.counters.count(f"received from {name}")
        if name not in self._short and self._fusion.lists_too_few(name, message):
            self._short.add(name)
            self.get_logger().warning(
                f"activity_{name} has no scores and lists fewer hypotheses than there could be (an earlier version?), "
                "and what it leaves out counts as 0 in scores and events here: set top_k of that recognizer to "
                f"{MOST_HYPOTHESES}"
            )
        late, missed, doubled = self._synchronizer.late, self._synchronizer.missed, self._synchronizer.doubled
        arrival = TimedActivityArray(message, perf_counter_ns())
        stamp_ns, epoch = nanoseconds(message.header.stamp), message.state_epoch
        frames = self._synchronizer.put(name, stamp_ns, arrival, monotonic(), epoch)
        if self._synchronizer.late > late:
            self.counters.count("late")
            self._dropped += message.dropped_frames + self._synchronizer.missed - missed
        self.counters.count("duplicate", self._synchronizer.doubled - doubled)
        self._publish(frames)

    def _publish_overdue(self) -> None:
        self._publish(self._synchronizer.overdue(monotonic()))

    def _publish(self, frames: Iterable[StampGroup[TimedActivityArray]]) -> None:
        for frame in frames:
            self.counters.count("joined" if len(frame.parts) == len(INPUTS) else "alone")
            values = self.settings.current
            message = self._fusion.message(
                frame.parts, threshold=values.threshold, top_k=values.top_k, dropped=self._dropped
            )
            self._dropped = 0
            self._activity.publish(message)
            self._event_publisher.update(message, self._fusion.scores.items())
            since_ns = min(part.arrived_ns for part in frame.parts.values())
            self.counters.time("latency", (perf_counter_ns() - since_ns) / NANO)

    def health(self) -> tuple[bytes, str]:
        """Warnings are a silent recognizer, whose half of the scores is missing, and late answers."""
        if not self._last_message_s:
            return OK, "not active"
        silent = {name: monotonic() - last_s for name, last_s in self._last_message_s.items()}
        gone = [f"activity_{name} for {s:.0f} s" for name, s in silent.items() if s > self.settings.current.silence_s]
        late = self.counters.counts().get("late", 0)
        new, self._reported_late = late - self._reported_late, late
        if gone:
            return WARN, f"nothing received on {', '.join(gone)}"
        if new > 0:
            return WARN, (
                f"{new} answer(s) to frames that were over, dropped in a second: a recognizer needs more than "
                f"max_wait_s ({self.settings.current.max_wait_s:g} s), or its stamps are not in order"
            )
        return OK, "joining"

    def values(self) -> dict[str, object]:
        """Counts of frames: joined, of one recognizer alone, late, waiting; and the latency."""
        waiting = self._synchronizer.waiting if self.settings.configured else 0
        return {"frames waiting": waiting, **counter_values(self.counters, ("latency",))}


def main() -> None:
    """Entry point of `ros2 run co_perception fusion_node`."""
    run_node.main(FusionNode)
