"""How fast `co-perception evaluate` answers many recordings, by processes, here and on a Ray of this machine alone.

    python benchmarks/parallel_evaluate.py [--recordings 24] [--minutes 2] [--jobs 1 2 3] [--rounds 2] [--ray]

The recordings are drawn figures at 15 Hz, one person each. All ways take turns. Speed is seconds of recording answered
and scored in a second; "processor" is the processor time of the command and its processes for a minute of recording,
which hardly changes where the machine has other work (of Ray's own processes it is not known). Prints a table, and
writes out/bench/parallel_evaluate.json.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "test"))

from helpers.drawn_people import ACTIVITIES, T0, recording

from bench.results import write_json
from co_perception.data.annotations.intervals import Interval, write_annotations
from co_perception.evaluation.provenance import machine

OUT, MODEL = Path("out/bench"), "cotcn_everyday"
ROUND_S, PAUSE_S = 4.0, 0.8  # of an activity of a recording


def write(folder: Path, count: int, minutes: float) -> list[str]:
    """Recordings of about as long."""
    rounds = max(round(60 * minutes / (len(ACTIVITIES) * (ROUND_S + PAUSE_S))), 1)
    made = [
        recording(folder / f"r{seed:03}", seed, rounds=rounds, seconds=ROUND_S, activities=ACTIVITIES)
        for seed in range(count)
    ]
    for path in made:  # a label that the model knows
        write_annotations(path / "annotations.csv", [Interval(T0, T0 + 1_000_000_000, "standing")])
    return list(map(str, made))


def run(recordings: Sequence[str], options: Sequence[str]) -> tuple[float, float]:
    """Seconds that the command took, and processor time of it and its processes [s]."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    command = [sys.executable, "-m", "co_perception.cli", "evaluate", *recordings, "--model", MODEL,
               "--json", *options]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return perf_counter() - began, spent


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=24)
    parser.add_argument("--minutes", type=float, default=2.0, help="of each recording")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--ray", action="store_true", help="also on a Ray of this machine alone, with a process a core")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    ways = {f"--jobs {jobs}": ["--jobs", str(jobs)] for jobs in options.jobs}
    ways |= {"--ray local": ["--ray", "local"]} if options.ray else {}
    with tempfile.TemporaryDirectory() as folder:
        recordings = write(Path(folder), options.recordings, options.minutes)
        seconds = options.recordings * options.minutes * 60
        rows: list[dict[str, Any]] = []
        for turn in range(options.rounds):
            for way, given in ways.items():
                took_s, spent_s = run(recordings, given)
                rows.append({"way": way, "round": turn, "took_s": took_s, "processor_s": spent_s,
                             "load": os.getloadavg()[0]})  # fmt: skip
    print(f"{options.recordings} recordings of {options.minutes} min each, {machine()}")
    print("| way | s | speed (times real time) | processor s a minute of recording | load |\n|---|---|---|---|---|")
    for way in ways:
        own = [row for row in rows if row["way"] == way]
        took_s, spent_s, load = (median(row[key] for row in own) for key in ("took_s", "processor_s", "load"))
        print(f"| `{way}` | {took_s:.1f} | {seconds / took_s:.0f} | {60 * spent_s / seconds:.2f} | {load:.1f} |")
    write_json(options.out / "parallel_evaluate.json", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
