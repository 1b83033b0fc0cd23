"""The first lines of a node's process: from here on SIGINT and SIGTERM end it with status 0. Loads nothing yet."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module

from co_perception.nodes.interruption import ENDINGS


def start(name: str) -> None:
    """Runs the node of the module `name` of this package. Loading it takes seconds, which a signal may end too.

    Nothing has been begun then that would have to be put away.
    """
    for number in ENDINGS:
        signal.signal(number, lambda number, frame: os._exit(0))
    import_module(f"co_perception.nodes.{name}").main()


if __name__ == "__main__":
    start(sys.argv.pop(1))
