"""The process in which one contestant is timed: `python -m bench.worker CONTESTANT NETWORK THREADS DEVICE`.

Reads lines and answers each with one line of JSON. The first, "build", makes and warms up the contestant: its facts
come back, or {"error": why not}. Each further one is a number of steps to take: {"ns": nanoseconds of each, "joules":
of all or null, "memory_bytes": resident now, "peak_memory_bytes": at most so far}. Ends with its input, and does
nothing unasked, so that two never run at once. Whichever interpreter runs it, these lines time it.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

import torch

from bench.clock import timed
from bench.contestants import Contestant, enter
from bench.machine import Energy, memory_bytes


def serve(contestant: Contestant, asked: TextIO, say: Callable[[dict[str, Any]], None], device: str = "cpu") -> None:
    """Answer requests until there are no more."""
    step = contestant.step if device == "cpu" else _finished(contestant.step)
    say(contestant.facts)
    for line in asked:
        energy = Energy()
        nanoseconds = timed(step, int(line))
        memory = {"memory_bytes": memory_bytes(), "peak_memory_bytes": memory_bytes("VmHWM")}
        say({"ns": nanoseconds, "joules": energy.joules()} | memory)


def _finished(step: Callable[[], Any]) -> Callable[[], Any]:
    def step_and_wait() -> None:
        step()
        torch.cuda.synchronize()

    return step_and_wait


def main() -> int:
    """Build, warm up, serve."""
    name, network, threads, device = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    # Output of libraries must not mix with the lines of the protocol.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")

    torch.set_num_threads(threads)
    sys.stdin.readline()
    with torch.no_grad():
        try:
            contestant = enter(name, network, threads, device)
        except (ImportError, RuntimeError, ValueError) as error:
            say({"error": f"{type(error).__name__}: {error}"})
            return 1
        gc.collect()
        gc.freeze()
        serve(contestant, sys.stdin, say, device)
    return 0


if __name__ == "__main__":
    sys.exit(main())
