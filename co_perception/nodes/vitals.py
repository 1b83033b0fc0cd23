"""A node that watches a running graph: what each process uses, what each node says of its health, what is answered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from time import monotonic

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from co_perception.msg import Activity, ActivityArray
from co_perception.nodes.budgets import Series
from co_perception.nodes.messages import nanoseconds
from co_perception.nodes.processes import Usage, usage
from co_perception.nodes.qos import result_qos

RECEIVED = ("frames received", "frames received from video", "frames received from skeleton")


class Vitals(Node):
    """Hears /diagnostics and `activity`; `sample` adds a point to the `series` of each process.

    answers: messages of `activity`; labelled: those in which somebody has a label; subjects: all ids seen, and
    disordered: messages whose stamp was not after the one before in the same epoch, of which there should be none.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        super().__init__("vitals")
        self.series = {name: Series() for name in pids}
        self.answers = self.labelled = self.disordered = 0
        self.subjects: set[str] = set()
        self._pids, self._began_s = pids, monotonic()
        self._used: dict[str, tuple[float, Usage]] = {}
        self._told: dict[str, Mapping[str, str]] = {}
        self._newest = (-1, 0)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, result_qos(100))
        self.create_subscription(ActivityArray, "activity", self._on_activity, result_qos(100))

    def told(self, name: str) -> Mapping[str, str]:
        """The newest values a node's diagnostics had, by key."""
        return self._told.get(name, {})

    def begin(self) -> None:
        """Times count from here."""
        self._began_s = monotonic()

    def sample(self) -> None:
        """Adds a point to each series. Raises OSError where a process has gone."""
        for name, pid in self._pids.items():
            self._add(name, usage(pid), monotonic() - self._began_s)

    def _add(self, name: str, used: Usage, time_s: float) -> None:
        before_s, before = self._used.get(name, (0.0, None))
        self._used[name] = (time_s, used)
        series, told = self.series[name], self.told(name)
        series.time_s.append(time_s)
        series.memory_mb.append(used.memory_mb)
        series.threads.append(used.threads)
        series.descriptors.append(used.descriptors)
        series.cpu.append((used.cpu_s - before.cpu_s) / (time_s - before_s) if before else 0.0)
        series.received.append(sum(int(told.get(key, 0)) for key in RECEIVED))
        series.dropped.append(int(told.get("frames dropped", 0)) + int(told.get("frames late", 0)))
        series.waiting.append(int(told.get("frames waiting", 0)))
        series.latency_p50_ms.append(_number(told.get("latency p50 (ms)")))
        series.latency_p95_ms.append(_number(told.get("latency p95 (ms)")))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            name, _, _ = status.name.partition(":")
            self._told[name] = {value.key: value.value for value in status.values}

    def _on_activity(self, message: ActivityArray) -> None:
        self.answers += 1
        self.labelled += any(activity.status == Activity.STATUS_VALID for activity in message.activities)
        self.subjects.update(activity.subject_id for activity in message.activities)
        epoch, stamp_ns = message.state_epoch, nanoseconds(message.header.stamp)
        self.disordered += self._newest[0] == epoch and stamp_ns <= self._newest[1]
        self._newest = (epoch, stamp_ns)


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:  # "no data yet"
        return math.nan
