"""Base of nodes that process a stream in a worker thread: callbacks never wait, and every dropped frame is counted."""

from __future__ import annotations

import traceback
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from rclpy.subscription import Subscription

from co_perception.engine.settings import setting
from co_perception.engine.stage_counts import MUCH, Stage, StageCounts
from co_perception.nodes.core.diagnostics import OK, WARN, counter_values, stage_values
from co_perception.nodes.core.graph_conflicts import publisher_names
from co_perception.nodes.core.managed_node import LOST, ManagedNode, NodeSettings
from co_perception.nodes.core.topic_diagnosis import Source, other_clock, why_silent
from co_perception.nodes.core.worker_queue import WorkerThread

FOREIGN, FOREIGN_SKELETONS = "of another camera", "of another pose estimator"
CLOCK_S = 3.0  # after which the clocks of node and frames are compared
LATE = "late"  # a newer frame came before it
PREPARING = "while preparing"  # it came before the node was ready
WITHOUT_SIZE = "before camera_info"  # it came before the size of its picture was known
# Drops that cost a message before it is read; of the others it is known at which stage they were lost.
BEFORE_READING = (
    *(LOST, FOREIGN, FOREIGN_SKELETONS, LATE, PREPARING, WITHOUT_SIZE),
    *("displaced", "outdated", "without skeletons"),
)
# Share of a second's frames from which on a loss is a warning; not of stages that depend on what people do.
FAULTS = {Stage.DECODED: MUCH, Stage.POSES: 0.5, Stage.CLOCK: 0.5}
DROPS = (*BEFORE_READING, "unreadable", "failed")


@dataclass(frozen=True)
class SilenceSettings(NodeSettings):
    """When a missing stream is reported."""

    silence_s: float = setting(5.0, "Time without a frame until the cause is logged [s].", 0.5, 3600.0, when="live")


@dataclass(frozen=True)
class WorkerSettings(SilenceSettings):
    """Parameters of a node with a queue."""

    queue_depth: int = setting(1, "Frames that may wait; 1: only the newest, which a live robot wants.", 1, 10000)


Job = TypeVar("Job")
R = TypeVar("R")
S = TypeVar("S", bound=WorkerSettings)


class WorkerNode(ManagedNode[S], Generic[Job, S]):
    """Queues a job for each frame received while active, and processes them on a worker thread.

    `counters` counts what becomes of frames: received, and the events of DROPS, which are dropped frames. `stages` has
    the same and what becomes of people and windows, by stage and reason. `work` raises ValueError or ImportError for a
    frame that cannot be read; any other error is logged with its traceback.
    """

    drops = DROPS
    compares_clocks = True  # whether stamps are to be by the node's clock: not where a file is played slower than it is

    def __init__(self, node_name: str, settings: type[S], **options: object) -> None:
        self._worker: WorkerThread[Job] | None = None
        self._subscription: Subscription | None = None
        self._last_frame_s = self._began_s = 0.0
        self._stamp_ns = 0  # of the newest frame
        self._reported: Counter[str] = Counter()
        self.stages = StageCounts()
        self._reported_stages = StageCounts()
        super().__init__(node_name, settings, **options)

    # Hooks for the subclass

    @abstractmethod
    def subscribe(self, values: S) -> Subscription:
        """Subscribes, through `listen`; gives the subscription that is diagnosed where it is silent."""

    @abstractmethod
    def work(self, job: Job) -> None:
        """Processes one frame, on the worker thread."""

    @property
    @abstractmethod
    def source(self) -> Source:
        """The stream in words, for the diagnosis of a silent topic."""

    @abstractmethod
    def state(self) -> str:
        """One line on the current result, for the diagnostics while all is well."""

    # For use by the subclass

    def count_received(self, stamp_ns: int) -> None:
        """Counts a frame of this stamp that has arrived, whatever becomes of it."""
        self._last_frame_s, self._stamp_ns = monotonic(), stamp_ns
        self.counters.count("received")

    def comes_too_early(self) -> bool:
        """Whether a frame that has arrived cannot be answered, as the node is not ready; counts it then."""
        if self.ready:
            return False
        self._last_frame_s = monotonic()
        self.counters.count(PREPARING)
        return True

    def stage_counts(self) -> StageCounts:
        """What became of messages, frames, people and windows so far."""
        whole, counts = StageCounts(), self.counters.counts()
        whole += self.stages
        whole.add(Stage.MESSAGES, counts.get("received", 0) - counts.get("displaced", 0))
        for event in BEFORE_READING:
            whole.lose(Stage.MESSAGES, event, counts.get(event, 0))
        return whole

    def put(self, job: Job) -> None:
        """Queues a job for the worker, in place of the oldest one where the queue is full."""
        if self._worker is not None and self._worker.queue.put(job):
            self.counters.count("displaced")

    def on_worker(self, function: Callable[[], R]) -> R:
        """Runs `function` on the worker thread, between two frames: no other thread touches what the worker owns."""
        return function() if self._worker is None else self._worker.call(function)

    # Lifecycle and health

    def begin(self, values: S) -> None:
        """Starts the worker, then subscribes."""
        self._reported, self._reported_stages = Counter(self.counters.counts()), self.stage_counts()
        self._worker = WorkerThread(self.work, self._fail, depth=values.queue_depth, name=self.get_name())
        self.while_active.callback(self._stop_worker)
        self._subscription = self.subscribe(values)
        self.while_active.callback(setattr, self, "_subscription", None)
        self._last_frame_s = self._began_s = monotonic()
        self._stamp_ns = 0
        self.get_logger().info(f"Listening on {self._subscription.topic_name}")

    def _compare_clocks(self) -> None:
        """Logs where stamps are not by the node's clock, once; a simulation's clock may come after its frames."""
        if monotonic() - self._began_s > CLOCK_S:
            simulated = bool(self.get_parameter("use_sim_time").value)
            if why := other_clock(self._stamp_ns, int(self.get_clock().now().nanoseconds), simulated):
                self.get_logger().warning(why, once=True)

    def health(self) -> tuple[bytes, str]:
        """Warnings are: a silent topic, another publisher, a backlog, lost frames, wrong order, and doubts."""
        if self._subscription is None:
            return OK, "not active"
        silent_s = monotonic() - self._last_frame_s
        if silent_s > self.settings.current.silence_s:
            return WARN, self.silence(silent_s)
        if self.compares_clocks and silent_s < 1.0:
            self._compare_clocks()
        counts = Counter(self.counters.counts())
        new, self._reported = counts - self._reported, counts
        if warning := self._dropping(new) or self.doubt():
            return WARN, warning
        so_far = self.stage_counts()
        recent, self._reported_stages = so_far - self._reported_stages, so_far
        # In one second a camera that is faster than the network may well send nothing but what no answer needs.
        losses = [
            loss for loss in recent.losses() if recent.lost(loss.stage) > FAULTS.get(loss.stage, 1.0) * loss.given
        ]
        return (WARN, str(losses[0])) if losses else (OK, self.state())

    def _dropping(self, new: Counter[str]) -> str:
        """The warning for frames that were dropped in a second, by the first cause that there is; empty for none."""
        assert self._subscription is not None
        topic = self._subscription.topic_name
        for event in (FOREIGN, FOREIGN_SKELETONS):
            if new[event]:
                names = publisher_names(self, topic)
                cause = f"more than one publishes on {topic} ({names}), and only the first is used"
                return f"{_frames(new[event])} {event} dropped in a second: {cause}. Give each its own topic."
        if new["displaced"]:
            return self.too_slow(new["displaced"])
        if new[LOST]:
            cause = "they come faster than this machine or the network can take them"
            return f"{_frames(new[LOST])} lost on the way in a second: {cause}. Lower their rate or size."
        if new[LATE]:
            late = f"{_frames(new[LATE])} stamped before one that came earlier, dropped in a second"
            return f"{late}: do two publish on {topic}, or does a relay change the order?"
        return ""

    def doubt(self) -> str:
        """What makes results doubtful although frames come and are processed; empty where nothing does."""
        return ""

    def silence(self, seconds: float) -> str:
        """Why no frame was received for `seconds`."""
        return why_silent(self, self._subscription, self.source, seconds)

    def too_slow(self, dropped: int) -> str:
        """The warning for frames that were dropped within a second because the worker was busy."""
        step_ms = self.counters.percentile_ms("step", 50) or 0.0
        dropping = f"{_frames(dropped)} dropped in a second"
        return f"{dropping}: one takes {step_ms:.0f} ms here, so they come faster than that."

    def values(self) -> dict[str, object]:
        """Drops, counts and durations, and how many frames wait now."""
        worker = self._worker
        waiting = {"frames dropped": self.counters.dropped, "frames waiting": len(worker.queue) if worker else 0}
        stages = stage_values(self.stage_counts())
        return {**waiting, **counter_values(self.counters, ("step", "latency")), **stages}

    def _fail(self, job: Job, error: Exception) -> None:
        if not self.context.ok():  # the process is ending; publishing fails then
            return
        unexpected = not isinstance(error, (ValueError, ImportError))
        self.counters.count("failed" if unexpected else "unreadable")
        detail = "".join(traceback.format_exception(error)) if unexpected else str(error)
        self.log.error(f"Frame dropped: {detail}", 5.0)

    def _stop_worker(self) -> None:
        if self._worker is not None:
            self.counters.count("left at stop", self._worker.stop())
            self._worker = None


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"
