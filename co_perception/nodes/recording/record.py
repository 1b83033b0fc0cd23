"""Record topics into an MCAP file while a person annotates with keys: the work of `co-perception record`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic_ns, time_ns
from typing import Protocol, TextIO

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidTopicNameException
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from rclpy.validate_topic_name import validate_topic_name

from co_perception.data.annotations.intervals import Interval, disjoint, label_at, read_annotations, write_annotations
from co_perception.engine.time import NANO
from co_perception.nodes.core.qos import RELIABILITY
from co_perception.nodes.core.run_node import SignalGuard
from co_perception.nodes.recording.marks import KeyAnnotations, PlannedAnnotations, total_ns
from co_perception.nodes.recording.message_clock import MessageClock, Moment
from co_perception.nodes.recording.rate_watch import RateWatch
from co_perception.nodes.recording.recorder import Recorder, message_type_of, stamp_reader
from co_perception.nodes.recording.terminal import QUIT, Keyboard, KeyPress, StatusLine

CHUNK_BYTES = 16_384  # a second or two of one person's poses: what a killed recorder loses
POLL_S, SAVE_S = 0.05, 1.0


class KeySource(Protocol):
    """Where keys come from: a terminal's `Keyboard`, or buttons."""

    def pressed(self) -> Sequence[KeyPress]:
        """The keys pressed since the last call, and when."""


@dataclass(frozen=True)
class RecordingPlan:
    """What to record.

    Args:
        out: folder, which gives the recording its name; made where it is missing.
        topics: names, which may be remapped.
        keys: the activity that each key annotates.
        script: file of annotations that are known beforehand instead; each is shown while it applies.

    Raises:
        ValueError: for both keys and a script, and for what cannot be the name of a topic.
        FileExistsError: where there is a recording in `out` already, or annotations that would be written over.
    """

    out: Path
    topics: Sequence[str] = ("skeletons",)
    keys: Mapping[str, str] = field(default_factory=dict)
    script: Path | None = None

    def __post_init__(self) -> None:
        if self.keys and self.script:
            raise ValueError("activities are marked by keys or named by an annotation file, not both.")
        for topic in self.topics:
            try:
                validate_topic_name(topic)
            except InvalidTopicNameException as error:
                raise ValueError(
                    f"topics are named as /skeletons, got {topic!r:.100}: {str(error).splitlines()[0]}"
                ) from error
        own = self.script is not None and self.script.resolve() == self.annotations.resolve()
        for file in (self.bag, *([] if own else [self.annotations])):
            if file.exists():
                raise FileExistsError(f"{file} is there already: record into another folder, or remove it.")

    @property
    def bag(self) -> Path:
        """The file that is recorded."""
        return self.out / f"{self.out.resolve().name}.mcap"

    @property
    def annotations(self) -> Path:
        """The file of the annotations."""
        return self.out / "annotations.csv"


class RecordNode(Node):
    """Records until `close`; `done` is set when the quit key is pressed, or when recording fails (see `problem`).

    A topic is subscribed to when its publisher appears: only then its type and quality of service are known. One that
    cannot be recorded is told, and the others are recorded. Annotations are by the stamps of the messages.
    """

    def __init__(self, plan: RecordingPlan, keyboard: KeySource, screen: TextIO = sys.stdout) -> None:
        # What may be refused comes before the node, which nobody would destroy.
        script = read_annotations(plan.script) if plan.script else None
        plan.out.mkdir(parents=True, exist_ok=True)
        self._recorder = Recorder(plan.bag, CHUNK_BYTES)
        super().__init__("record")
        self._plan, self._keyboard = plan, keyboard
        self._topics = list({self.resolve_topic_name(topic): topic for topic in plan.topics}.values())
        self._line = StatusLine(screen)
        self.done, self._problem = False, ""
        self._refused: dict[str, str] = {}
        self._received: set[str] = set()
        self._rates = RateWatch()
        self.began_ns = monotonic_ns()
        """When it began, by the steady clock."""
        now_ns = self._moment().machine_ns or time_ns()  # 0 as long as a simulated clock does not run
        self._message_clock = MessageClock(Moment(self.began_ns, now_ns))
        self.annotations = KeyAnnotations(plan.keys)
        self._script = PlannedAnnotations(script, now_ns) if script is not None else None
        self._awaited = list(self._topics)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(POLL_S, self._poll, clock=steady)
        self.create_timer(SAVE_S, self._save, clock=steady)

    @property
    def messages(self) -> int:
        """How many were recorded."""
        return self._recorder.messages

    def close(self) -> list[Interval]:
        """Ends the recording; returns the annotations. Idempotent."""
        self._mark()
        self.annotations.stop(self._now_ns())
        self._save()
        self._recorder.close()
        self._line.end()
        return self._intervals()

    @property
    def awaited(self) -> list[str]:
        """The topics on which nobody publishes yet."""
        return list(self._awaited)

    @property
    def seconds(self) -> float:
        """How long it records."""
        return (monotonic_ns() - self.began_ns) / NANO

    @property
    def problem(self) -> str:
        """Why the recording ended by itself."""
        return self._recorder.problem or self._problem

    @property
    def lacking(self) -> list[str]:
        """What the recording lacks, in words: topics, and annotations by their stamps."""
        silent = [topic for topic in self._topics if topic not in self._refused and topic not in self._received]
        lines = [f"nothing came on {topic}" for topic in silent]
        lost_ns = total_ns(self._annotated()) - total_ns(self._intervals())
        if lost_ns:
            lines.append(
                f"stamps were set back: {lost_ns / NANO:.1f} s of annotations are lost, at stamps that have one"
            )
        return [*self._refused.values(), *lines, *self._message_clock.doubts()]

    @property
    def warnings(self) -> list[str]:
        """What makes the recording worse now, in words: rates that are too low for a label."""
        return self._rates.warnings(monotonic_ns())

    @property
    def slow(self) -> list[str]:
        """Rates that were too low for a label all in all, in words."""
        return self._rates.summary()

    def _now_ns(self) -> int:
        return self._message_clock.now_ns(self._moment())

    def _moment(self, ago_ns: int = 0) -> Moment:
        return Moment(monotonic_ns() - ago_ns, int(self.get_clock().now().nanoseconds) - ago_ns)

    def _poll(self) -> None:
        self._awaited = [topic for topic in self._awaited if not self._subscribed(topic)]
        self._mark()
        self._show(self._now_ns())

    def _mark(self) -> None:
        """Takes the keys, by the time at which each was pressed: whoever takes them may have been busy since."""
        for press in sorted(self._keyboard.pressed(), key=lambda press: press.at_ns):
            self.done |= press.key == QUIT
            moment = self._moment(max(monotonic_ns() - press.at_ns, 0))
            self.annotations.press(press.key, self._message_clock.now_ns(moment))

    def _subscribed(self, topic: str) -> bool:
        """Whether a topic needs no more attention: it is recorded, or cannot be."""
        publishers = self.get_publishers_info_by_topic(self.resolve_topic_name(topic))
        if not publishers:
            return False
        kind = publishers[0].topic_type
        qos = QoSProfile(depth=100, reliability=RELIABILITY["best_available"])
        try:
            message_type = message_type_of(kind)
            arrived = partial(self._arrived, topic, stamp_reader(message_type))
            self._recorder.record(self, message_type, topic, arrived, qos)
            self._rates.add(topic, kind, monotonic_ns())
        except Exception as error:  # where its package, definition or libraries are missing
            self._refused[topic] = f"{topic} ({kind}) cannot be recorded: {error}"
            self.get_logger().error(self._refused[topic])
        return True

    def _arrived(self, topic: str, stamp_of: Callable[[bytes], int] | None, data: bytes) -> None:
        """Notes the stamp of a message; without one, the time at which it is recorded stands for it."""
        self._received.add(topic)
        now = self._moment()
        stamp_ns = stamp_of(data) if stamp_of else now.machine_ns
        self._rates.note(topic, stamp_ns, now.steady_ns)
        rank = (stamp_of is None, self._topics.index(topic))
        step = self._message_clock.note(topic, rank, stamp_ns, now)
        if step is not None:
            self.annotations.follow(step)
            if self._script is not None:
                self._script.follow(step)

    def _save(self) -> None:
        """Writes the annotations so far: a recorder that is killed loses a second of them."""
        try:
            write_annotations(self._plan.annotations, self._intervals())
        except OSError as error:
            self._problem = f"{self._plan.annotations} cannot be written: {error.strerror or error}"
        self.done |= bool(self.problem)

    def _intervals(self) -> list[Interval]:
        return disjoint(self._annotated())

    def _annotated(self) -> list[Interval]:
        return self.annotations.until(self._now_ns()) if self._script is None else self._script.intervals

    def _show(self, now_ns: int) -> None:
        label = self.annotations.label
        doing = f"MARKING {label}" if label else "nothing is marked"
        since = f" {(now_ns - self.annotations.since_ns) / NANO:.1f} s" if label else ""
        if self._script is not None:  # what is to be done now, and what comes next
            script = self._intervals()
            subjects = sorted({interval.subject for interval in script})
            current = [f"{subject} {label_at(script, now_ns, subject) or ''}".strip() for subject in subjects]
            later = [interval for interval in script if interval.start_ns > now_ns]
            doing = f"NOW {', '.join(filter(None, current)) or 'nothing'}"
            since = f", then {later[0].label} in {(later[0].start_ns - now_ns) / NANO:.0f} s" if later else ""
        slow = "".join(f"  |  WARNING {warning.partition('. ')[0]}" for warning in self.warnings)
        waiting = f", waiting for {', '.join(self._awaited)}" if self._awaited else ""
        so_far = f"{self.seconds:7.1f} s, {self.messages} messages{waiting}"
        keys = [*(f"{key}: {label}" for key, label in self._plan.keys.items()), f"{QUIT}: end"]
        state = f"{doing}{' slow' if slow else ''}"
        self._line.show(state, f"{so_far}  |  {doing}{since}{slow}  |  {'  '.join(keys)}")


def record(plan: RecordingPlan, ros_arguments: Sequence[str] = (), descriptor: int = 0) -> int:
    """Records until the quit key, SIGINT or SIGTERM, and prints a summary. Returns the exit status of the process."""
    with ExitStack() as stack:
        guard = stack.enter_context(SignalGuard())  # never armed: the loop below looks for a signal
        rclpy.init(
            args=["--ros-args", *ros_arguments] if ros_arguments else [], signal_handler_options=SignalHandlerOptions.NO
        )
        stack.callback(rclpy.try_shutdown, uninstall_handlers=False)  # see run_node
        keyboard = stack.enter_context(Keyboard(descriptor))
        node = RecordNode(plan, keyboard)
        stack.callback(node.destroy_node)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while rclpy.ok() and not node.done and not guard.received:
            executor.spin_once(timeout_sec=POLL_S)
        executor.shutdown()
        intervals, messages = node.close(), node.messages
        problem, lacking, slow = node.problem, node.lacking, node.slow
    print(f"{messages} messages in {plan.bag}, {len(intervals)} activities in {plan.annotations}.")
    for line in [*lacking, *slow]:
        print(line, file=sys.stderr)
    if problem:
        print(f"The recording ended early: {problem}. What was written before is whole.", file=sys.stderr)
    return 1 if problem or lacking else 0
