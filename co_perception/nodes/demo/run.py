"""A run of the demo: camera, recognizers, listener and film in one process, over real topics."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from time import perf_counter, sleep

import rclpy
from rclpy.exceptions import InvalidHandle
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from tqdm import tqdm

from co_perception.data.video import VideoReader, is_live
from co_perception.data.video_source import resolve
from co_perception.nodes.core.run_node import bring_up
from co_perception.nodes.demo.graph import DemoConfig, DemoResult, NodeGraph, build_graph
from co_perception.nodes.demo.subscribers import Listener, state
from co_perception.nodes.recording.recorder import Recorder

TICK_S = 0.05  # between two looks at progress and pace
STALLED_S = 10.0  # without an answer that long, no more is to be expected


def play(config: DemoConfig, out: Path, seconds: float = 0.0) -> DemoResult:
    """Plays the source through the nodes and waits until the last answer has arrived.

    Args:
        config: the source, and its recognizers.
        out: existing folder for bag and film.
        seconds: ends the run after that long; 0: with the source, or Ctrl-C.

    Raises:
        RuntimeError: where a node does not come up; its log has the reason.
        OSError: where not all could be recorded.
    """
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        with Recorder(out / "activity.mcap", by_stamps=not config.live) as recorder:
            graph = build_graph(config, recorder, out / "annotated.mp4")
            try:
                # The film draws in its callbacks, for which no other node is to wait.
                with _spinning(*graph.managed()), _spinning(graph.listener), _spinning(graph.film):
                    if not all(bring_up(node) for node in graph.managed()):
                        raise RuntimeError("the nodes did not come up; the messages above say why.")
                    _watch(graph, config, seconds)
            finally:
                result = graph.close()
        if recorder.problem:
            raise OSError(recorder.problem)
        return result
    finally:
        rclpy.try_shutdown(uninstall_handlers=False)  # see run_node


def _watch(graph: NodeGraph, config: DemoConfig, seconds: float) -> None:
    """Shows progress until all is answered, time is up, no answer comes any more, or the user interrupts."""
    began = last_change = perf_counter()
    answers = graph.listener.answers
    # In a log file a line every few seconds is enough.
    interval_s = 0.1 if sys.stderr.isatty() else 5.0
    frames = None
    if not is_live(config.source):
        counts = [_frames(name) for name in resolve(config.source)]
        frames = sum(filter(None, counts)) if None not in counts else None
    with tqdm(total=frames, unit="frame", dynamic_ncols=True, mininterval=interval_s) as bar:
        try:
            while not graph.all_answered():
                sleep(TICK_S)
                last_change = perf_counter() if len(answers) > bar.n else last_change
                bar.set_postfix_str(_latest(graph.listener), refresh=False)
                bar.update(len(answers) - bar.n)
                if not config.live:
                    graph.adjust_speed(graph.sustainable_speed())
                if perf_counter() - last_change > STALLED_S:
                    bar.write(f"no answer for {STALLED_S:.0f} s: the run ends here, with what was answered so far")
                    break
                if 0 < seconds < perf_counter() - began:
                    break
        except KeyboardInterrupt:
            bar.write("stopped by the user")
        bar.update(len(answers) - bar.n)
    for node in reversed([*graph.managed()]):
        node.trigger_deactivate()
    graph.result.wall_s = perf_counter() - began


def _latest(listener: Listener) -> str:
    """The label of each subject in the latest message."""
    if not listener.answers:
        return "waiting for the first answer"
    records = listener.answers[-1].records
    return ", ".join(f"{record.subject or 'scene'}: {state(record, listener.classes)}" for record in records)


def _frames(name: str) -> int | None:
    """Frames of a file, where it says so."""
    with VideoReader(name) as reader:
        return reader.frames


def _spin(executor: Executor) -> None:
    """Spins until the executor is shut down.

    A node that is deactivated by another thread ends handles that the executor may be about to wait for.
    """
    with suppress(ExternalShutdownException):
        while True:
            with suppress(InvalidHandle):
                return executor.spin()


@contextmanager
def _spinning(*nodes: Node) -> Iterator[None]:
    """Lets the nodes spin in a thread of their own meanwhile."""
    executor = SingleThreadedExecutor()
    for node in nodes:
        executor.add_node(node)

    thread = Thread(target=_spin, args=(executor,), name="spin", daemon=True)
    thread.start()
    try:
        yield
    finally:
        executor.shutdown()
        thread.join()
