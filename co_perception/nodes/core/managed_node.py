"""Base of all nodes of this package: a lifecycle node with typed parameters, diagnostics, and loss counting."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Any, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.action import ActionServer
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecyclePublisher, LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

from co_perception.engine.settings import setting
from co_perception.nodes.core.bond import form_bond
from co_perception.nodes.core.diagnostics import ERROR, OK, PREPARING, WARN, Counters, diagnostic_array
from co_perception.nodes.core.graph_conflicts import GraphConflicts
from co_perception.nodes.core.guarded_node import GuardedNode, Request, Response
from co_perception.nodes.core.parameter_names import check_names
from co_perception.nodes.core.parameters import Parameters
from co_perception.nodes.core.preparation import Preparation
from co_perception.nodes.core.publisher_filter import PublisherFilter
from co_perception.nodes.core.qos import call_qos, latched_qos, result_qos
from co_perception.nodes.core.run_node import interrupted

LOST = "lost on the way"
CONNECTING = "missed while connecting"  # no loss: a connection of DDS comes about step by step


@dataclass(frozen=True)
class NodeSettings:
    """Parameters of every node."""

    autostart: bool = setting(
        True, "Configure and activate at start; false: wait for a lifecycle manager.", when="start"
    )
    prepare_in_background: bool = setting(
        True, "Answer a manager's configure at once and load afterwards; false: once all is loaded.", when="start"
    )


S = TypeVar("S", bound=NodeSettings)
M = TypeVar("M")
R = TypeVar("R")


class ManagedNode(GuardedNode, ABC, Generic[S]):
    """A lifecycle node with parameters, diagnostics and clean-up; subclasses define the contents.

    `prepare` makes what a configured node has and `begin` what an active one has besides. Both leave in
    `while_configured` and `while_active` how to undo it; that happens in reverse order, however the state is left.

    What takes seconds is in `load`, with `loads` true. Where another process asks for the transition (a lifecycle
    manager) it runs on a thread of its own, after the transition was answered; the node may be active before it is
    `ready`. Where it fails then, the node goes through error processing back to unconfigured. Where the process itself
    asks (`trigger_configure`), the transition takes as long as it takes.

    Args:
        settings: the dataclass of its parameters.
        options: as `Node`.
    """

    part = "stream"
    """What the diagnostics are about, after the node's full name."""
    drops: tuple[str, ...] = ()
    """The events that are dropped frames, see `Counters`."""
    loads: bool = False
    """Whether there is something slow to `load`."""
    companions: tuple[str, ...] = ()
    """Names of the nodes that may run in this process, for which parameters of its command line may be meant."""

    def __init__(self, node_name: str, settings: type[S], **options: object) -> None:
        # destroy_node() looks at them, even where a setting below is refused or a signal comes in the middle.
        self.while_configured, self.while_active = ExitStack(), ExitStack()
        self._preparation: Preparation[Any] | None = None
        super().__init__(node_name, **options)
        self._turn = Lock()
        self._background = self._active = False
        self.failure = ""
        """Why the node could not be configured or prepared, until it is configured again; empty: it could."""
        self.settings = Parameters(self, settings)
        cli_args = options.get("cli_args")
        check_names(self, [*sys.argv, *(cli_args if isinstance(cli_args, list) else ())], self.companions)
        self.counters = Counters(self.drops)
        self.conflicts = GraphConflicts(self)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", result_qos())
        self.create_timer(1.0, self._report_health, clock=Clock(clock_type=ClockType.STEADY_TIME))
        service = self._service_change_state
        service.callback = self._in_background(service.callback)

    # Hooks for the subclass

    def check(self, values: S) -> None:
        """Looks for files and names, within milliseconds. An exception fails the transition; its text is logged."""

    @abstractmethod
    def prepare(self, values: S) -> None:
        """Makes what a configured node has, within milliseconds. An exception fails the transition, as of `check`."""

    def load(self, values: S) -> Any:
        """Makes what takes seconds, where `loads` is true; on any thread, so it leaves ROS alone."""

    def use(self, loaded: Any) -> None:
        """Takes what `load` has made, after `prepare`, on the thread of the callbacks; the node is ready then."""

    def discard(self, loaded: Any) -> None:
        """Frees what `load` has made and nobody needs any more."""

    @abstractmethod
    def begin(self, values: S) -> None:
        """Makes what an active node has."""

    @abstractmethod
    def health(self) -> tuple[bytes, str]:
        """Level and message of the diagnostics; asked every second. A warning is logged too."""

    @abstractmethod
    def values(self) -> dict[str, object]:
        """Values of the diagnostics, by name."""

    @property
    def hardware_id(self) -> str:
        """The hardware the diagnostics name, such as "cuda:0"; empty where there is none."""
        return ""

    def publisher_changed(self) -> None:
        """Called when another publisher is accepted on a topic that takes one at a time, see `listen_counted`."""

    def message_failed(self) -> None:
        """Counts it as a frame that was dropped."""
        self.counters.count("failed")

    @property
    def ready(self) -> bool:
        """Whether the node is configured, and what it loads in the background is there."""
        return self.settings.configured and self._preparation is None

    @property
    def active(self) -> bool:
        """Whether the node is active, ready or not."""
        return self._active

    @property
    def not_ready(self) -> str:
        """What a node that is not ready answers."""
        return f"not ready yet: {self._preparing}"

    def configure_in_background(self) -> TransitionCallbackReturn:
        """As `trigger_configure`, but loads on a thread of its own: the node is spun until it is `ready` or has a
        `failure`."""
        return self._in_background(self.trigger_configure)()

    # For use by the subclass

    def publish_on(self, kind: type, topic: str, qos: QoSProfile) -> LifecyclePublisher:
        """A lifecycle publisher, destroyed on clean-up. Another publisher on its topic is a warning."""
        publisher = self.create_lifecycle_publisher(kind, topic, qos)
        self.conflicts.watch(publisher.topic_name)
        self.while_configured.callback(self.destroy_lifecycle_publisher, publisher)
        return publisher

    def latch(self, topic: str, message: object) -> Publisher:
        """Publishes a latched message, which late subscribers get too; gives its publisher, destroyed on clean-up."""
        publisher = self.create_publisher(type(message), topic, latched_qos())
        self.while_configured.callback(self.destroy_publisher, publisher)
        publisher.publish(message)
        return publisher

    def serve(self, kind: type, name: str, answer: Callable[[Request, Response], Response]) -> None:
        """A service, destroyed on clean-up; `answer` takes request and response and returns the response.

        While the node is not ready, it answers that, in the fields `success` and `message`.
        """

        def answer_if_ready(request: Request, response: Response) -> Response:
            if self.ready:
                return answer(request, response)
            refused: Any = response
            refused.success, refused.message = False, self.not_ready
            return response

        qos = call_qos()
        service = self.create_service(kind, name, answer_if_ready, qos_profile=qos)
        self.while_configured.callback(self.destroy_service, service)

    def listen(self, kind: type, topic: str, callback: Callable[..., object], qos: QoSProfile) -> Subscription:
        """A subscription, destroyed on deactivation: those of rclpy ignore the lifecycle and would go on receiving."""
        subscription = self.create_subscription(kind, topic, callback, qos)
        self.while_active.callback(self.destroy_subscription, subscription)
        return subscription

    def listen_counted(
        self,
        kind: type[M],
        topic: str,
        callback: Callable[[M], object],
        qos: QoSProfile,
        *,
        lost: str = LOST,
        foreign: str = "",
        on_gap: Callable[[], object] = lambda: None,
    ) -> Subscription:
        """A subscription as of `listen` that counts lost messages.

        Args:
            lost: the event as which missing messages are counted.
            foreign: the event as which messages of other publishers than the first are counted and dropped, see
                `PublisherFilter.accepts`; empty: messages of all publishers are accepted.
            on_gap: called before `callback` where a message does not follow the one before: some were lost, or
                another publisher sent it.
        """
        publishers = PublisherFilter()

        def arrived(message: M, info: Mapping[str, object]) -> None:
            gid, number = info.get("publisher_gid"), info.get("publication_sequence_number")
            sender = gid.get("data", b"") if isinstance(gid, dict) else b""
            changes, now_s = publishers.changes, monotonic()
            if foreign and not publishers.accepts(sender, now_s):
                self.counters.count(foreign)
                return
            if publishers.changes > changes:
                self.publisher_changed()
            missing = 0
            if isinstance(number, int):  # older versions of rclpy have none
                missing, connected = publishers.lost(sender, number, now_s)
                self.counters.count(lost if connected else CONNECTING, missing)
            if missing or publishers.changes > changes:
                on_gap()
            callback(message)

        subscription = self.listen(kind, topic, arrived, qos)
        if foreign:
            self.conflicts.watch(subscription.topic_name)
        return subscription

    # Transitions

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Calls `check`, `prepare`, `load` and `use`. An exception fails the transition and is logged."""
        self.counters, self.failure = Counters(self.drops), ""
        values = self.settings.current
        try:
            self.check(values)
            self.prepare(values)
            if self.loads and self._background:
                self._load_in_background(values)
            elif self.loads:
                self.use(self.load(values))
        except Exception as error:  # a missing file, package or device: all mean "not with these settings"
            self.while_configured.close()
            if interrupted(error):
                raise KeyboardInterrupt from error
            self._report_failure(error)
            return TransitionCallbackReturn.FAILURE
        self.settings.configured = True
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Activates the publishers, then calls `begin`. An exception is logged and leads to `on_error`."""
        result = super().on_activate(state)
        try:
            self.begin(self.settings.current)
            self._form_bond()
        except Exception as error:  # rclpy would take it for a failed transition without a word
            self.get_logger().error(f"Cannot be activated: {error}")
            return TransitionCallbackReturn.ERROR
        self._active = True
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Undoes `begin`. After a failed preparation it leads to `on_error`."""
        self._active = False
        self.while_active.close()
        result = super().on_deactivate(state)
        return TransitionCallbackReturn.ERROR if self.failure else result

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Undoes `prepare`. After a failed preparation it leads to `on_error`."""
        failed = bool(self.failure)
        self.on_error(state)
        return TransitionCallbackReturn.ERROR if failed else TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Undoes `begin` and `prepare`, from any state; after a failed transition the node can be configured again."""
        self._active = False
        self.while_active.close()
        self.while_configured.close()
        self.settings.configured = False
        return TransitionCallbackReturn.SUCCESS

    on_shutdown = on_error

    def _in_background(self, ask: Callable[..., R]) -> Callable[..., R]:
        """`ask`, with what is loaded meanwhile loaded on a thread, unless the parameter says otherwise."""

        def asked(*args: Any) -> R:
            self._background = self.settings.current.prepare_in_background
            try:
                return ask(*args)
            finally:
                self._background = False

        return asked

    def _load_in_background(self, values: S) -> None:
        name = f"{self.get_name()}_load"
        loaded = self.create_guard_condition(self._take_loaded)
        self.while_configured.callback(self.destroy_guard_condition, loaded)
        preparation = Preparation(lambda: self.load(values), self.discard, self._turn, name, loaded.trigger)
        self._preparation = preparation
        self.while_configured.callback(setattr, self, "_preparation", None)
        self.while_configured.callback(preparation.cancel)

    def _take_loaded(self) -> None:
        """Takes what was loaded in the background."""
        preparation = self._preparation
        if preparation is None or not preparation.done:
            return
        try:
            self.use(preparation.result())
        except Exception as error:
            self._report_failure(error)
            self.trigger_deactivate() if self._active else self.trigger_cleanup()
            return
        self._preparation = None
        self.get_logger().info(f"Ready after {preparation.seconds:.1f} s")

    def _report_failure(self, error: Exception) -> None:
        self.failure = f"Cannot be configured: {error}"
        self.get_logger().error(self.failure)

    @property
    def _preparing(self) -> str:
        return f"{PREPARING} for {self._preparation.seconds:.0f} s" if self._preparation else "not configured"

    def _form_bond(self) -> None:
        """A bond, where a lifecycle manager brings the node up and bondpy is installed."""
        if not self.settings.current.autostart and (ends := form_bond(self)):
            self.while_active.callback(ends)

    def destroy_node(self) -> None:
        self.while_active.close()
        if self._preparation is not None:
            self._preparation.cancel()
        for waitable in [*self.waitables]:  # rclpy leaves action servers, and their clients would go on waiting
            if isinstance(waitable, ActionServer):
                waitable.destroy()
        super().destroy_node()
        # rclpy's state machine and the node refer to each other. Until the garbage collector runs, a destroyed node
        # would be found by others: its process keeps its place in the graph, and publishers count its subscriptions.
        self.__dict__.pop("_state_machine", None)

    # Every second

    def _state_or_health(self) -> tuple[bytes, str]:
        """An active node that is not ready is a warning: what comes meanwhile gets no answer."""
        if self.failure:
            return ERROR, self.failure
        if self._preparation is not None:
            return WARN if self._active else OK, self._preparing
        return self.health()

    def _report_health(self) -> None:
        level, message = self._state_or_health()
        if level == WARN:
            self.log.warning(message, 30.0)
        conflicts, new = self.conflicts.look()
        for conflict in new:
            self.get_logger().warning(f"{conflict}.")
        if new and level < WARN:
            level, message = WARN, "; ".join(new)
        values = {**self.values(), **({"conflicts": "; ".join(conflicts)} if conflicts else {})}
        stamp, name = self.get_clock().now().to_msg(), f"{self.get_fully_qualified_name()}: {self.part}"
        self._diagnostics.publish(diagnostic_array(stamp, name, level, message, values, self.hardware_id))
