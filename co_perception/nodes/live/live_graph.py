"""The running graph for the studio's live page: who looks, what is asked of nodes, and what is recorded.

ROS begins with the first look, on a thread of its own. It listens only while somebody looks; services are called and
topics recorded where somebody asks for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from time import monotonic_ns
from typing import Any, TypeVar

import rclpy
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.srv import GetParameters, ListParameters, SetParameters
from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Trigger

from co_perception.data.messages.jpeg import to_jpeg
from co_perception.nodes.live.listener import ACTIVITY, KINDS, LiveListener, Look, Tell
from co_perception.nodes.live.model_switch import switch_model
from co_perception.nodes.live.recording_session import RecordingRequest, RecordingSession
from co_perception.nodes.live.service_calls import ServiceCalls
from co_perception.nodes.recording.performance import Performance
from co_perception.srv import ResetState

SETTINGS = ("threshold", "task", "tasks")  # of a recognizer, as a page shows them
CHANGEABLE = ("threshold", "task")
RECORD_S = 0.1  # between two looks at a recording
PATIENCE_S = 10.0
R = TypeVar("R")


class LiveGraph:
    """The graph, see above. Its methods may be called from any thread but that of ROS.

    Args:
        arguments: of ROS, such as "-p", "use_sim_time:=true".
        folder: in which recordings are made; None: nothing is recorded.
    """

    def __init__(self, arguments: Sequence[str] = (), folder: Path | None = None) -> None:
        self.folder = folder
        self._arguments = list(arguments)
        self._lock = Lock()
        self._thread: Thread | None = None
        self._node: LiveListener | None = None
        self._executor: SingleThreadedExecutor | None = None
        self._tasks: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._own_context = self._ending = False
        self._session: RecordingSession | None = None
        self._summary: dict[str, Any] | None = None
        self._coded: dict[str, tuple[Any, bytes]] = {}  # the newest picture of each topic, and the same as JPEG

    # Looking

    def watch(self, tell: Tell, chosen: Mapping[str, str], without: Sequence[str] = ()) -> Callable[[], None]:
        """Tells everything from now on, until what it returns is called.

        Args:
            tell: takes event and JSON, on the thread of ROS; must not wait.
            chosen: topics by kind, see `KINDS`.
            without: kinds that are not looked at.
        """
        self._start()
        look = Look(tell, {kind: chosen[kind] for kind in KINDS if chosen.get(kind)}, frozenset(without))
        self._later(lambda: self._begin(look))
        return lambda: self._later(lambda: self._listener.end(look))

    def picture(self, topic: str) -> tuple[int, bytes] | None:
        """Stamp [ns] and JPEG of the newest picture of a topic; None where there is none.

        Raises: ValueError for one that cannot be read.
        """
        newest = None if self._node is None else self._node.newest(topic)
        if newest is None:
            return None
        with self._lock:
            known = self._coded.get(topic)
        if known is None or known[0] is not newest[1]:  # stamps do not tell: a camera without a clock stamps all 0
            try:
                known = newest[1], to_jpeg(newest[1])
            except ImportError as error:
                raise ValueError(str(error)) from error
            with self._lock:
                self._coded = {topic: known}
        return newest[0], known[1]

    # Asking nodes

    def settings(self, node: str) -> dict[str, Any]:
        """What of a recognizer can be set, None for what it does not have.

        Raises: ValueError for another node, TimeoutError for one that is silent.
        """
        listed = self._asked(node, ListParameters, "list_parameters", ListParameters.Request()).result.names
        own = [name for name in SETTINGS if name in listed]  # asked for one more, a node answers with none of them
        answer = self._asked(node, GetParameters, "get_parameters", GetParameters.Request(names=own))
        values = map(parameter_value_to_python, answer.values)
        return {**dict.fromkeys(SETTINGS), **dict(zip(own, values, strict=True))}

    def change(self, node: str, name: str, value: Any) -> str:
        """Sets a parameter in `CHANGEABLE`. Returns why it was refused, if it was. Raises as `settings`."""
        if name not in CHANGEABLE:
            raise ValueError(f"what is changed from here is {' or '.join(CHANGEABLE)}, got {name!r:.100}")
        if name == "threshold" and type(value) in (int, float):
            value = float(value)
        if type(value) is not (float if name == "threshold" else str):
            raise ValueError(f"{name} cannot be {value!r:.100}")
        message: ParameterMessage = Parameter(name, value=value).to_parameter_msg()
        answer = self._asked(node, SetParameters, "set_parameters", SetParameters.Request(parameters=[message]))
        return "" if answer.results[0].successful else str(answer.results[0].reason)

    def recognizers(self) -> list[str]:
        """Full names of the recognizers of skeletons that run."""
        self._start()
        return self._done(lambda: self._listener.recognizers_of_skeletons())

    def use_model(self, node: str, folder: str) -> None:
        """Lets a recognizer that runs use another model from now on, see `switch_model`. Raises: as it and `settings`.

        Whatever takes seconds the node loads afterwards; meanwhile its diagnostics say so.
        """
        if node not in self.recognizers():
            raise ValueError(f"{node!r:.100} is no recognizer of skeletons that runs")

        def call(kind: Any, name: str, request: Any) -> Any:
            return self._done(lambda: self._calls.call(kind, f"{node}/{name}", request)).result(PATIENCE_S)

        switch_model(call, folder)

    def reset(self, node: str, subjects: Sequence[str]) -> str:
        """Lets a recognizer forget these subjects, or everybody, which is all that a fusion can do. Returns its words.

        Raises: as `settings`.
        """
        self._start()
        served = dict(self._done(lambda: self._listener.get_service_names_and_types()))
        if not subjects and "std_srvs/srv/Trigger" in served.get(f"{node}/reset", ()):
            return str(self._asked(node, Trigger, "reset", Trigger.Request()).message)
        ids = [str(subject) for subject in subjects]
        return str(self._asked(node, ResetState, "reset", ResetState.Request(subject_ids=ids)).message)

    # Recording

    def record(self, name: str, topics: Sequence[str], labels: Sequence[str], plan: Mapping[str, Any] | None) -> None:
        """Begins a recording.

        Args:
            name: of its folder.
            topics: what is recorded.
            labels: what may be marked.
            plan: repeats, act_s and rest_s of a `Performance` of all labels; None: without a countdown.

        Raises:
            ValueError: for a request that makes no sense, and where a recording runs or none is allowed.
            OSError: where it cannot be written.
        """
        if self.folder is None:
            raise ValueError("start the studio with --record DIR, the folder for recordings")
        performance = None
        if plan is not None:
            numbers = [float(plan.get(key, 0)) for key in ("repeats", "act_s", "rest_s")]
            performance = Performance(tuple(labels), int(numbers[0]), numbers[1], numbers[2])
        request = RecordingRequest(name, tuple(topics), tuple(labels), performance)
        self._start()
        folder = self.folder
        self._done(lambda: self._begin_recording(folder, request))

    def mark(self, label: str, at_s: float | None = None) -> None:
        """Marks in the recording that runs, see `RecordingSession.mark`. Raises: ValueError.

        Args:
            at_s: when it was pressed, in seconds of the recording, as events tell them; None: now.
        """
        now_ns = monotonic_ns()
        self._done(lambda: self._running().mark(label, at_s, now_ns))

    def stop(self) -> dict[str, Any]:
        """Ends the recording, and says what is in it. Raises: ValueError where none runs."""
        return self._done(self._end_recording)

    @property
    def summary(self) -> dict[str, Any] | None:
        """What the recording that ended last has."""
        return self._summary

    def close(self) -> None:
        """Ends a recording, and ROS. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._session is not None:
            self._done(self._end_recording)
        self._later(lambda: setattr(self, "_ending", True))
        thread.join(PATIENCE_S)

    # The thread of ROS

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                ready: Future[None] = Future()
                self._ending = False
                self._thread = Thread(target=self._run, args=(ready,), name="live_graph", daemon=True)
                self._thread.start()
                ready.result(PATIENCE_S)

    def _run(self, ready: Future[None]) -> None:
        try:
            self._own_context = not rclpy.ok()
            if self._own_context:
                arguments = ["--ros-args", *self._arguments] if self._arguments else []
                rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
            self._node, self._executor = LiveListener(), SingleThreadedExecutor()
            self._executor.add_node(self._node)
            self._calls = ServiceCalls(self._node)
            self._wake = self._node.create_guard_condition(self._work)
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self._watch_recording = self._node.create_timer(RECORD_S, self._look_at_recording, clock=steady)
            self._watch_recording.cancel()
        except Exception as error:
            self._thread = None
            ready.set_exception(error)
            return
        ready.set_result(None)
        try:
            while rclpy.ok() and not self._ending:
                try:
                    self._executor.spin_once(timeout_sec=0.5)
                except Exception as error:  # of one message or one task: the others go on
                    self._node.note_problem(error)
        finally:
            self._executor.shutdown()
            self._node.destroy_node()
            self._node = None
            if self._own_context:
                rclpy.try_shutdown()

    def _work(self) -> None:
        try:
            while not self._tasks.empty():
                self._tasks.get()()
        finally:
            if not self._tasks.empty():  # one has failed: those behind it are not to wait for the next trigger
                self._wake.trigger()

    def _later(self, work: Callable[[], None]) -> None:
        """Runs it on the thread of ROS."""
        self._tasks.put(work)
        if self._node is not None:
            self._wake.trigger()

    def _done(self, work: Callable[[], R]) -> R:
        """What it returns there, or raises."""
        if self._node is None:
            raise ValueError("nothing runs here")
        answer: Future[R] = Future()

        def run() -> None:
            try:
                answer.set_result(work())
            except BaseException as error:
                answer.set_exception(error)

        self._later(run)
        return answer.result(PATIENCE_S)

    @property
    def _listener(self) -> LiveListener:
        assert self._node is not None
        return self._node

    def _begin(self, look: Look) -> None:
        self._listener.begin(look)
        if self._session is None:
            look.tell("recording", "null")
            if self._summary is not None:  # a page that was away while it ended does not know what is in it
                look.tell("recorded", json.dumps(self._summary))

    def _asked(self, node: str, kind: Any, name: str, request: Any) -> Any:
        """The answer of a recognizer's service."""

        def begin() -> Future[Any]:
            types = self._listener.get_topic_names_and_types()
            topics = [topic for topic, own in types if set(own) & set(KINDS[ACTIVITY])]
            if not any(node in self._listener.recognizers(topic) for topic in topics):
                raise ValueError(f"{node!r:.100} is no recognizer that runs")
            return self._calls.call(kind, f"{node}/{name}", request)

        self._start()
        return self._done(begin).result(PATIENCE_S)

    def _running(self) -> RecordingSession:
        if self._session is None:
            raise ValueError("nothing is recorded now")
        return self._session

    def _begin_recording(self, folder: Path, request: RecordingRequest) -> None:
        if self._session is not None:
            raise ValueError("a recording runs already: end it first")
        assert self._executor is not None
        self._session = RecordingSession(folder, request)
        self._executor.add_node(self._session.node)
        self._watch_recording.reset()

    def _look_at_recording(self) -> None:
        if self._session is None:
            return
        state = self._session.look()
        self._listener.tell("recording", state)
        if state["done"]:
            self._end_recording()

    def _end_recording(self) -> dict[str, Any]:
        session = self._running()
        assert self._executor is not None
        self._session = None
        self._watch_recording.cancel()
        self._executor.remove_node(session.node)
        self._summary = session.close()
        self._listener.tell("recording", None)
        self._listener.tell("recorded", self._summary)
        return self._summary
