"""Lifecycle node that no callback ends: whatever a message or a call says, the node goes on, and calls are answered."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from rcl_interfaces.msg import SetParametersResult
from rclpy.lifecycle import LifecycleNode

from co_perception.nodes.core.run_node import interrupted
from co_perception.nodes.core.short_text import shortened
from co_perception.nodes.core.throttled_log import ThrottledLog

LOG_S = 5.0  # between two reports of the same failure
Request = TypeVar("Request")
Response = TypeVar("Response")


class GuardedNode(LifecycleNode):
    """A node whose callbacks of messages, timers and services may raise: that is logged, and calls are answered.

    rclpy passes exceptions on to whoever spins, which ends the process; its own parameter services raise for a value
    of no known type.
    """

    def __init__(self, node_name: str, **options: object) -> None:
        super().__init__(node_name, **options)
        self.log = ThrottledLog(self.get_logger())
        """For what may be wrong again and again; `get_logger()` is for all else."""

    def message_failed(self) -> None:
        """Called for a message whose callback raised."""

    def create_service(self, srv_type: Any, srv_name: str, callback: Any, **options: Any) -> Any:
        """As `Node.create_service`, which makes the services of parameters too."""
        return super().create_service(srv_type, srv_name, self._answering(srv_name, callback), **options)

    def create_subscription(self, msg_type: Any, topic: str, callback: Any, qos_profile: Any, **options: Any) -> Any:
        """As `Node.create_subscription`."""
        guarded = self._surviving(f"a message on {topic}", callback, self.message_failed)
        return super().create_subscription(msg_type, topic, guarded, qos_profile, **options)

    def create_timer(self, timer_period_sec: float, callback: Any, *args: Any, **options: Any) -> Any:
        """As `Node.create_timer`."""
        return super().create_timer(timer_period_sec, self._surviving("a timer", callback), *args, **options)

    def create_guard_condition(self, callback: Any, **options: Any) -> Any:
        """As `Node.create_guard_condition`."""
        return super().create_guard_condition(self._surviving("what another thread handed over", callback), **options)

    def _surviving(
        self, what: str, callback: Callable[..., object], failed: Callable[[], None] = lambda: None
    ) -> Callable[..., object]:
        @wraps(callback)  # rclpy looks at the signature
        def surviving(*arguments: Any) -> object:
            try:
                return callback(*arguments)
            except Exception as error:
                self._log_failure(what, error)
                failed()
                return None

        return surviving

    def _answering(
        self, name: str, answer: Callable[[Request, Response], Response]
    ) -> Callable[[Request, Response], Response]:
        def answering(request: Request, response: Response) -> Response:
            try:
                answered: Any = answer(request, response)
            except Exception as error:
                self._log_failure(name, error)
                _refuse(request, response, f"failed: {error!r}")
                answered = response
            if isinstance(getattr(answered, "message", None), str):
                answered.message = shortened(answered.message)
            return answered

        return answering

    def _log_failure(self, what: str, error: Exception) -> None:
        """Logs an exception, unless a signal is behind it: then raises it again."""
        if interrupted(error):
            raise error
        if self.context.ok():  # while ROS is shut down any call fails
            self.log.error(f"{what} failed: {''.join(traceback.format_exception(error))}", LOG_S)


def _refuse(request: Any, response: Any, reason: str) -> None:
    """Fills in a response of any type, as far as it has a place for a failure."""
    refused = SetParametersResult(successful=False, reason=reason)
    values = {"success": False, "message": reason, "result": refused}
    values["results"] = [refused] * len(getattr(request, "parameters", ()))
    for field, value in values.items():
        if hasattr(response, field):
            setattr(response, field, value)
