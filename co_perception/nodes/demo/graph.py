"""Builds the demo's nodes from a DemoConfig; their progress, and the playback speed that suits all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from rclpy.node import Node
from rclpy.parameter import Parameter

from co_perception.data.video import is_live
from co_perception.data.video_source import VideoSource
from co_perception.engine.settings import Value
from co_perception.engine.stage_counts import StageCounts
from co_perception.learners.recognizers import skeleton_learner
from co_perception.nodes.camera import CameraNode
from co_perception.nodes.core.managed_node import ManagedNode
from co_perception.nodes.core.worker_node import DROPS, WorkerNode
from co_perception.nodes.demo.subscribers import Film, Listener, ReceivedAnswer
from co_perception.nodes.fusion import FusionNode
from co_perception.nodes.pose import EstimatorFactory, PoseNode
from co_perception.nodes.recording.recorder import Recorder
from co_perception.nodes.skeleton_activity import LearnerFactory, SkeletonActivityNode
from co_perception.nodes.video_activity import VideoActivityNode, VideoNodeSettings
from co_perception.online.recognizer import StreamingLearner
from co_perception.pose.finder import build

QUEUE = 64  # frames that may wait: a clip is to be seen whole, and a step is slower on some frames than on others
PATIENCE_S = 3.0  # for which an answer to a frame of a file may wait
RELIABLE = {"image_reliability": "reliable"}
WAITING = 6  # frames behind from which on playback is slowed
ROUND = 8  # steps; a network with temporal stride does different work in each of them
RECENT = 40  # latest steps, whose mean is the present step time
SKIPPED = ("early", "duplicate", *DROPS)


@dataclass(frozen=True)
class DemoConfig:
    """The source of a demo, and its recognizers.

    Args:
        source: as the camera's parameter of that name.
        short_side: of the frames on their way, as the camera's parameter of that name [pixels].
        video: recognizes the scene, loaded and ready to use; None: without `video_activity`.
        model_rate_hz: as video_activity's parameter of that name.
        people: parameters of skeleton_activity; None: without it, and without `pose`.
        pose: parameters of the pose node.
        make_people, make_estimator: what these two nodes load.
        speed: media seconds per second to begin with; files are then played as fast as this machine can follow.
    """

    source: str
    short_side: int
    video: StreamingLearner | None = None
    model_rate_hz: float = 0.0
    people: Mapping[str, Value] | None = None
    pose: Mapping[str, Value] = field(default_factory=dict)
    make_people: LearnerFactory = skeleton_learner
    make_estimator: EstimatorFactory = build
    speed: float = 1.0

    @property
    def live(self) -> bool:
        """Whether the source gives frames at its own pace."""
        return is_live(self.source)


@dataclass
class DemoResult:
    """The data of a run, filled while it goes on.

    Args:
        answers: the messages of `activity`, in order of arrival.
        classes: names of the records' classes, by index.
        sent_ns: when each frame was published, by its stamp, on the process's own clock.
        chapters: stamp of the first frame of each file, and its path.
        counts, steps_s: of each working node by name, the fates of its frames, and how long the newest steps took.
        stages: of each working node by name, what was lost between messages and windows.
        recognizer: the one that publishes on `activity`.
        published: number of frames.
        wall_s: how long the run took.
        speed: of playback, at the end.
    """

    answers: list[ReceivedAnswer] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    sent_ns: dict[int, int] = field(default_factory=dict)
    chapters: list[tuple[int, str]] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    steps_s: dict[str, list[float]] = field(default_factory=dict)
    stages: dict[str, StageCounts] = field(default_factory=dict)
    recognizer: str = ""
    published: int = 0
    wall_s: float = 0.0
    speed: float = 1.0

    def on_published(self, stamp_ns: int, origin: str) -> None:
        """Notes that a frame was published; the first of each file begins a chapter."""
        self.sent_ns[stamp_ns] = perf_counter_ns()
        if not self.chapters or self.chapters[-1][1] != origin:
            self.chapters.append((stamp_ns, origin))


@dataclass(frozen=True)
class WorkerHandle:
    """A node that works on frames.

    Args:
        node: the node.
        sent: gives the number of frames it was sent.
        required_hz: frames a second that it must answer at the source's own speed.
    """

    node: WorkerNode[Any, Any]
    sent: Callable[[], int]
    required_hz: float

    def waiting(self) -> int:
        """Frames on their way to the node, or in work there."""
        counts = self.node.counters.counts()
        return self.sent() - sum(counts.get(fate, 0) for fate in ("processed", *SKIPPED))

    def processed(self) -> int:
        """Frames it answered."""
        return self.node.counters.counts().get("processed", 0)

    def sustainable_speed(self) -> float | None:
        """Playback speed it can follow, by its latest steps; None before there was a whole round of them."""
        recent = self.node.counters.seconds("step")[-RECENT:]
        return sustainable_speed(sum(recent) / len(recent), self.required_hz) if len(recent) >= ROUND else None


@dataclass
class NodeGraph:
    """All nodes of a run, and its result. `workers` are by name, in the order in which frames reach them."""

    camera: CameraNode
    workers: Mapping[str, WorkerHandle]
    fusion: FusionNode | None
    listener: Listener
    film: Film
    result: DemoResult

    def managed(self) -> Iterator[ManagedNode]:
        """The nodes with a lifecycle, each before those it subscribes to."""
        yield from [self.fusion] if self.fusion else []
        yield from (worker.node for worker in reversed([*self.workers.values()]))
        yield self.camera

    def waiting(self) -> int:
        """Frames that the slowest of all is behind."""
        not_filmed = self.camera.published - self.film.pictures
        return max(not_filmed, *(worker.waiting() for worker in self.workers.values()))

    def all_answered(self) -> bool:
        """Whether the source is at its end, and all messages about it were received and filmed."""
        expected = self._expected_answers()
        received = min(len(self.listener.answers), self.film.answers)
        return self.camera.finished and self.waiting() <= 0 and expected is not None and received >= expected

    def adjust_speed(self, limit: float | None) -> None:
        """Plays slower while frames pile up, else a little faster where that stays below `limit`, if it is known."""
        waiting, speed = self.waiting(), self.result.speed
        if waiting > WAITING:
            speed = max(0.97 * speed, 0.02)
        elif waiting <= 1 and limit is not None and limit > speed:
            speed = min(1.03 * speed, limit)
        if speed != self.result.speed:
            self.result.speed = speed
            self.camera.set_parameters([Parameter("rate", value=speed)])

    def sustainable_speed(self) -> float | None:
        """Playback speed that all can follow; None while that of one is not known."""
        speeds = [worker.sustainable_speed() for worker in self.workers.values()]
        known = [speed for speed in speeds if speed is not None]
        return min(known) if len(known) == len(speeds) else None

    def close(self) -> DemoResult:
        """Ends the nodes and completes the result."""
        self.film.finish()
        result, listener = self.result, self.listener
        result.answers, result.classes, result.recognizer = listener.answers, listener.classes, listener.recognizer
        result.published = self.camera.published
        result.counts = {name: worker.node.counters.counts() for name, worker in self.workers.items()}
        result.stages = {name: worker.node.stage_counts() for name, worker in self.workers.items()}
        result.steps_s = {name: worker.node.counters.seconds("step") for name, worker in self.workers.items()}
        nodes: list[Node] = [*self.managed(), listener, self.film]
        for node in nodes:
            node.destroy_node()
        return result

    def _expected_answers(self) -> int | None:
        """Messages on `activity`; None while more are to come about frames that were answered."""
        answered = {name: worker.processed() for name, worker in self.workers.items() if name != "pose"}
        if self.fusion is None:
            return sum(answered.values())
        counts = self.fusion.counters.counts()
        received = sum(counts.get(f"received from {name}", 0) for name in answered)
        joined, alone = counts.get("joined", 0), counts.get("alone", 0)
        used = 2 * joined + alone + counts.get("late", 0)
        return joined + alone if used == received == sum(answered.values()) else None


class LoadedVideoNode(VideoActivityNode):
    """`video_activity` with a learner that was loaded before: its speed was measured before the nodes were made."""

    def load(self, values: VideoNodeSettings) -> StreamingLearner:
        """The learner as it is."""
        return self._learner_factory(values)


def build_graph(config: DemoConfig, recorder: Recorder, film: Path) -> NodeGraph:
    """All nodes of a run, not yet brought up. Raises as `VideoSource` for the source.

    Where there are two recognizers, each publishes on a topic of its own, and `fusion` on `activity`.
    """
    rate_hz = source_rate_hz(config.source)
    queue = 1 if config.live else QUEUE
    both = config.video is not None and config.people is not None
    subscribers = (config.video is not None) + (config.people is not None) + 1
    given = _overrides(
        source=config.source, rate=config.speed, short_side=config.short_side, queue_depth=QUEUE,
        wait_for_subscribers=subscribers, **RELIABLE,
    )  # fmt: skip
    camera = CameraNode(parameter_overrides=given)
    workers: dict[str, WorkerHandle] = {}
    if (learner := config.video) is not None:
        given = _overrides(queue_depth=queue, model_rate_hz=config.model_rate_hz, events=not both, **RELIABLE)
        video = LoadedVideoNode(lambda values: learner, parameter_overrides=given, **_remapped("video", both))
        required_hz = required_rate_hz(rate_hz, config.model_rate_hz)
        workers["video"] = WorkerHandle(video, lambda: camera.published, required_hz)
    if config.people is not None:
        given = _overrides(queue_depth=queue, id_prefix="p", **RELIABLE, **config.pose)
        pose = PoseNode(config.make_estimator, parameter_overrides=given)
        workers["pose"] = WorkerHandle(pose, lambda: camera.published, rate_hz)
        given = _overrides(queue_depth=queue, reliability="reliable", events=not both, **config.people)
        skeleton = SkeletonActivityNode(config.make_people, parameter_overrides=given, **_remapped("skeleton", both))
        workers["skeleton"] = WorkerHandle(skeleton, workers["pose"].processed, rate_hz)
    for worker in workers.values():
        worker.node.compares_clocks = config.live  # a file is played as fast as this machine can follow
    # A file is in no hurry: a frame may wait for the slower path.
    patience = [] if config.live else _overrides(max_wait_s=PATIENCE_S)
    topics = ["activity"] + ["skeletons"] * (config.people is not None)
    graph = NodeGraph(
        camera=camera,
        workers=workers,
        fusion=FusionNode(parameter_overrides=patience) if both else None,
        listener=Listener(recorder),
        # Slowed playback is filmed at the source's own rate: the film shows the scene as it was.
        film=Film(film, rate_hz, topics, with_scene=config.video is not None, queue_depth=QUEUE),
        result=DemoResult(speed=config.speed),
    )
    camera.on_published = graph.result.on_published
    return graph


def source_rate_hz(source: str) -> float:
    """Frames per second of a source. Raises as `VideoSource`."""
    with VideoSource(source) as opened:
        return opened.rate_hz


def required_rate_hz(rate_hz: float, model_rate_hz: float) -> float:
    """Frames a second that the learner has to answer where a source of `rate_hz` is played at its own speed."""
    return min(model_rate_hz or rate_hz, rate_hz)


def sustainable_speed(step_s: float, source_hz: float, share: float = 0.5) -> float:
    """Playback speed, at most 1, at which a learner keeps up.

    Args:
        step_s: time it takes for a frame.
        source_hz: frames a second at the source's own speed.
        share: of the time that goes to the learner; the rest is for reading, sending and drawing on the same cores.

    Raises:
        ValueError: for a time or a rate that is not above 0.
    """
    if step_s <= 0 or source_hz <= 0:
        raise ValueError(f"a step takes time and a source has a rate, got {step_s} s and {source_hz} Hz.")
    return min(1.0, share / (step_s * source_hz))


def _remapped(name: str, both: bool) -> dict[str, Any]:
    topics = {"activity": f"activity_{name}", "~/label_info": f"label_info_{name}"}
    rules = [part for old, new in topics.items() for part in ("-r", f"{old}:={new}")]
    return {"cli_args": ["--ros-args", *rules]} if both else {}


def _overrides(**values: Value) -> list[Parameter]:
    return [Parameter(name, value=value) for name, value in values.items()]
