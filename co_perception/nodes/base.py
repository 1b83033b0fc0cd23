"""What every node of this package has: a table of parameters, a life in four states, a report on its health."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from time import monotonic
from types import SimpleNamespace
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from co_perception.nodes.diagnostics import WARN, diagnostic_array
from co_perception.nodes.interruption import interrupted
from co_perception.nodes.parameters import Setting, Settings
from co_perception.nodes.qos import latched_qos, result_qos
from co_perception.nodes.reception import Reception
from co_perception.nodes.tally import Tally

LOST = "lost on the way"


class ManagedNode(LifecycleNode, ABC):
    """A lifecycle node of which only the contents are left to say.

    `prepare` makes what a configured node has and `begin` what an active one has besides. Both leave in
    `while_configured` and `while_active` how to undo it; that happens in reverse order, however the state is left.

    Args:
        node_name: as `Node`.
        table: the parameters.
        drops: events that are dropped frames, see `Tally`.
        options: as `Node`.
    """

    part = "stream"
    """What the diagnostics are about, after the node's name."""

    def __init__(self, node_name: str, table: Iterable[Setting], drops: tuple[str, ...] = (), **options: Any) -> None:
        super().__init__(node_name, **options)
        # destroy_node() closes them, even where a setting below is refused.
        self.while_configured, self.while_active = ExitStack(), ExitStack()
        self.settings = Settings(self, table)
        self._drops = drops
        self.tally = Tally(drops)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", result_qos())
        self.create_timer(1.0, self._look_after, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # For the subclass to say

    @abstractmethod
    def prepare(self, values: SimpleNamespace) -> None:
        """Makes what a configured node has. Raises whatever stands against it, in words for the user."""

    @abstractmethod
    def begin(self, values: SimpleNamespace) -> None:
        """Makes what an active node has."""

    @abstractmethod
    def health(self) -> tuple[bytes, str]:
        """Level and message of the diagnostics; asked every second. A warning is logged too."""

    @abstractmethod
    def values(self) -> dict[str, object]:
        """What the diagnostics tell besides."""

    @property
    def hardware_id(self) -> str:
        """On what the work is done."""
        return ""

    def another_sender(self) -> None:
        """A topic of which one publisher is heard has another one from now on, see `listen_closely`."""

    # For the subclass to use

    def publish_on(self, kind: type, topic: str, qos: Any) -> Any:
        """A publisher that sends while the node is active, and is there while it is configured."""
        publisher = self.create_lifecycle_publisher(kind, topic, qos)
        self.while_configured.callback(self.destroy_lifecycle_publisher, publisher)
        return publisher

    def latch(self, topic: str, message: Any) -> Any:
        """Publishes one message for everybody who comes while the node is configured; gives its publisher, for the
        next one."""
        publisher = self.create_publisher(type(message), topic, latched_qos())
        self.while_configured.callback(self.destroy_publisher, publisher)
        publisher.publish(message)
        return publisher

    def serve(self, kind: type, name: str, answer: Any) -> None:
        """A service while the node is configured; `answer` takes request and response and gives the response."""
        service = self.create_service(kind, name, answer)
        self.while_configured.callback(self.destroy_service, service)

    def listen(self, kind: type, topic: str, callback: Any, qos: Any) -> Any:
        """A subscription while the node is active: rclpy's know no lifecycle and would go on hearing."""
        subscription = self.create_subscription(kind, topic, callback, qos)
        self.while_active.callback(self.destroy_subscription, subscription)
        return subscription

    def listen_closely(
        self, kind: type, topic: str, callback: Any, qos: Any, *, lost: str = LOST, foreign: str = ""
    ) -> Any:
        """As `listen`; messages that never arrived are counted as `lost`.

        foreign: only one publisher is heard, see `Reception.admits`, and messages of others are counted so; empty: all
        are heard.
        """
        reception = Reception()

        def arrived(message: Any, info: Mapping[str, Any]) -> None:
            sender, number = (info.get("publisher_gid") or {}).get("data", b""), info.get("publication_sequence_number")
            changes = reception.changes
            if foreign and not reception.admits(sender, monotonic()):
                self.tally.count(foreign)
                return
            if reception.changes > changes:
                self.another_sender()
            if number is not None:  # older rclpy tell none
                self.tally.count(lost, reception.lost(sender, number))
            callback(message)

        return self.listen(kind, topic, arrived, qos)

    # Transitions

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Does `prepare`, which may take seconds; where it raises, the log says why."""
        self.tally = Tally(self._drops)
        try:
            self.prepare(self.settings.read())
        except Exception as error:  # a missing file, package or device: all mean "not with these settings"
            self.while_configured.close()
            if interrupted(error):
                raise KeyboardInterrupt from error
            self.get_logger().error(f"Cannot be configured: {error}")
            return TransitionCallbackReturn.FAILURE
        self.settings.configured = True
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Publishers send from now on; then `begin`. Where that raises, the log says why, and `on_error` is next."""
        result = super().on_activate(state)
        try:
            self.begin(self.settings.read())
        except Exception as error:  # rclpy would take it for a failed transition without a word
            self.get_logger().error(f"Cannot be activated: {error}")
            return TransitionCallbackReturn.ERROR
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Undoes `begin`."""
        self.while_active.close()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Undoes `prepare`."""
        self._tear_down()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """As deactivate and cleanup, from any state."""
        self._tear_down()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """After a transition that went wrong: undoes what was made, so that the node can be configured again."""
        self._tear_down()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """As `LifecycleNode.destroy_node`; ends what runs first."""
        self.while_active.close()
        super().destroy_node()

    def _tear_down(self) -> None:
        self.while_active.close()
        self.while_configured.close()
        self.settings.configured = False

    # Every second

    def _look_after(self) -> None:
        level, message = self.health()
        if level == WARN:
            self.get_logger().warning(message, throttle_duration_sec=30.0)
        stamp, name = self.get_clock().now().to_msg(), f"{self.get_name()}: {self.part}"
        self._diagnostics.publish(diagnostic_array(stamp, name, level, message, self.values(), self.hardware_id))
