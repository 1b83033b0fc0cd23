"""Run lifecycle nodes as a process: start, bring up, spin, end; SIGINT and SIGTERM end it at any moment."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from types import FrameType, TracebackType
from typing import Any, NoReturn, Protocol

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions

SIGNAL_S = 0.1  # between two looks for a signal while no message comes
ENDS_S = 1.8  # in which a process ends after a signal, whatever it still waits for
LAST_ROUNDS = 20  # in which nodes that end run what still waits, and what that leaves
AGAIN_S = 0.01  # after which an interrupt is raised again that Python has dropped


def interrupted(error: BaseException | None) -> bool:
    """Whether an error was caused by a KeyboardInterrupt.

    Python itself raises another error for one that comes while a class is being made, so an interrupted import may
    fail with any error.
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


class SignalGuard:
    """A context in which SIGINT and SIGTERM raise KeyboardInterrupt between `arm` and `disarm`, once.

    A signal before `arm` raises there. A signal after `disarm` is only noted in `received`: whoever spins ends then,
    and tear-down must not be interrupted. Enter it on the main thread. rclpy must have no handlers of its own: they
    shut ROS down before the node can publish that what it reported is over.

    Python drops an exception that comes while a weak reference's callback or a finalizer runs, as imports have them,
    and prints it as ignored. Such an interrupt is raised again, without a word.

    Args:
        first: called once, in the handler of the first signal.
    """

    def __init__(self, first: Callable[[], object] = lambda: None) -> None:
        self._first = first
        self._armed = self.received = False
        self._before: dict[signal.Signals, Any] = {}
        self._unraisable: Callable[[sys.UnraisableHookArgs], object] = sys.unraisablehook

    def arm(self) -> None:
        """Lets signals interrupt from now on."""
        self._armed = True
        if self.received:
            self._interrupt()

    def disarm(self) -> None:
        """Lets no signal interrupt from now on. Idempotent."""
        self._armed = False

    def _interrupt(self, number: int = 0, frame: FrameType | None = None) -> None:
        if not self.received:
            self.received = True
            self._first()
        if self._armed:
            self.disarm()
            raise KeyboardInterrupt

    def _dropped(self, what: sys.UnraisableHookArgs) -> None:
        if what.exc_type is not KeyboardInterrupt:
            self._unraisable(what)
            return
        self._armed = True
        again = threading.Timer(AGAIN_S, self._signal_again)
        again.daemon = True
        again.start()

    def _signal_again(self) -> None:
        if self._armed:
            os.kill(os.getpid(), signal.SIGINT)

    def __enter__(self) -> SignalGuard:
        self._unraisable, sys.unraisablehook = sys.unraisablehook, self._dropped
        self._before = {number: signal.signal(number, self._interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.disarm()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        sys.unraisablehook = self._unraisable


class StartableNode(Protocol):
    """What `run` asks of a node, see `ManagedNode`."""

    failure: str

    @property
    def ready(self) -> bool: ...

    @property
    def active(self) -> bool: ...

    def configure_in_background(self) -> TransitionCallbackReturn: ...

    def trigger_activate(self) -> TransitionCallbackReturn: ...

    def trigger_deactivate(self) -> TransitionCallbackReturn: ...


def bring_up(node: LifecycleNode) -> bool:
    """Configures and activates a node. Returns whether both succeeded; the node logs why not."""
    steps = (node.trigger_configure, node.trigger_activate)
    return all(step() == TransitionCallbackReturn.SUCCESS for step in steps)


def run(*makes: Callable[[], LifecycleNode]) -> int:
    """Runs lifecycle nodes until SIGINT or SIGTERM, and returns the exit status of their process.

    Without `autostart` a node waits for a lifecycle manager.

    Returns:
        0 after a signal, at any moment; 1 for an invalid parameter, or where `autostart` is true and the node could
        not be activated.
    """
    with SignalGuard() as guard:
        return _status(makes, guard)


def main(*makes: Callable[[], LifecycleNode], ends_within_s: float | None = ENDS_S) -> NoReturn:
    """Runs nodes as `run` does, then ends the process with its status.

    The interpreter is not taken down: threads that load a model would be cut off in the middle of foreign code, and a
    signal that comes then would end the process with a status of its own.

    Args:
        makes: each makes a node; those that come first are activated first, where all are ready.
        ends_within_s: after the first signal the process ends after that long, whatever it is still waiting for; None:
            it takes its time.
    """
    status = 1
    with SignalGuard(partial(_end_later, ends_within_s)) as guard:
        try:
            status = _status(makes, guard)
        except Exception:
            traceback.print_exc()
        _end(status)


def _end_later(seconds: float | None) -> None:
    if seconds is not None:
        last = threading.Timer(seconds, _end, (0,))
        last.daemon = True
        last.start()


def _end(status: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # whoever read it may be gone
            stream.flush()
    os._exit(status)


def _status(makes: Sequence[Callable[[], LifecycleNode]], guard: SignalGuard) -> int:
    try:
        return _run(makes, guard)
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except Exception:
        if rclpy.ok():
            raise
        return 0  # a signal shuts ROS down at once, and any call in progress fails
    finally:
        # rclpy would look whose handlers there are by setting the default ones for a moment, in which a signal kills.
        # It destroys all nodes of the context, also one that a signal interrupted while it was made: that may fail.
        with suppress(Exception):
            rclpy.try_shutdown(uninstall_handlers=False)


def _run(makes: Sequence[Callable[[], LifecycleNode]], guard: SignalGuard) -> int:
    guard.arm()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        nodes = [make() for make in makes]
    except ParameterException as error:
        print(error, file=sys.stderr)
        return 1
    executor = SingleThreadedExecutor()
    for node in nodes:
        executor.add_node(node)
    try:
        starting = [node for node in nodes if node.get_parameter("autostart").value]
        guard.disarm()
        return _spin(nodes, executor, guard, starting)
    finally:
        guard.disarm()
        executor.shutdown()
        for node in nodes:
            node.destroy_node()


def _spin(
    nodes: Sequence[StartableNode],
    executor: SingleThreadedExecutor,
    guard: SignalGuard,
    starting: Sequence[StartableNode],
) -> int:
    """Spins until a signal comes; nodes that are `starting` answer meanwhile, and are activated once ready.

    Returns the exit status.
    """
    for node in starting:
        if node.configure_in_background() != TransitionCallbackReturn.SUCCESS:
            return 1 if rclpy.ok() else 0
    while rclpy.ok() and not guard.received:
        executor.spin_once(timeout_sec=SIGNAL_S)
        if any(node.failure for node in starting):
            return 1
        for node in [each for each in starting if each.ready]:
            starting = [each for each in starting if each is not node]
            # Somebody else may have been quicker.
            if not node.active and node.trigger_activate() != TransitionCallbackReturn.SUCCESS:
                return 1 if rclpy.ok() else 0
    _end_goals(nodes, executor)
    return 0


def _end_goals(nodes: Sequence[StartableNode], executor: SingleThreadedExecutor) -> None:
    """Deactivates nodes whose process ends, and gives all who wait for them their answers.

    rclpy executes each goal as a task, whose end leaves another one that answers: a number of callbacks would do for
    few goals alone. Tasks run in their order, so a round is over with the one that was added last.
    """
    for node in nodes:
        if rclpy.ok() and node.active:
            node.trigger_deactivate()
    for _ in range(LAST_ROUNDS):
        last = executor.create_task(lambda: None)
        while rclpy.ok() and not last.done():
            executor.spin_once(timeout_sec=0)
