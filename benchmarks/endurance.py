"""Endurance of a stream: speed, memory, threads and descriptors over 100,000 steps.

Each network runs in a process of its own. Prints resident memory after warm-up and at the end, what threads and file
descriptors were gained, and the median step of the first and of the last thousand; leaves endurance.json in out/bench,
with all of these for every thousand. Networks of earlier runs stay in it with --add.

    python benchmarks/endurance.py --networks cox3d_s --steps 5000
    python benchmarks/endurance.py --networks coi3d_r50@64         # smaller pictures, the same network otherwise
    python benchmarks/endurance.py --networks cotcn_everyday --backends bundle     # a shipped model without torch
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from bench.clock import Times
from bench.machine import describe
from bench.remote import Gone, Remote
from bench.results import number, parser, size, write_json
from co_perception.commands.output import Bar, print_table
from co_perception.nodes.soak.processes import usage
from co_perception.runtime.steppers.options import AUTO

NETWORKS = ("costgcn_short", "cotrans_short")
HEADER = (
    *("network", "backend", "steps", "memory first", "last", "grown", "threads", "descriptors"),
    *("ms p50 first", "last", "changed"),
)


def measure(network: str, backend: str, steps: int, block: int, threads: int, bar: Bar) -> dict[str, Any]:
    """One stream; lists have a figure for each block of `block` steps, first to last. `Gone` says why it cannot be."""
    with closing(Remote(backend, network, threads=threads)) as remote:
        remote.ready()
        used, medians = [], []
        for done in range(0, steps, block):
            medians.append(Times.of(remote.steps(min(block, steps - done))).p50)
            used.append(usage(remote.pid))
            bar(f"{network} in {backend}", done + block, steps)
    memory = [round(each.memory_mb * 1e6) for each in used]
    return {
        "network": network,
        "backend": remote.facts["backend"],
        "steps": steps,
        "memory_bytes_after_warm_up": memory[0],
        "memory_bytes_at_end": memory[-1],
        "grown_bytes": memory[-1] - memory[0],
        "threads_gained": used[-1].threads - used[0].threads,
        "descriptors_gained": used[-1].descriptors - used[0].descriptors,
        "ms_p50_first": medians[0],
        "ms_p50_last": medians[-1],
        "block": block,
        "memory_bytes": memory,
        "threads": [each.threads for each in used],
        "descriptors": [each.descriptors for each in used],
        "ms_p50": medians,
    }


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """A line of the table."""
    first, last = row["ms_p50_first"], row["ms_p50_last"]
    return (
        row["network"], row["backend"], f"{row['steps']:,}",
        size(row["memory_bytes_after_warm_up"]), size(row["memory_bytes_at_end"]),
        f"{row['grown_bytes'] / 1e3:+,.0f} kB", f"{row['threads_gained']:+.0f}", f"{row['descriptors_gained']:+.0f}",
        number(first), number(last), f"{last / first - 1:+.1%}",
    )  # fmt: skip


def main(given: Sequence[str] | None = None) -> int:
    """Measure, print, keep."""
    options = parser(__doc__, NETWORKS, [AUTO])
    options.add_argument("--steps", type=int, default=100_000)
    options.add_argument("--block", type=int, default=1000)
    options.add_argument("--add", action="store_true", help="to the networks that are in endurance.json already")
    chosen = options.parse_args(given)
    file, rows = chosen.out / "endurance.json", list[dict[str, Any]]()
    earlier = json.loads(file.read_text())["rows"] if chosen.add and file.exists() else []
    earlier = [row for row in earlier if row["network"] not in chosen.networks]
    with Bar(lambda done, total: f"{done:,} of {total:,} steps") as bar:
        for network, backend in itertools.product(chosen.networks, chosen.backends):
            try:
                rows.append(measure(network, backend, chosen.steps, chosen.block, chosen.threads, bar))
            except Gone as reason:
                print(f"{network} without {backend}: {reason}", file=sys.stderr)
                continue
            write_json(file, {"machine": describe(chosen.threads, "cpu"), "rows": [*earlier, *rows]})
    if not rows:
        return 1
    print_table([HEADER, *map(cells, rows)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
