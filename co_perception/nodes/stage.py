"""Camera, recogniser and an audience in one process, as they would run on a robot: three nodes, real topics."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from time import perf_counter, perf_counter_ns, sleep
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from tqdm import tqdm

from co_perception.data.video import VideoReader, is_live
from co_perception.evaluation.run import Heard, pace
from co_perception.nodes.audience import Audience
from co_perception.nodes.camera import CameraNode
from co_perception.nodes.recorder import Recorder
from co_perception.nodes.running import bring_up
from co_perception.nodes.timed import Timed
from co_perception.nodes.video_activity import VideoActivityNode
from co_perception.nodes.video_source import VideoSource, resolve

SHORT_SIDE = 256  # what the network looks at; also keeps a raw frame below what DDS carries without tuning
QUEUE = 64  # frames that may wait: a clip is to be seen whole, and a step is slower on some frames than on others
WAITING = 6  # frames behind from which on playback is slowed
TICK_S = 0.05  # between two looks at progress and pace
STALLED_S = 10.0  # without an answer that long, no more is to be expected
SKIPPED = ("early", "duplicate", "displaced", "unreadable", "failed")


@dataclass
class Run:
    """What a run leaves behind, filled while it goes on. Times of `sent_ns` are on the process's own clock."""

    heard: list[Heard] = field(default_factory=list)
    sent_ns: dict[int, int] = field(default_factory=dict)
    chapters: list[tuple[int, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    published: int = 0
    processed: int = 0
    wall_s: float = 0.0
    speed: float = 1.0

    def sent(self, stamp_ns: int, origin: str) -> None:
        """Notes that a frame goes out; the first of each file begins a chapter."""
        self.sent_ns[stamp_ns] = perf_counter_ns()
        if not self.chapters or self.chapters[-1][1] != origin:
            self.chapters.append((stamp_ns, origin))


def play(source: str, learner: Timed, out: Path, *, model_rate_hz: float, speed: float, seconds: float = 0.0) -> Run:
    """Plays `source` through the nodes and waits until the last answer has arrived.

    Args:
        source: as the camera's parameter of that name.
        learner: ready to use.
        out: existing folder for bag and film.
        model_rate_hz: as the recogniser's parameter of that name.
        speed: media seconds per second to begin with; files are then played as fast as this machine can follow.
        seconds: ends the run after that long; 0: with the source, or Ctrl-C.

    Raises: RuntimeError where a node does not come up; its log says why.
    """
    asked_hz = asked_hz_of(rate_of(source), model_rate_hz)
    common = {"queue_depth": 1 if is_live(source) else QUEUE, "image_reliability": "reliable"}
    playing = {"source": source, "rate": speed, "short_side": SHORT_SIDE, "wait_for_subscribers": 1}
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        with Recorder(out / "activity.mcap") as recorder:
            cast = Cast(
                camera=CameraNode(parameter_overrides=_overrides(**common, **playing)),
                recogniser=VideoActivityNode(
                    lambda settings: learner, parameter_overrides=_overrides(**common, model_rate_hz=model_rate_hz)
                ),
                # Slowed playback is filmed at the source's own rate: the film shows the scene as it was.
                audience=Audience(recorder, out / "annotated.mp4", asked_hz),
                run=Run(speed=speed),
            )
            cast.camera.on_published = cast.run.sent
            with _spinning(cast.camera, cast.recogniser), _spinning(cast.audience):
                if not (bring_up(cast.recogniser) and bring_up(cast.camera)):
                    raise RuntimeError("the nodes did not come up; the messages above say why.")
                fitting = (lambda: None) if is_live(source) else (lambda: _fitting(learner, asked_hz))
                _watch(cast, _length(source), seconds, fitting)
            cast.end()
    finally:
        rclpy.try_shutdown()
    return cast.run


def rate_of(source: str) -> float:
    """Frames per second as the source names them. Raises as `VideoSource`."""
    with VideoSource(source) as opened:
        return opened.rate_hz


def asked_hz_of(rate_hz: float, model_rate_hz: float) -> float:
    """Frames a second that the learner has to answer where a source of `rate_hz` is played at its own speed."""
    return min(model_rate_hz or rate_hz, rate_hz)


@dataclass
class Cast:
    """The three nodes and what is kept of their run."""

    camera: CameraNode
    recogniser: VideoActivityNode
    audience: Audience
    run: Run

    def waiting(self) -> int:
        """Frames on their way between camera and recogniser, or in work there."""
        counts = self.recogniser.tally.counts()
        return self.camera.published - sum(counts.get(fate, 0) for fate in ("processed", *SKIPPED))

    def all_answered(self) -> bool:
        """Whether the source is at its end, and everything that came of it has been heard and seen."""
        processed = self.recogniser.tally.counts().get("processed", 0)
        shown = self.audience.filmed >= processed and len(self.audience.heard) >= processed
        return self.camera.finished and self.waiting() <= 0 and shown

    def keep_pace(self, fitting: float) -> None:
        """Plays a little slower while frames pile up, else a little faster where that stays below `fitting`."""
        waiting, speed = self.waiting(), self.run.speed
        if waiting > WAITING:
            speed = max(0.97 * speed, 0.02)
        elif waiting <= 1 and fitting > speed:
            speed = min(1.03 * speed, fitting)
        if speed != self.run.speed:
            self.run.speed = speed
            self.camera.set_parameters([Parameter("rate", value=speed)])

    def end(self) -> None:
        """Stops the nodes and gathers what they know."""
        self.audience.finish()
        self.run.heard, self.run.counts = self.audience.heard, self.recogniser.tally.counts()
        self.run.published, self.run.processed = self.camera.published, self.run.counts.get("processed", 0)
        for node in (self.camera, self.recogniser, self.audience):
            node.destroy_node()


def _watch(cast: Cast, length: int | None, seconds: float, fitting: Callable[[], float | None]) -> None:
    """Shows progress until all is answered, time is up, nothing comes any more, or the user has seen enough."""
    began = last_change = perf_counter()
    heard = cast.audience.heard
    # In a log file a line every few seconds is enough.
    with tqdm(total=length, unit="frame", dynamic_ncols=True, mininterval=0.1 if sys.stderr.isatty() else 5.0) as bar:
        try:
            while not cast.all_answered():
                sleep(TICK_S)
                last_change = perf_counter() if len(heard) > bar.n else last_change
                bar.set_postfix_str(_caption(cast.audience), refresh=False)
                bar.update(len(heard) - bar.n)
                if (speed := fitting()) is not None:
                    cast.keep_pace(speed)
                if perf_counter() - last_change > STALLED_S or 0 < seconds < perf_counter() - began:
                    break
        except KeyboardInterrupt:
            bar.write("stopped by the user")
        bar.update(len(heard) - bar.n)
    cast.camera.trigger_deactivate()
    cast.recogniser.trigger_deactivate()
    cast.run.wall_s = perf_counter() - began


def _fitting(learner: Timed, asked_hz: float) -> float | None:
    step_s = learner.recent_s()
    return None if step_s is None else pace(step_s, asked_hz)


def _caption(audience: Audience) -> str:
    if not audience.heard:
        return "waiting for the first answer"
    moment = audience.heard[-1].moment
    if not moment.warm:
        return f"warming up {moment.progress:.0%}"
    return ", ".join(f"{label} {score:.2f}" for label, score in moment.hypotheses[:2])


def _length(source: str) -> int | None:
    """Frames in all, where every file says so."""
    if is_live(source):
        return None
    counts = []
    for name in resolve(source):
        with VideoReader(name) as reader:
            counts.append(reader.frames)
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


@contextmanager
def _spinning(*nodes: Node) -> Iterator[None]:
    """The nodes live in a thread of their own meanwhile."""
    executor = SingleThreadedExecutor()
    for node in nodes:
        executor.add_node(node)

    def spin() -> None:
        with suppress(ExternalShutdownException):
            executor.spin()

    thread = Thread(target=spin, name="spin", daemon=True)
    thread.start()
    try:
        yield
    finally:
        executor.shutdown()
        thread.join()


def _overrides(**values: Any) -> list[Parameter]:
    return [Parameter(name, value=value) for name, value in values.items()]
