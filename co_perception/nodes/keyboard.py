"""Single keys, as they are pressed, from a terminal; or characters from a pipe, for scripts and tests."""

from __future__ import annotations

import os
import select
import termios
import tty
from types import TracebackType


class Keyboard:
    """Reads a file descriptor without waiting. In a `with`, a terminal gives each key at once and shows none.

    Ctrl-C stays what it is. Afterwards the terminal is as it was before.
    """

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self._before: list | None = None
        self._open = True

    def __enter__(self) -> Keyboard:
        if os.isatty(self._descriptor):
            self._before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._before is not None:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)
            self._before = None

    def pressed(self) -> str:
        """The keys pressed since the last call; empty where there are none, and for ever once a pipe has ended."""
        keys = b""
        while self._open and select.select([self._descriptor], [], [], 0.0)[0]:
            try:
                found = os.read(self._descriptor, 64)
            except OSError:  # a terminal that was closed
                found = b""
            self._open = bool(found)
            keys += found
        return keys.decode(errors="ignore")
