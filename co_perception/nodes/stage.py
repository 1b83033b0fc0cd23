"""Camera, recogniser and an audience in one process, as they would run on a robot: three nodes, real topics."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
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
from co_perception.evaluation.run import Heard
from co_perception.nodes.audience import Audience
from co_perception.nodes.camera import CameraNode
from co_perception.nodes.recognition import StreamingLearner
from co_perception.nodes.recorder import Recorder
from co_perception.nodes.running import bring_up
from co_perception.nodes.video_activity import VideoActivityNode
from co_perception.nodes.video_source import VideoSource, resolve

SHORT_SIDE = 256  # what the network looks at; also keeps a raw frame below what DDS carries without tuning
QUEUE = 64  # frames that may wait: a clip is to be seen whole, and a step is slower on some frames than on others
WAITING = 6  # frames behind from which on playback is slowed
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


def play(
    source: str, learner: StreamingLearner, out: Path, *, model_rate_hz: float, speed: float, seconds: float = 0.0
) -> Run:
    """Plays `source` through the nodes and waits until the last answer has arrived.

    Args:
        source: as the camera's parameter of that name.
        learner: ready to use.
        out: existing folder for bag and film.
        model_rate_hz: as the recogniser's parameter of that name.
        speed: media seconds per second to begin with; lowered while frames pile up.
        seconds: ends the run after that long; 0: with the source, or Ctrl-C.

    Raises: RuntimeError where a node does not come up; its log says why.
    """
    live = is_live(source)
    common = {"queue_depth": 1 if live else QUEUE, "image_reliability": "reliable"}
    playing = {"source": source, "rate": speed, "short_side": SHORT_SIDE, "wait_for_subscribers": 1}
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    run, rate_hz = Run(speed=speed), rate_of(source)
    try:
        camera = CameraNode(parameter_overrides=_overrides(**common, **playing))
        camera.on_published = run.sent
        recogniser = VideoActivityNode(
            lambda settings: learner, parameter_overrides=_overrides(**common, model_rate_hz=model_rate_hz)
        )
        with Recorder(out / "activity.mcap") as recorder:
            # Slowed playback is filmed at the source's own rate: the film shows the scene as it was.
            film_hz = min(model_rate_hz or rate_hz, rate_hz)
            audience = Audience(recorder, out / "annotated.mp4", film_hz)
            with _spinning(camera, recogniser), _spinning(audience):
                if not (bring_up(recogniser) and bring_up(camera)):
                    raise RuntimeError("the nodes did not come up; the messages above say why.")
                _watch(run, camera, recogniser, audience, source, speed, seconds)
            audience.finish()
        run.heard, run.counts = audience.heard, recogniser.tally.counts()
        run.published, run.processed = camera.published, run.counts.get("processed", 0)
        for node in (camera, recogniser, audience):
            node.destroy_node()
    finally:
        rclpy.try_shutdown()
    return run


def rate_of(source: str) -> float:
    """Frames per second as the source names them. Raises as `VideoSource`."""
    with VideoSource(source) as opened:
        return opened.rate_hz


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


def _watch(
    run: Run,
    camera: CameraNode,
    recogniser: VideoActivityNode,
    audience: Audience,
    source: str,
    speed: float,
    seconds: float,
) -> None:
    """Shows progress until all is answered, time is up, nothing comes any more, or the user has seen enough."""
    live, length = is_live(source), _length(source)
    began = perf_counter()
    # In a log file a line every few seconds is enough.
    with tqdm(total=length, unit="frame", dynamic_ncols=True, mininterval=0.1 if sys.stderr.isatty() else 5.0) as bar:
        last_change = began
        try:
            while not _all_answered(camera, recogniser, audience):
                sleep(0.05)
                new = len(audience.heard) - bar.n
                last_change = perf_counter() if new else last_change
                bar.update(new)
                bar.set_postfix_str(_caption(audience), refresh=False)
                if not live:
                    _keep_pace(run, camera, _waiting(camera, recogniser), speed)
                if perf_counter() - last_change > STALLED_S or 0 < seconds < perf_counter() - began:
                    break
        except KeyboardInterrupt:
            bar.write("stopped by the user")
        bar.update(len(audience.heard) - bar.n)
    camera.trigger_deactivate()
    recogniser.trigger_deactivate()
    run.wall_s = perf_counter() - began


def _waiting(camera: CameraNode, recogniser: VideoActivityNode) -> int:
    """Frames on their way between camera and recogniser, or in work there."""
    counts = recogniser.tally.counts()
    return camera.published - sum(counts.get(fate, 0) for fate in ("processed", *SKIPPED))


def _keep_pace(run: Run, camera: CameraNode, waiting: int, most: float) -> None:
    """Plays a little slower while frames pile up, and a little faster, up to `most`, while none do."""
    if waiting > WAITING:
        speed = max(0.97 * run.speed, 0.02)
    elif waiting <= 1:
        speed = min(1.01 * run.speed, most)
    else:
        return
    if speed != run.speed:
        run.speed = speed
        camera.set_parameters([Parameter("rate", value=speed)])


def _all_answered(camera: CameraNode, recogniser: VideoActivityNode, audience: Audience) -> bool:
    processed = recogniser.tally.counts().get("processed", 0)
    shown = audience.filmed >= processed and len(audience.heard) >= processed
    return camera.finished and _waiting(camera, recogniser) <= 0 and shown


def _caption(audience: Audience) -> str:
    if not audience.heard:
        return "waiting for the first answer"
    moment = audience.heard[-1].moment
    if not moment.warm:
        return f"warming up {moment.progress:.0%}"
    return ", ".join(f"{label} {score:.2f}" for label, score in moment.hypotheses[:2])


def _overrides(**values: Any) -> list[Parameter]:
    return [Parameter(name, value=value) for name, value in values.items()]
