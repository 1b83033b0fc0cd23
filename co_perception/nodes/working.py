"""A node that hears a stream and works on it in a thread of its own: the callback never waits, and nothing is lost
unseen."""

from __future__ import annotations

import traceback
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from time import monotonic
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

from co_perception.nodes.base import LOST, ManagedNode
from co_perception.nodes.diagnostics import OK, WARN, tally_values
from co_perception.nodes.listening import why_silent
from co_perception.nodes.mailbox import Worker
from co_perception.nodes.parameters import Setting
from co_perception.nodes.silence import Source

FOREIGN = "of another camera"
DROPS = (LOST, FOREIGN, "displaced", "outdated", "without skeletons", "unreadable", "failed")
SILENCE = Setting(
    "silence_s", 5.0, "Time without a frame until the cause is logged [s].", 0.5, 3600.0, when="live"
)
QUEUE = Setting("queue_depth", 1, "Frames that may wait; 1: only the newest, which a live robot wants.", 1, 10000)
AUTOSTART = Setting(
    "autostart", True, "Configure and activate at start; false: wait for a lifecycle manager.", when="start"
)

Job = TypeVar("Job")
R = TypeVar("R")


class WorkingNode(ManagedNode, Generic[Job]):
    """Hears frames while active; a callback leaves a job for each in a mailbox, and a thread does `work`.

    Its settings include SILENCE, QUEUE and AUTOSTART. `tally` counts what becomes of frames: received by the callback,
    and those of DROPS, which are drops. `work` raises ValueError or ImportError for a frame
    that cannot be read; any other error is told with its traceback.
    """

    def __init__(self, node_name: str, table: Iterable[Setting], **options: Any) -> None:
        self._worker: Worker[Job] | None = None
        self._subscription: Any = None
        self._heard = 0.0
        self._told: Counter[str] = Counter()
        super().__init__(node_name, table, DROPS, **options)

    # For the subclass to say

    @abstractmethod
    def subscribe(self, values: SimpleNamespace) -> Any:
        """Begins to hear, through `listen`; gives the subscription whose silence is explained."""

    @abstractmethod
    def work(self, job: Job) -> None:
        """Answers one frame, on the worker's thread."""

    @property
    @abstractmethod
    def source(self) -> Source:
        """Words for what is heard."""

    @abstractmethod
    def state(self) -> str:
        """One line on what stands, while all is well."""

    # For the subclass to use

    def heard(self) -> None:
        """A frame has arrived, whatever becomes of it."""
        self._heard = monotonic()
        self.tally.count("received")

    def put(self, job: Job) -> None:
        """Leaves a job for the worker, in place of an older one where the mailbox is full."""
        if self._worker is not None and self._worker.put(job):
            self.tally.count("displaced")

    def on_worker(self, task: Callable[[], R]) -> R:
        """Does `task` where `work` is done, between two frames: what the worker owns is touched by no other thread."""
        return task() if self._worker is None else self._worker.call(task)

    # What follows from it

    def begin(self, values: SimpleNamespace) -> None:
        """Starts the worker, then listens."""
        self._told = Counter(self.tally.counts())
        self._worker = Worker(self.work, self._fail, depth=values.queue_depth, name=self.get_name())
        self.while_active.callback(self._stop_worker)
        self._subscription = self.subscribe(values)
        self.while_active.callback(setattr, self, "_subscription", None)
        self._heard = monotonic()
        self.get_logger().info(f"Listening on {self._subscription.topic_name}")

    def health(self) -> tuple[bytes, str]:
        """Silence and a backlog are warnings."""
        if self._subscription is None:
            return OK, "not active"
        silent_s = monotonic() - self._heard
        if silent_s > self.settings["silence_s"]:
            return WARN, self.silence(silent_s)
        counts = Counter(self.tally.counts())
        newly, self._told = counts - self._told, counts
        warnings = {FOREIGN: self.crowded, "displaced": self.too_slow, LOST: self.lossy}
        for event, explain in warnings.items():
            if newly[event]:
                return WARN, explain(newly[event])
        return OK, self.state()

    def silence(self, seconds: float) -> str:
        """Why nothing was heard for so long."""
        return why_silent(self, self._subscription, self.source, seconds)

    def too_slow(self, dropped: int) -> str:
        """What to say of frames dropped within a second because the worker was busy."""
        step_ms = self.tally.percentile_ms("step", 50) or 0.0
        dropping = f"{_frames(dropped)} dropped in a second"
        return f"{dropping}: one takes {step_ms:.0f} ms here, so they come faster than that."

    def lossy(self, lost: int) -> str:
        """What to say of frames that never arrived, within a second."""
        return (
            f"{_frames(lost)} lost on the way in a second: they come faster than this machine or the network can take "
            "them. Lower their rate or size."
        )

    def crowded(self, refused: int) -> str:
        """What to say of frames of a second camera, within a second."""
        return (
            f"{_frames(refused)} of another camera dropped in a second: more than one publishes on "
            f"{self._subscription.topic_name}, and the first is heard. Give each its own topic."
        )

    def values(self) -> dict[str, object]:
        """Drops, counts and durations, and how many frames wait now."""
        worker = self._worker
        waiting = {"frames dropped": self.tally.dropped, "frames waiting": worker.waiting if worker else 0}
        return {**waiting, **tally_values(self.tally, ("step", "latency"))}

    def _fail(self, job: Job, error: Exception) -> None:
        if not self.context.ok():  # the process is ending, and with it what the worker was about to publish
            return
        readable = not isinstance(error, (ValueError, ImportError))
        self.tally.count("failed" if readable else "unreadable")
        detail = "".join(traceback.format_exception(error)) if readable else str(error)
        self.get_logger().error(f"Frame dropped: {detail}", throttle_duration_sec=5.0)

    def _stop_worker(self) -> None:
        if self._worker is not None:
            self.tally.count("left at stop", self._worker.stop())
            self._worker = None


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"
