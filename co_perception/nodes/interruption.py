"""SIGINT and SIGTERM while a node comes up, which takes seconds and is not to be waited for. No ROS in here."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

ENDINGS = (signal.SIGINT, signal.SIGTERM)


def interrupted(error: BaseException | None) -> bool:
    """Whether an error is an interruption that somebody on its way made another of: Python itself does where a class is
    just being made, and so an import that is interrupted may fail."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


class Interruption:
    """While entered, a signal that ends the process raises KeyboardInterrupt between `arm` and `disarm`, once.

    One that came before `arm` raises there. One that comes after `disarm` does nothing: rclpy has its own handlers,
    which end spinning, and tearing down is not to be interrupted. Enter it before rclpy sets its handlers, which call
    these; on the main thread, for others get no signals.
    """

    def __init__(self) -> None:
        self._armed = self._asked = False
        self._before: dict[signal.Signals, Any] = {}

    def arm(self) -> None:
        """From now on a signal interrupts."""
        self._armed = True
        if self._asked:
            self._interrupt()

    def disarm(self) -> None:
        """From now on none does. May be repeated."""
        self._armed = False

    def _interrupt(self, number: int = 0, frame: FrameType | None = None) -> None:
        self._asked = True
        if self._armed:
            self.disarm()
            raise KeyboardInterrupt

    def __enter__(self) -> Interruption:
        self._before = {number: signal.signal(number, self._interrupt) for number in ENDINGS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.disarm()
        for number, handler in self._before.items():
            signal.signal(number, handler)
