"""Entry point of a node process: installs handlers that exit with status 0 before anything slow is imported."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module


def start(name: str) -> None:
    """Runs the node of module `name` in co_perception.nodes.

    Importing it takes seconds. A signal during that time ends the process at once: there is nothing to clean up yet.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: os._exit(0))
    import_module(f"co_perception.nodes.{name}").main()


if __name__ == "__main__":
    start(sys.argv.pop(1))
