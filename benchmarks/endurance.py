"""Whether a long stream stays as quick and as small as it began: 100,000 steps of one stream.

Each network runs in a process of its own. Prints resident memory after warm-up and at the end, and the median step of
the first and of the last thousand; leaves endurance.json in out/bench, with memory and median of every thousand.

    python benchmarks/endurance.py --networks cox3d_s --steps 5000
"""

from __future__ import annotations

import argparse
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
from co_perception.runtime.backends import AUTO, BACKENDS

NETWORKS = ("costgcn_short", "cotrans_short")
HEADER = ("network", "backend", "steps", "memory first", "last", "grown", "ms p50 first", "last", "changed")


@dataclass(frozen=True)
class Row:
    """memory_bytes, ms_p50: of each block of `block` steps, first to last; the first comes after the warm-up."""

    network: str
    backend: str
    steps: int
    block: int
    memory_bytes: list[int]
    ms_p50: list[float]

    @property
    def grown_bytes(self) -> int:
        """From the first block to the last."""
        return self.memory_bytes[-1] - self.memory_bytes[0]

    def summary(self) -> dict[str, object]:
        """The first and the last of each, and the difference, for JSON."""
        return {
            "network": self.network,
            "backend": self.backend,
            "steps": self.steps,
            "memory_bytes_after_warm_up": self.memory_bytes[0],
            "memory_bytes_at_end": self.memory_bytes[-1],
            "grown_bytes": self.grown_bytes,
            "ms_p50_first": self.ms_p50[0],
            "ms_p50_last": self.ms_p50[-1],
            "block": self.block,
            "memory_bytes": self.memory_bytes,
            "ms_p50": self.ms_p50,
        }


def measure(network: str, backend: str, steps: int, block: int, threads: int, bar: Bar) -> Row:
    """One stream. `Gone` says why it cannot be."""
    remote = Remote(backend, network, threads=threads)
    try:
        remote.ready()
        memory, medians = [], []
        for done in range(0, steps, block):
            medians.append(Times.of(remote.steps(min(block, steps - done))).p50)
            memory.append(remote.memory_bytes)
            bar(f"{network} in {backend}", done + block, steps)
        return Row(network, remote.facts["backend"], steps, block, memory, medians)
    finally:
        remote.close()


def cells(row: Row) -> tuple[str, ...]:
    """A line of the table."""
    first, last = row.ms_p50[0], row.ms_p50[-1]
    memory = (size(row.memory_bytes[0]), size(row.memory_bytes[-1]), f"{row.grown_bytes / 1e3:+,.0f} kB")
    return (
        row.network,
        row.backend,
        f"{row.steps:,}",
        *memory,
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
    parser.add_argument("--out", type=Path, default=ROOT / "out/bench")
    chosen = parser.parse_args(given)
    rows = []
    with Bar(lambda done, total: f"{done:,} of {total:,} steps") as bar:
        for network in chosen.networks:
            for backend in chosen.backends:
                try:
                    rows.append(measure(network, backend, chosen.steps, chosen.block, chosen.threads, bar))
                except Gone as reason:
                    print(f"{network} without {backend}: {reason}", file=sys.stderr)
    if not rows:
        return 1
    print_table([HEADER, *map(cells, rows)])
    summaries = [row.summary() for row in rows]
    write_json(chosen.out / "endurance.json", {"machine": describe(chosen.threads, "cpu"), "rows": summaries})
    return 0


if __name__ == "__main__":
    sys.exit(main())
