"""A run of the demo: camera, recognisers and those who watch in one process, as on a robot, over real topics."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from time import perf_counter, sleep

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from tqdm import tqdm

from co_perception.data.video import VideoReader, is_live
from co_perception.evaluation.moments import Moment
from co_perception.nodes.audience import Audience
from co_perception.nodes.cast import Cast, Run
from co_perception.nodes.casting import Plan, assemble
from co_perception.nodes.recorder import Recorder
from co_perception.nodes.running import bring_up
from co_perception.nodes.video_source import resolve

TICK_S = 0.05  # between two looks at progress and pace
STALLED_S = 10.0  # without an answer that long, no more is to be expected


def play(plan: Plan, out: Path, seconds: float = 0.0) -> Run:
    """Plays the source through the nodes and waits until the last answer has arrived.

    Args:
        plan: what is played, and who recognises it.
        out: existing folder for bag and film.
        seconds: ends the run after that long; 0: with the source, or Ctrl-C.

    Raises: RuntimeError where a node does not come up; its log says why.
    """
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        with Recorder(out / "activity.mcap") as recorder:
            cast = assemble(plan, recorder, out / "annotated.mp4")
            # The film draws in its callbacks, for which nobody else is to wait.
            with _spinning(*cast.managed()), _spinning(cast.audience), _spinning(cast.film):
                if not all(bring_up(node) for node in cast.managed()):
                    raise RuntimeError("the nodes did not come up; the messages above say why.")
                _watch(cast, plan, seconds)
            cast.end()
    finally:
        rclpy.try_shutdown()
    return cast.run


def _watch(cast: Cast, plan: Plan, seconds: float) -> None:
    """Shows progress until all is answered, time is up, nothing comes any more, or the user has seen enough."""
    began = last_change = perf_counter()
    heard = cast.audience.heard
    # In a log file a line every few seconds is enough.
    interval_s = 0.1 if sys.stderr.isatty() else 5.0
    with tqdm(total=_length(plan.source), unit="frame", dynamic_ncols=True, mininterval=interval_s) as bar:
        try:
            while not cast.all_answered():
                sleep(TICK_S)
                last_change = perf_counter() if len(heard) > bar.n else last_change
                bar.set_postfix_str(_caption(cast.audience), refresh=False)
                bar.update(len(heard) - bar.n)
                if not plan.live:
                    cast.keep_pace(cast.fitting())
                if perf_counter() - last_change > STALLED_S or 0 < seconds < perf_counter() - began:
                    break
        except KeyboardInterrupt:
            bar.write("stopped by the user")
        bar.update(len(heard) - bar.n)
    for node in reversed([*cast.managed()]):
        node.trigger_deactivate()
    cast.run.wall_s = perf_counter() - began


def _caption(audience: Audience) -> str:
    if not audience.heard:
        return "waiting for the first answer"
    told = audience.heard[-1].moments.items()
    return ", ".join(f"{subject or 'scene'}: {_brief(moment)}" for subject, moment in told)


def _brief(moment: Moment) -> str:
    return (moment.label or "unsure") if moment.warm else f"warming up {moment.progress:.0%}"


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
