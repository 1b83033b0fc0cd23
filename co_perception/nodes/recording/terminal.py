"""The terminal while a recording is made: single keys, the activities they stand for, and a status line."""

from __future__ import annotations

import os
import select
import termios
import tty
from dataclasses import dataclass
from time import monotonic_ns
from types import TracebackType
from typing import Any, TextIO

STOP, QUIT = " ", "q"


@dataclass(frozen=True)
class KeyPress:
    """A key, and when it was pressed [ns], by the steady clock `time.monotonic_ns`."""

    key: str
    at_ns: int


def keys_of(text: str) -> dict[str, str]:
    """The activity of each key, out of "wave=1,walk=2". Raises ValueError that says what is wrong with it."""
    labels: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        label, separator, key = (piece.strip() for piece in part.partition("="))
        if not separator or not label or len(key) != 1 or key in (STOP, QUIT):
            form = f"an activity and one key that is neither space (ends an activity) nor {QUIT} (ends the recording)"
            raise ValueError(f"keys are written as wave=1,walk=2: {form}, got {part!r}.")
        if key in labels:
            raise ValueError(f"the key {key} stands for {labels[key]} and for {label}: give each a key of its own.")
        labels[key] = label
    return labels


class Keyboard:
    """Single keys of a terminal without waiting or echo, or characters of a pipe, for scripts and tests.

    A context manager: afterwards the terminal is as it was before. Ctrl-C still interrupts.
    """

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self._before: list[Any] | None = None
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

    def pressed(self) -> list[KeyPress]:
        """The keys pressed since the last call, just now; none for ever once a pipe has ended."""
        keys = b""
        while self._open and select.select([self._descriptor], [], [], 0.0)[0]:
            try:
                found = os.read(self._descriptor, 64)
            except OSError:  # a terminal that was closed
                found = b""
            self._open = bool(found)
            keys += found
        now_ns = monotonic_ns()
        return [KeyPress(key, now_ns) for key in keys.decode(errors="ignore")]


class StatusLine:
    """A status line that is redrawn on a terminal; elsewhere a line for each change."""

    def __init__(self, screen: TextIO) -> None:
        self._screen, self._live, self._last_state = screen, screen.isatty(), ""

    def show(self, state: str, line: str) -> None:
        """Shows a line; where there is no terminal, only if `state`, the part that matters, has changed."""
        if self._live:
            print(f"\r{line}\x1b[K", end="", file=self._screen, flush=True)
        elif state != self._last_state:
            print(line, file=self._screen, flush=True)
        self._last_state = state

    def end(self) -> None:
        """Moves on to the next line of the terminal."""
        if self._live and self._last_state:
            print(file=self._screen, flush=True)
        self._last_state = ""
