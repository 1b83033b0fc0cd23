"""What a node may take, and whether it kept to that over a long run. No ROS in here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

GROWTH_MB = 5.0  # of resident memory after warm-up
PARTS = 4  # of a run, of which the last and the first are compared
LASTING = 5  # counts in a row, at the end of a run, in which whoever came and goes is gone again
LOST = 0.01  # share of the frames received that may be dropped


@dataclass(frozen=True)
class Budget:
    """Most that a node may take on the machine of docs/endurance.md.

    memory_mb: resident; cpu: cores it keeps busy; threads; latency_ms: 95 of 100 answers come sooner, 0: it gives none.
    """

    memory_mb: float
    cpu: float
    threads: int
    latency_ms: float = 0.0


BUDGETS: Mapping[str, Budget] = MappingProxyType(
    {
        "camera": Budget(memory_mb=200, cpu=0.8, threads=30),
        "pose": Budget(memory_mb=250, cpu=1.0, threads=30, latency_ms=120),
        "video_activity": Budget(memory_mb=1000, cpu=1.0, threads=30, latency_ms=200),
        "skeleton_activity": Budget(memory_mb=500, cpu=0.5, threads=30, latency_ms=60),
        "fusion": Budget(memory_mb=150, cpu=0.3, threads=30, latency_ms=600),
    }
)


@dataclass
class Series:
    """What was seen of one node over time: a list for each quantity, all as long as `time_s` [s since it was up].

    cpu: cores kept busy since the time before; received, dropped: frames so far; waiting: frames now; latency_p50_ms,
    latency_p95_ms: of the newest answers, NaN before the first.
    """

    time_s: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    latency_p50_ms: list[float] = field(default_factory=list)
    latency_p95_ms: list[float] = field(default_factory=list)

    def after(self, warm_up_s: float) -> Series:
        """The part from `warm_up_s` on."""
        kept = [index for index, time_s in enumerate(self.time_s) if time_s >= warm_up_s]
        return Series(**{name: [values[index] for index in kept] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Verdict:
    """One figure beside its budget. timing: it depends on the machine and what else runs there."""

    node: str
    about: str
    figure: float
    budget: float
    timing: bool = False

    @property
    def kept(self) -> bool:
        """Whether the budget was kept; a figure that is not there keeps none."""
        return self.figure <= self.budget

    def __str__(self) -> str:
        word = "kept" if self.kept else "BROKEN"
        return f"{self.node:18} {self.about:34} {self.figure:9.2f}  of {self.budget:7.2f}  {word}"


def verdicts(node: str, series: Series, budget: Budget, warm_up_s: float) -> Iterator[Verdict]:
    """Judges a run by what came after its warm-up. Raises ValueError where nothing did."""
    warm = series.after(warm_up_s)
    if len(warm.time_s) < 2:
        raise ValueError(f"{node} was not seen twice after {warm_up_s:.0f} s of warm-up: run for longer.")
    yield Verdict(node, "memory gained after warm-up (MB)", risen(warm.memory_mb), GROWTH_MB)
    yield Verdict(node, "threads gained", gained(warm.threads), 0)
    yield Verdict(node, "descriptors gained", gained(warm.descriptors), 0)
    yield Verdict(node, "memory (MB)", max(warm.memory_mb), budget.memory_mb)
    yield Verdict(node, "threads", max(warm.threads), budget.threads)
    yield Verdict(node, "cores", float(np.mean(warm.cpu)), budget.cpu, timing=True)
    if budget.latency_ms:
        told = np.array(warm.latency_p95_ms)
        yield Verdict(node, "latency p95 (ms)", float(np.median(told)), budget.latency_ms, timing=True)
    received = warm.received[-1] - warm.received[0]
    if received:
        lost = (warm.dropped[-1] - warm.dropped[0]) / received
        yield Verdict(node, "share of frames dropped", lost, LOST, timing=True)


def risen(values: Sequence[float]) -> float:
    """How much higher the median of the last quarter lies than that of the first: what came and went, such as a file
    that was opened again or memory that the allocator gave back, is no growth."""
    size = max(len(values) // PARTS, 1)
    return float(np.median(values[-size:]) - np.median(values[:size]))


def gained(counts: Sequence[int]) -> int:
    """How much higher a count stands at the end than it ever stood in the first half: what comes and goes is no growth,
    what came at any time since and stayed is."""
    half = max(len(counts) // 2, 1)
    return max(min(counts[-LASTING:]) - max(counts[:half]), 0)
