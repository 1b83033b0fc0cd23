"""Whether a long stream stays as quick and as small as it began: 100,000 steps of one stream.

Each network runs in a process of its own. Prints resident memory after warm-up and at the end, what threads and file
descriptors were gained, and the median step of the first and of the last thousand; leaves endurance.json in out/bench,
with all of these for every thousand. Networks of earlier runs stay in it with --add.

    python benchmarks/endurance.py --networks cox3d_s --steps 5000
    python benchmarks/endurance.py --networks coi3d_r50@64         # smaller pictures, the same network otherwise
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.clock import Times
from bench.machine import describe
from bench.remote import ROOT, Gone, Remote
from bench.rows import write_json
from bench.table import number, size
from co_perception.commands.output import Bar, print_table
from co_perception.nodes.processes import Usage, usage
from co_perception.runtime.backends import AUTO, BACKENDS

NETWORKS = ("costgcn_short", "cotrans_short")
HEADER = (
    *("network", "backend", "steps", "memory first", "last", "grown", "threads", "descriptors"),
    *("ms p50 first", "last", "changed"),
)


@dataclass(frozen=True)
class Row:
    """used, ms_p50: of each block of `block` steps, first to last; the first comes after the warm-up."""

    network: str
    backend: str
    steps: int
    block: int
    used: list[Usage]
    ms_p50: list[float]

    def gained(self, what: str) -> float:
        """Of a figure of the process, from the first block to the last."""
        return float(getattr(self.used[-1], what) - getattr(self.used[0], what))

    def summary(self) -> dict[str, object]:
        """The first and the last of each, and the difference, for JSON."""
        memory = [round(used.memory_mb * 1e6) for used in self.used]
        return {
            "network": self.network,
            "backend": self.backend,
            "steps": self.steps,
            "memory_bytes_after_warm_up": memory[0],
            "memory_bytes_at_end": memory[-1],
            "grown_bytes": memory[-1] - memory[0],
            "threads_gained": self.gained("threads"),
            "descriptors_gained": self.gained("descriptors"),
            "ms_p50_first": self.ms_p50[0],
            "ms_p50_last": self.ms_p50[-1],
            "block": self.block,
            "memory_bytes": memory,
            "threads": [used.threads for used in self.used],
            "descriptors": [used.descriptors for used in self.used],
            "ms_p50": self.ms_p50,
        }


def measure(network: str, backend: str, steps: int, block: int, threads: int, bar: Bar) -> Row:
    """One stream. `Gone` says why it cannot be."""
    remote = Remote(backend, network, threads=threads)
    try:
        remote.ready()
        used, medians = [], []
        for done in range(0, steps, block):
            medians.append(Times.of(remote.steps(min(block, steps - done))).p50)
            used.append(usage(remote.pid))
            bar(f"{network} in {backend}", done + block, steps)
        return Row(network, remote.facts["backend"], steps, block, used, medians)
    finally:
        remote.close()


def cells(row: Row) -> tuple[str, ...]:
    """A line of the table."""
    first, last = row.ms_p50[0], row.ms_p50[-1]
    held = [size(used.memory_mb * 1e6) for used in (row.used[0], row.used[-1])]
    return (
        row.network,
        row.backend,
        f"{row.steps:,}",
        *held,
        f"{row.gained('memory_mb') * 1e3:+,.0f} kB",
        f"{row.gained('threads'):+.0f}",
        f"{row.gained('descriptors'):+.0f}",
        number(first),
        number(last),
        f"{last / first - 1:+.1%}",
    )


def main(given: Sequence[str] | None = None) -> int:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS))
    parser.add_argument("--backends", nargs="+", default=[AUTO], help=f"of {AUTO}, {', '.join(BACKENDS)}")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--block", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--add", action="store_true", help="to the networks that are in endurance.json already")
    parser.add_argument("--out", type=Path, default=ROOT / "out/bench")
    chosen = parser.parse_args(given)
    file, rows = chosen.out / "endurance.json", list[Row]()
    earlier = json.loads(file.read_text())["rows"] if chosen.add and file.exists() else []
    earlier = [told for told in earlier if told["network"] not in chosen.networks]
    with Bar(lambda done, total: f"{done:,} of {total:,} steps") as bar:
        for network, backend in itertools.product(chosen.networks, chosen.backends):
            try:
                rows.append(measure(network, backend, chosen.steps, chosen.block, chosen.threads, bar))
            except Gone as reason:
                print(f"{network} without {backend}: {reason}", file=sys.stderr)
                continue
            told = [*earlier, *(row.summary() for row in rows)]
            write_json(file, {"machine": describe(chosen.threads, "cpu"), "rows": told})
    if not rows:
        return 1
    print_table([HEADER, *map(cells, rows)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
