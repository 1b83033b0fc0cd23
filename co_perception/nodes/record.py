"""Records topics into one MCAP file while somebody marks what happens: the work of `co-perception record`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile

from co_perception.data.annotations import Interval, label_at, read_annotations, write_annotations
from co_perception.nodes.keyboard import Keyboard
from co_perception.nodes.marks import QUIT, Marks
from co_perception.nodes.qos import RELIABILITY
from co_perception.nodes.recorder import Recorder

CHUNK_BYTES = 16_384  # a second or two of one person's poses: what a killed recorder loses
POLL_S, KEEP_S = 0.05, 1.0


@dataclass(frozen=True)
class Plan:
    """What to record.

    Args:
        out: folder, which gives the recording its name; made where it is missing.
        topics: names, which may be remapped.
        keys: the activity that each key marks.
        script: annotations that are known beforehand instead; each is shown while it is time for it.

    Raises: ValueError for both keys and a script; FileExistsError where there is a recording in `out` already.
    """

    out: Path
    topics: Sequence[str] = ("skeletons",)
    keys: Mapping[str, str] = field(default_factory=dict)
    script: Path | None = None

    def __post_init__(self) -> None:
        if self.keys and self.script:
            raise ValueError("activities are marked by keys or named by an annotation file, not both.")
        if self.bag.exists():
            raise FileExistsError(f"{self.bag} is there already: record into another folder, or remove it.")

    @property
    def bag(self) -> Path:
        """The file that is recorded."""
        return self.out / f"{self.out.resolve().name}.mcap"

    @property
    def annotations(self) -> Path:
        """The file of what was marked."""
        return self.out / "annotations.csv"


class RecordNode(Node):
    """Records from the moment it is made until `close`; `done` says that the key for it was pressed, or that it cannot
    go on, for which `problem` has the reason.

    A topic is subscribed to when its publisher appears: only then its type and quality of service are known.
    """

    def __init__(self, plan: Plan, keyboard: Keyboard, screen: TextIO = sys.stdout) -> None:
        super().__init__("record")
        self._plan, self._keyboard = plan, keyboard
        self._script = read_annotations(plan.script) if plan.script else []
        self._line = Line(screen)
        self.marks = Marks(plan.keys)
        self.done, self._problem = False, ""
        plan.out.mkdir(parents=True, exist_ok=True)
        self._recorder = Recorder(plan.bag, CHUNK_BYTES)
        self._awaited = list(plan.topics)
        self._began_ns = 0
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(POLL_S, self._poll, clock=steady)
        self.create_timer(KEEP_S, self._keep, clock=steady)

    @property
    def messages(self) -> int:
        """How many were recorded."""
        return self._recorder.messages

    def close(self) -> list[Interval]:
        """Ends the recording; gives what was marked. May be repeated."""
        self.marks.stop(self._now_ns())
        self._keep()
        self._recorder.close()
        self._line.end()
        return self._marked()

    @property
    def problem(self) -> str:
        """Why the recording ended by itself, or lacks something."""
        return self._recorder.problem or self._problem

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _poll(self) -> None:
        now_ns = self._now_ns()
        if not self._began_ns:  # 0 as long as a simulated clock does not run
            self._began_ns = now_ns
            self._script = [interval.shifted(now_ns) for interval in self._script]
        self._awaited = [topic for topic in self._awaited if not self._subscribed(topic)]
        for key in self._keyboard.pressed():
            self.done |= key == QUIT
            self.marks.press(key, now_ns)
        self._show(now_ns)

    def _subscribed(self, topic: str) -> bool:
        publishers = self.get_publishers_info_by_topic(self.resolve_topic_name(topic))
        if not publishers:
            return False
        package, _, kind = publishers[0].topic_type.split("/")
        qos = QoSProfile(depth=100, reliability=RELIABILITY["best_available"])
        self._recorder.record(self, getattr(importlib.import_module(f"{package}.msg"), kind), topic, qos=qos)
        return True

    def _keep(self) -> None:
        """Writes what is marked so far: a recorder that is killed loses a second of it."""
        try:
            write_annotations(self._plan.annotations, self._marked())
        except OSError as error:
            self._problem = f"{self._plan.annotations} cannot be written: {error.strerror or error}"
        self.done |= bool(self.problem)

    def _marked(self) -> list[Interval]:
        return self._script or self.marks.until(self._now_ns())

    def _show(self, now_ns: int) -> None:
        doing = f"MARKING {self.marks.label}" if self.marks.label else "nothing is marked"
        since = f" {(now_ns - self.marks.since_ns) / 1e9:.1f} s" if self.marks.label else ""
        if self._script:
            doing, since = self._scripted(now_ns)
        waiting = f", waiting for {', '.join(self._awaited)}" if self._awaited else ""
        so_far = f"{(now_ns - self._began_ns) / 1e9:7.1f} s, {self.messages} messages{waiting}"
        keys = [*(f"{key}: {label}" for key, label in self._plan.keys.items()), f"{QUIT}: end"]
        self._line.show(doing, f"{so_far}  |  {doing}{since}  |  {'  '.join(keys)}")

    def _scripted(self, now_ns: int) -> tuple[str, str]:
        """What is to be done now, and what comes next."""
        subjects = sorted({interval.subject for interval in self._script})
        said = [f"{subject} {label_at(self._script, now_ns, subject) or ''}".strip() for subject in subjects]
        later = [interval for interval in self._script if interval.start_ns > now_ns]
        then = f", then {later[0].label} in {(later[0].start_ns - now_ns) / 1e9:.0f} s" if later else ""
        return f"NOW {', '.join(filter(None, said)) or 'nothing'}", then


class Line:
    """One line that is drawn again on a terminal; elsewhere a line for each change."""

    def __init__(self, screen: TextIO) -> None:
        self._screen, self._live, self._shown = screen, screen.isatty(), ""

    def show(self, state: str, line: str) -> None:
        """The line, and the part of it whose change is worth telling."""
        if self._live:
            print(f"\r{line}\x1b[K", end="", file=self._screen, flush=True)
        elif state != self._shown:
            print(line, file=self._screen, flush=True)
        self._shown = state

    def end(self) -> None:
        """Leaves the line."""
        if self._live and self._shown:
            print(file=self._screen, flush=True)
        self._shown = ""


def record(plan: Plan, ros_arguments: Sequence[str] = (), descriptor: int = 0) -> int:
    """Records until the key for it, SIGINT or SIGTERM; says what was kept. Returns the exit status of its process."""
    rclpy.init(args=["--ros-args", *ros_arguments] if ros_arguments else [])
    with ExitStack() as stack:
        stack.callback(rclpy.try_shutdown)
        keyboard = stack.enter_context(Keyboard(descriptor))
        node = RecordNode(plan, keyboard)
        stack.callback(node.destroy_node)
        with suppress(KeyboardInterrupt, ExternalShutdownException):  # the usual end
            _spin(node)
        intervals, messages = node.close(), node.messages
    print(f"{messages} messages in {plan.bag}, {len(intervals)} activities in {plan.annotations}.")
    if node.problem:
        print(f"The recording ended early: {node.problem}. What was written before is whole.", file=sys.stderr)
    return 1 if node.problem else 0


def _spin(node: RecordNode) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while rclpy.ok() and not node.done:
            executor.spin_once(timeout_sec=POLL_S)
    finally:
        executor.shutdown()
