"""Who plays in a demo: the camera, those who recognise, those who watch. How far each is, what pace suits all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any

from rclpy.node import Node
from rclpy.parameter import Parameter

from co_perception.evaluation.run import Heard, pace
from co_perception.nodes.audience import Audience
from co_perception.nodes.base import ManagedNode
from co_perception.nodes.camera import CameraNode
from co_perception.nodes.film import Film
from co_perception.nodes.fusion import FusionNode
from co_perception.nodes.working import DROPS, WorkingNode

WAITING = 6  # frames behind from which on playback is slowed
ROUND = 8  # steps; a network with temporal stride does different work in each of them
RECENT = 40  # steps that tell how long one takes of late
SKIPPED = ("early", "duplicate", *DROPS)


@dataclass
class Run:
    """What a run leaves behind, filled while it goes on. Times of `sent_ns` are on the process's own clock.

    counts, steps_s: of each working node by name, what became of its frames, and how long the newest steps took.
    """

    heard: list[Heard] = field(default_factory=list)
    sent_ns: dict[int, int] = field(default_factory=dict)
    chapters: list[tuple[int, str]] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    steps_s: dict[str, list[float]] = field(default_factory=dict)
    recognizer: str = ""
    published: int = 0
    wall_s: float = 0.0
    speed: float = 1.0

    def sent(self, stamp_ns: int, origin: str) -> None:
        """Notes that a frame goes out; the first of each file begins a chapter."""
        self.sent_ns[stamp_ns] = perf_counter_ns()
        if not self.chapters or self.chapters[-1][1] != origin:
            self.chapters.append((stamp_ns, origin))


@dataclass(frozen=True)
class Worker:
    """A node that works on frames; how many it was sent; how many a second it must answer at the source's own speed."""

    node: WorkingNode[Any]
    sent: Callable[[], int]
    asked_hz: float

    def waiting(self) -> int:
        """Frames on their way to the node, or in work there."""
        counts = self.node.tally.counts()
        return self.sent() - sum(counts.get(fate, 0) for fate in ("processed", *SKIPPED))

    def processed(self) -> int:
        """Frames it answered."""
        return self.node.tally.counts().get("processed", 0)

    def fitting(self) -> float | None:
        """Playback speed it can follow, by its steps of late; None before there was a whole round of them."""
        recent = self.node.tally.seconds("step")[-RECENT:]
        return pace(sum(recent) / len(recent), self.asked_hz) if len(recent) >= ROUND else None


@dataclass
class Cast:
    """All nodes of a run, and what is kept of it. workers: by name, in the order in which frames reach them."""

    camera: CameraNode
    workers: Mapping[str, Worker]
    fusion: FusionNode | None
    audience: Audience
    film: Film
    run: Run

    def managed(self) -> Iterator[ManagedNode]:
        """The nodes that are brought up, those who listen before those they listen to."""
        yield from [self.fusion] if self.fusion else []
        yield from (worker.node for worker in reversed([*self.workers.values()]))
        yield self.camera

    def waiting(self) -> int:
        """Frames that the slowest of all is behind."""
        unseen = self.camera.published - self.film.pictures
        return max(unseen, *(worker.waiting() for worker in self.workers.values()))

    def all_answered(self) -> bool:
        """Whether the source is at its end, and everything that came of it has been heard and seen."""
        said = self._said()
        return self.camera.finished and self.waiting() <= 0 and said is not None and self._noted() >= said

    def keep_pace(self, fitting: float | None) -> None:
        """Plays slower while frames pile up, else a little faster where that stays below `fitting`, if it is known."""
        waiting, speed = self.waiting(), self.run.speed
        if waiting > WAITING:
            speed = max(0.97 * speed, 0.02)
        elif waiting <= 1 and fitting is not None and fitting > speed:
            speed = min(1.03 * speed, fitting)
        if speed != self.run.speed:
            self.run.speed = speed
            self.camera.set_parameters([Parameter("rate", value=speed)])

    def fitting(self) -> float | None:
        """Playback speed that all can follow; None while that of one is not known."""
        speeds = [worker.fitting() for worker in self.workers.values()]
        known = [speed for speed in speeds if speed is not None]
        return min(known) if len(known) == len(speeds) else None

    def end(self) -> None:
        """Gathers what the nodes know, and ends them."""
        self.film.finish()
        self.run.heard, self.run.published = self.audience.heard, self.camera.published
        self.run.recognizer = self.audience.recognizer
        self.run.counts = {name: worker.node.tally.counts() for name, worker in self.workers.items()}
        self.run.steps_s = {name: worker.node.tally.seconds("step") for name, worker in self.workers.items()}
        nodes: list[Node] = [*self.managed(), self.audience, self.film]
        for node in nodes:
            node.destroy_node()

    def _noted(self) -> int:
        return min(len(self.audience.heard), self.film.answers)

    def _said(self) -> int | None:
        """Messages on `activity`; None while more are to come of frames that were answered."""
        answered = {name: worker.processed() for name, worker in self.workers.items() if name != "pose"}
        if self.fusion is None:
            return sum(answered.values())
        counts = self.fusion.tally.counts()
        received = sum(counts.get(f"received from {name}", 0) for name in answered)
        joined, alone = counts.get("joined", 0), counts.get("alone", 0)
        told = 2 * joined + alone + counts.get("late", 0)
        return joined + alone if told == received == sum(answered.values()) else None


@dataclass(frozen=True)
class Plan:
    """What is to be played, and by whom.

    Args:
        source: as the camera's parameter of that name.
        rate_hz: frames per second of that source.
        live: whether it gives frames at its own pace.
        short_side: pixels of the frames' shorter side on the way.
        video: parameters of video_activity, None: it does not take part.
        pose, skeleton: parameters of pose and skeleton_activity, None: neither takes part.
        speed: media seconds per second to begin with.
        make_video, make_people, make_estimator: what those nodes load.
    """

    source: str
    rate_hz: float
    live: bool
    short_side: int
    video: Mapping[str, Any] | None
    people: Mapping[str, Any] | None


def overrides(**values: Any) -> list[Parameter]:
    """Parameters by name."""
    return [Parameter(name, value=value) for name, value in values.items()]
