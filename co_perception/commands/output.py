"""What commands say on the terminal: tables, and how far they are."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands = argparse._SubParsersAction

BAR = 30


def print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def megabytes(done: int, total: int) -> str:
    return f"{done / 1e6:.1f} of {total / 1e6:.1f} MB"


class Bar:
    """Progress on standard error: one line that is drawn again on a terminal, one line per activity elsewhere.

    told: how far it is, in words.
    """

    def __init__(self, told: Callable[[int, int], str] = megabytes) -> None:
        self._told = told
        self._what = ""
        self._live = sys.stderr.isatty()

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self._end_line()

    def __call__(self, what: str, done: int, total: int) -> None:
        if what != self._what:
            self._end_line()
            self._what = what
            if not self._live:
                print(what, file=sys.stderr)
        if self._live:
            told = f"  {_gauge(done, total)} {self._told(done, total)}" if total > 0 else " ..."
            print(f"\r{what}{told}\x1b[K", end="", file=sys.stderr, flush=True)

    def _end_line(self) -> None:
        if self._what and self._live:
            print(file=sys.stderr)


def _gauge(done: int, total: int) -> str:
    filled = BAR * min(done, total) // total
    return f"[{'#' * filled}{'.' * (BAR - filled)}]"
