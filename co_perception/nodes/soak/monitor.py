"""A node that samples resources, diagnostics and answers of a running graph."""

from __future__ import annotations

import math
from collections.abc import Mapping
from time import monotonic

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from co_perception.engine.stamp_order import Order, StampOrder
from co_perception.engine.time import nanoseconds
from co_perception.msg import Activity, ActivityArray
from co_perception.nodes.core.qos import result_qos
from co_perception.nodes.soak.disordered_camera import DELAYED, DOUBLED, SWAPPED
from co_perception.nodes.soak.limits import RECEIVED, Series, frames
from co_perception.nodes.soak.processes import Usage, usage


class ResourceMonitor(Node):
    """Subscribes to /diagnostics and `activity`; `sample` adds a point to the `series` of each process.

    Attributes:
        answers: number of messages on `activity`.
        labeled: those in which at least one subject has a label.
        subjects: all subject ids.
        disordered: messages that were late or doubled; there should be none.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        super().__init__("soak_monitor")
        self.series = {name: Series() for name in pids}
        self.answers = self.labeled = self.disordered = 0
        self.subjects: set[str] = set()
        self._pids, self._began_s = pids, monotonic()
        self._used: dict[str, tuple[float, Usage]] = {}
        self._diagnostics: dict[str, Mapping[str, str]] = {}
        self._at_begin: dict[str, Mapping[str, str]] = {}
        self._order = StampOrder()
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, result_qos(100))
        self.create_subscription(ActivityArray, "activity", self._on_activity, result_qos(100))

    def diagnostics(self, name: str) -> Mapping[str, str]:
        """The newest values a node's diagnostics had, by key."""
        return self._diagnostics.get(name, {})

    def has_begun(self, name: str) -> bool:
        """Whether a node reports, and has answered where it gives answers: a model that is loaded later is growth."""
        values = self.diagnostics(name)
        return bool(values) and not math.isnan(_number(values.get("latency p50 (ms)", "0")))

    @property
    def rounds(self) -> int:
        """How often the camera's source was played to its end."""
        return int(self.diagnostics("camera").get("rounds", 0))

    def begin(self) -> None:
        """Sets the time from which `time_s` and `since_begin` count."""
        self._began_s, self._at_begin = monotonic(), dict(self._diagnostics)

    def since_begin(self, name: str, *events: str) -> int:
        """How many frames a node's diagnostics count under these events since then."""
        return frames(self.diagnostics(name), *events) - frames(self._at_begin.get(name, {}), *events)

    def sample(self) -> None:
        """Adds a point to each series. Raises OSError where a process has gone."""
        for name, pid in self._pids.items():
            used, time_s = usage(pid), monotonic() - self._began_s
            before_s, before = self._used.get(name, (0.0, None))
            self._used[name] = (time_s, used)
            series, values = self.series[name], self.diagnostics(name)
            series.time_s.append(time_s)
            series.memory_mb.append(used.memory_mb)
            series.threads.append(used.threads)
            series.descriptors.append(used.descriptors)
            series.cpu.append((used.cpu_s - before.cpu_s) / (time_s - before_s) if before else 0.0)
            series.received.append(frames(values, *RECEIVED))
            series.dropped.append(frames(values, "dropped" if "frames dropped" in values else "late"))
            series.late.append(frames(values, "late", SWAPPED, DELAYED))
            series.doubled.append(frames(values, "duplicate", DOUBLED))
            series.waiting.append(int(values.get("frames waiting", 0)))
            series.latency_p50_ms.append(_number(values.get("latency p50 (ms)")))
            series.latency_p95_ms.append(_number(values.get("latency p95 (ms)")))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            name = status.name.partition(":")[0].rpartition("/")[2]
            self._diagnostics[name] = {value.key: value.value for value in status.values}

    def _on_activity(self, message: ActivityArray) -> None:
        self.answers += 1
        self.labeled += any(activity.status == Activity.STATUS_VALID for activity in message.activities)
        self.subjects.update(activity.subject_id for activity in message.activities)
        order = self._order.place(nanoseconds(message.header.stamp), message.state_epoch).order
        self.disordered += order in (Order.LATE, Order.DUPLICATE)


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:  # "no data yet"
        return math.nan
