"""Resource limits of each node, and checks of a long run against them. No ROS in here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

GROWTH_MB = 5.0  # of resident memory after warm-up
PARTS = 4  # of a run, of which the last and the first are compared
LOOP = 30  # values, one a second, in which the clips are played once
LOW = 0.1  # quantile of a part that stands for it
LASTING = 5  # counts in a row, at the end of a run, in which what comes and goes is gone again
IN_FLIGHT = 3  # frames between two counts of a node, or two nodes' reports
OUTCOMES = (
    *("processed", "early", "late", "duplicate", "displaced", "outdated", "unreadable", "failed"),
    *("without skeletons", "left at stop", "joined", "joined", "alone", "waiting"),
)
"""What becomes of a frame that a node received; a joined one was received from two."""
RECEIVED = ("received", "received from video", "received from skeleton")
LOST = 0.01  # share of the frames received that may be dropped


@dataclass(frozen=True)
class Budget:
    """Most that a node may use on the machine of docs/endurance.md.

    Args:
        memory_mb: resident memory.
        cpu: cores kept busy.
        threads: their number.
        latency_ms: 95th percentile of the latency; 0: the node gives no answers.
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
    """Measurements of one node over time: a list for each quantity, all as long as `time_s`.

    Args:
        time_s: since the node was up.
        memory_mb: resident memory.
        descriptors: open files.
        cpu: cores kept busy since the time before.
        received, dropped: frames so far.
        late, doubled: of them, those that a newer one overtook, and second copies; of a camera, those that it sends so.
        waiting: frames in queues.
        latency_p50_ms, latency_p95_ms: of the newest answers, NaN before the first.
    """

    time_s: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    doubled: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    latency_p50_ms: list[float] = field(default_factory=list)
    latency_p95_ms: list[float] = field(default_factory=list)

    def after(self, warm_up_s: float) -> Series:
        """The part from `warm_up_s` on."""
        warm = [index for index, time_s in enumerate(self.time_s) if time_s >= warm_up_s]
        return Series(**{name: [values[index] for index in warm] for name, values in vars(self).items()})


@dataclass(frozen=True)
class LimitCheck:
    """A measured figure beside its limit.

    Args:
        node: name of the node.
        about: what was measured.
        figure: its value.
        budget: the limit.
        timing: whether it depends on the speed of the machine and on what else runs there.
    """

    node: str
    about: str
    figure: float
    budget: float
    timing: bool = False

    @property
    def within(self) -> bool:
        """Whether the figure is within its limit; NaN is not."""
        return self.figure <= self.budget

    def __str__(self) -> str:
        word = "kept" if self.within else "BROKEN"
        return f"{self.node:18} {self.about:34} {self.figure:9.2f}  of {self.budget:7.2f}  {word}"


def limit_checks(
    node: str, series: Series, budget: Budget, warm_up_s: float, camera: Series | None = None
) -> Iterator[LimitCheck]:
    """Checks what came after the warm-up of a run. Raises ValueError where nothing did.

    `camera` is the sender of the frames, where it puts them into disorder.
    """
    warm = series.after(warm_up_s)
    if len(warm.time_s) < 2:
        raise ValueError(f"{node} was not seen twice after {warm_up_s:.0f} s of warm-up: run for longer.")
    yield LimitCheck(node, "memory gained after warm-up (MB)", risen(warm.memory_mb), GROWTH_MB)
    yield LimitCheck(node, "threads gained", gained(warm.threads), 0)
    yield LimitCheck(node, "descriptors gained", gained(warm.descriptors), 0)
    yield LimitCheck(node, "memory (MB)", max(warm.memory_mb), budget.memory_mb)
    yield LimitCheck(node, "threads", max(warm.threads), budget.threads)
    yield LimitCheck(node, "cores", float(np.mean(warm.cpu)), budget.cpu, timing=True)
    if budget.latency_ms:
        latency_ms = float(np.median(warm.latency_p95_ms))
        yield LimitCheck(node, "latency p95 (ms)", latency_ms, budget.latency_ms, timing=True)
    if received := _counted(warm.received):
        lost = _counted(warm.dropped) - (unavoidable(warm, camera.after(warm_up_s)) if camera else 0)
        yield LimitCheck(node, "share of frames dropped", max(lost, 0) / received, LOST, timing=True)


def unavoidable(receiver: Series, camera: Series) -> int:
    """Of the frames that a receiver dropped, those that disorder alone costs.

    Of a frame and the one that overtakes it only one can be used, whichever comes through. Of the copies of a frame one
    is used: the other one is a duplicate, which is no drop, or it was lost or displaced, which counts as one and costs
    no picture.
    """
    twins_dropped = _counted(camera.doubled) - _counted(receiver.doubled)
    return _counted(camera.late) + max(twins_dropped, 0)


def _counted(counts: Sequence[int]) -> int:
    """How much was counted from the first to the last of these counts."""
    return counts[-1] - counts[0]


def frames(diagnostics: Mapping[str, str], *events: str) -> int:
    """How many frames a node's diagnostics count under these events."""
    return sum(int(diagnostics.get(f"frames {event}", 0)) for event in events)


def unaccounted(diagnostics: Mapping[str, str]) -> int:
    """Frames that a node received and of which its diagnostics do not tell what became of them."""
    received = frames(diagnostics, *RECEIVED)
    return received - frames(diagnostics, *OUTCOMES) if received else 0


def risen(values: Sequence[float]) -> float:
    """How much higher the low values of the last quarter lie than those of the first.

    What came and went, such as a file that was opened again or memory that the allocator gave back, is no growth. A
    clip of another size takes more memory while it is played, so parts that are compared last `LOOP` values at least.
    """
    size = max(len(values) // PARTS, min(LOOP, len(values) // 2), 1)
    return float(np.quantile(values[-size:], LOW) - np.quantile(values[:size], LOW))


def gained(counts: Sequence[int]) -> int:
    """How much higher a count stands at the end than it ever stood in the first half: what comes and goes is no growth,
    what came at any time since and stayed is."""
    half = max(len(counts) // 2, 1)
    return max(min(counts[-LASTING:]) - max(counts[:half]), 0)
