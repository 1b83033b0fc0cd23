"""Camera, pose estimator and recognizer of skeletons as three processes and as one: memory, processor time, latency.

    python benchmarks/one_process.py [--seconds 40] [--rounds 2] [--threads 1]

The sample clip with a person is played at its own speed, in a loop. Both ways take turns. Memory is the proportional
set size of all processes together (what they share counts once); processor time is that of all of them for each answer;
age is the time from the stamp of a frame to the arrival of its answer here. Prints a table, and writes
out/bench/one_process.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import rclpy
from people import STARTING_S, own_domain
from rclpy.executors import SingleThreadedExecutor

from bench.results import write_json
from co_perception.engine.time import NANO, nanoseconds
from co_perception.evaluation.provenance import machine
from co_perception.msg import ActivityArray
from co_perception.nodes.soak.processes import NodeCommand, NodeProcess, usage
from co_perception.runtime.store import store

OUT, CLIP = Path("out/bench"), "sports2d_demo"
NODES = ("skeleton_activity", "pose", "camera")
WARM_UP_S = 8.0


@dataclass
class Figures:
    """Of one way in one round."""

    way: str
    answers_hz: float
    memory_mb: float
    cpu_ms: float  # for each answer
    age_p50_ms: float
    age_p95_ms: float
    load: float  # of the machine meanwhile, running processes


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--rate",
        type=float,
        default=1.0,
        help="speed of the clip; at another than 1 no age is told, as stamps are media time",
    )
    parser.add_argument("--short-side", type=int, default=480)
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args(arguments)
    own_domain()
    found = []
    for _ in range(chosen.rounds):
        for way in ("three processes", "one process"):
            found.append(measure(way, chosen))
            print(found[-1], flush=True)
    for way in ("three processes", "one process"):
        own = [each for each in found if each.way == way]
        middle = {name: float(np.median([getattr(each, name) for each in own])) for name in list(asdict(own[0]))[1:]}
        print(f"| {way} | " + " | ".join(f"{value:.1f}" for value in middle.values()) + " |")
    write_json(chosen.out / "one_process.json", {"machine": machine(), "rows": [asdict(each) for each in found]})
    return 0


def measure(way: str, chosen: argparse.Namespace) -> Figures:
    """One way for so many seconds."""
    parameters: Mapping[str, Mapping[str, Any]] = {
        "camera": {
            "source": str(store.locate(CLIP)),
            "loop": True,
            "short_side": chosen.short_side,
            "rate": chosen.rate,
        },
        "pose": {"threads": chosen.threads, "image_reliability": "reliable"},
        "skeleton_activity": {"threads": chosen.threads},
    }
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        if way == "one process":
            file = Path(folder) / "parameters.yaml"
            file.write_text(json.dumps({f"/**/{name}": {"ros__parameters": own} for name, own in parameters.items()}))
            commands = [OneProcess(str(file))]
        else:
            commands = [NodeCommand(name, parameters[name]) for name in NODES]
        processes = [stack.enter_context(NodeProcess(command, log)) for command in commands]
        found = listened(way, processes, chosen.seconds)
    return found if chosen.rate == 1.0 else replace(found, age_p50_ms=np.nan, age_p95_ms=np.nan)


class OneProcess(NodeCommand):
    """The three nodes in one process, with the parameters of a file."""

    @property
    def arguments(self) -> list[str]:
        """The command line."""
        words = [sys.executable, "-m", "co_perception.nodes.entry", "people_activity", "--camera", "--ros-args"]
        return [*words, "--params-file", self.module]


def listened(way: str, processes: Sequence[NodeProcess], seconds: float) -> Figures:
    """What processes take and how old their answers are, from when they have answered for a while."""
    rclpy.init()
    node = rclpy.create_node("one_process_bench")
    ages_ms: list[float] = []

    def arrived(message: ActivityArray) -> None:
        ages_ms.append((int(node.get_clock().now().nanoseconds) - nanoseconds(message.header.stamp)) / NANO * 1e3)

    node.create_subscription(ActivityArray, "activity", arrived, 100)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        spin(executor, STARTING_S, lambda: bool(ages_ms))
        spin(executor, WARM_UP_S)
        ages_ms.clear()
        began_s, before_s = monotonic(), sum(usage(each.process.pid).cpu_s for each in processes)
        spin(executor, seconds)
        lasted_s, cpu_s = monotonic() - began_s, sum(usage(each.process.pid).cpu_s for each in processes) - before_s
        memory = sum(proportional_mb(each.process.pid) for each in processes)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown()
    p50, p95 = np.percentile(ages_ms, [50, 95])
    load = os.getloadavg()[0]
    return Figures(way, len(ages_ms) / lasted_s, memory, 1e3 * cpu_s / len(ages_ms), float(p50), float(p95), load)


def spin(executor: SingleThreadedExecutor, seconds: float, done: Any = lambda: False) -> None:
    end = monotonic() + seconds
    while monotonic() < end and not done():
        executor.spin_once(timeout_sec=0.05)


def proportional_mb(pid: int) -> float:
    """Proportional set size of a process [MB]: what it shares counts in parts."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError(f"/proc/{pid}/smaps_rollup tells no Pss")


if __name__ == "__main__":
    sys.exit(main())
