"""Counters and latencies of a running stream, and a node's health as `diagnostic_msgs/DiagnosticArray`."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from threading import Lock

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from co_perception.data.messages.people import Refusal
from co_perception.engine.stage_counts import StageCounts
from co_perception.nodes.core.short_text import shortened
from co_perception.nodes.core.throttled_log import ThrottledLog

PREPARING = "preparing"  # with what a node begins that loads
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


class Counters:
    """Counts of events by name, and the newest `window` durations of each kind. Safe to use from several threads.

    Args:
        drops: events that are dropped frames: frames that should have been answered and were not.
        window: durations of each kind that are retained.
    """

    def __init__(self, drops: tuple[str, ...] = (), window: int = 256) -> None:
        self._drops = drops
        self._window = window
        self._counts: Counter[str] = Counter()
        self._seconds: dict[str, deque[float]] = {}
        self._lock = Lock()
        self._reported_drops = 0

    def count(self, event: str, times: int = 1) -> None:
        """Adds `times` occurrences of `event`."""
        if not times:
            return
        with self._lock:
            self._counts[event] += times

    def time(self, kind: str, seconds: float) -> None:
        """Adds one duration of `kind`."""
        with self._lock:
            self._seconds.setdefault(kind, deque(maxlen=self._window)).append(seconds)

    def counts(self) -> dict[str, int]:
        """All counts so far."""
        with self._lock:
            return dict(self._counts)

    def seconds(self, kind: str) -> list[float]:
        """The retained durations of `kind` [s], oldest first."""
        with self._lock:
            return list(self._seconds.get(kind, ()))

    def percentile_ms(self, kind: str, percent: float) -> float | None:
        """That percentile of the retained durations [ms]; None while there are none."""
        values = self.seconds(kind)
        return float(np.percentile(values, percent)) * 1e3 if values else None

    @property
    def dropped(self) -> int:
        """All frames dropped so far."""
        with self._lock:
            return sum(self._counts[event] for event in self._drops)

    def newly_dropped(self) -> int:
        """Frames dropped since the last call."""
        total = self.dropped
        new, self._reported_drops = total - self._reported_drops, total
        return new


class RefusalCounter(Counter[str]):
    """Counts people who were not used, by kind, and logs the reasons."""

    def __init__(self, log: ThrottledLog) -> None:
        super().__init__()
        self._log = log

    def report(self, refused: Sequence[Refusal], crowded_out: int, max_people: int) -> None:
        """Takes the people of one frame that could not be used, see `online.people_recognizers.RefusalObserver`."""
        if refused:
            self.update(refusal.kind for refusal in refused)
            reasons = {refusal.kind: refusal.why for refusal in refused}
            self._log.warning(f"Not used: {'; '.join(reasons.values())}.", 5.0)
        if crowded_out:
            self["too many people"] += crowded_out
            self._log.warning(f"{crowded_out} people beyond max_people ({max_people}).", 5.0)

    def diagnostics(self) -> dict[str, object]:
        """Counts by kind, as keys and values of a diagnostics message."""
        return {f"people refused, {kind}": count for kind, count in sorted(dict(self).items()) if count}


def diagnostic_array(
    stamp: Time, name: str, level: bytes, message: str, values: Mapping[str, object], hardware_id: str = ""
) -> DiagnosticArray:
    """One status called `name`; `values` are shown in their order, floats with three digits after the point."""
    texts = {key: f"{value:.3f}" if isinstance(value, float) else str(value) for key, value in values.items()}
    pairs = [KeyValue(key=shortened(key), value=shortened(text)) for key, text in texts.items()]
    status = DiagnosticStatus(level=level, name=name, message=shortened(message), hardware_id=hardware_id, values=pairs)
    return DiagnosticArray(header=Header(stamp=stamp), status=[status])


def stage_values(counts: StageCounts) -> dict[str, object]:
    """Values for the diagnostics: what passed each stage, and what was lost for which reasons."""
    return {f"stage {title}": f"{passed} passed, {lost} lost" + (f": {reasons}" if reasons else "")
            for title, passed, lost, reasons in counts.rows()}  # fmt: skip


def counter_values(counters: Counters, kinds: tuple[str, ...]) -> dict[str, object]:
    """Values for the diagnostics: counts by name, and p50 and p95 of each kind of duration [ms]."""
    values: dict[str, object] = {f"frames {event}": count for event, count in sorted(counters.counts().items())}
    for kind in kinds:
        for percent in (50, 95):
            found = counters.percentile_ms(kind, percent)
            values[f"{kind} p{percent} (ms)"] = "no data yet" if found is None else found
    return values
