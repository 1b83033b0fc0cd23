"""Calls of services whose answers are awaited on another thread, and that end in time."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from time import monotonic
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.timer import Timer

PATIENCE_S = 5.0
LOOK_S = 0.02


@dataclass(eq=False)
class PendingCall:
    """A call on its way.

    Args:
        name: of the service.
        client: of rclpy.
        request: to be sent once the service is there.
        answer: what the caller waits for.
        end_s: when it is given up, by a steady clock.
        sent: future of rclpy, once it was sent.
    """

    name: str
    client: Any
    request: Any
    answer: Future[Any]
    end_s: float
    sent: Any = None


class ServiceCalls:
    """Makes a client for each call, and destroys it with the answer: a page that is not used has none.

    All of it runs on the thread that spins the node.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._pending: list[PendingCall] = []
        self._timer: Timer | None = None

    def call(self, kind: Any, name: str, request: Any) -> Future[Any]:
        """Calls a service. The answer raises TimeoutError where there is none within `PATIENCE_S`."""
        client = self._node.create_client(kind, name)
        call = PendingCall(name, client, request, Future(), monotonic() + PATIENCE_S)
        self._pending.append(call)
        if self._timer is None:
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            self._timer = self._node.create_timer(LOOK_S, self._look, clock=steady)
        return call.answer

    def _look(self) -> None:
        self._pending = [call for call in self._pending if not self._settled(call)]
        if not self._pending and self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None

    def _settled(self, call: PendingCall) -> bool:
        if call.sent is None and call.client.service_is_ready():
            call.sent = call.client.call_async(call.request)
        if call.sent is not None and call.sent.done():
            call.answer.set_result(call.sent.result())
        elif monotonic() > call.end_s:
            what = "does not answer" if call.sent is not None else "is not there"
            call.answer.set_exception(TimeoutError(f"{call.name} {what}"))
        else:
            return False
        self._node.destroy_client(call.client)
        return True
