"""Writes two states of a network in turn, and dies of it: for each line with a time [s] on its input a child writes
until it is killed after that time. Arguments: the file. Says a line after each.

Forking is for processes of one thread, which a test is not.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faults.people import waving

from co_perception.data.messages.people import from_skeletons
from co_perception.engine.settings import values_of
from co_perception.learners.recognizers import KINDS

FRAMES = (20, 21)  # that the two have seen


def learner() -> Any:
    """The shipped one."""
    kind = KINDS["skeleton"]
    return kind.loaded(values_of(kind.settings, {"threads": 1}))


def states(network: Any) -> list[Any]:
    """After each of FRAMES."""
    found = []
    for frame in range(1, FRAMES[-1] + 1):
        network.infer(list(from_skeletons(waving(frame * 66_666_667, frame / 15, "p1", "p2")).poses))
        if frame in FRAMES:
            found.append(network.snapshot())
    return found


def write(network: Any, known: Sequence[Any], path: Path) -> None:
    """For ever."""
    while True:
        for state in known:
            network.restore(state)
            network.save_streams(path)


def main(path: str) -> None:
    """Until there is no more input."""
    network = learner()
    known = states(network)
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            write(network, known, Path(path))
        time.sleep(float(line))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        print("killed", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
