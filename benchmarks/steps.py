"""Time of a step of every network in every backend, beside the reference library and whole clips.

Each contestant runs in a process of its own and they take turns, never two at once: the reference (continual-inference
1.2.4 as OpenDR 3.0.0 builds it, in `.venv-peers`), our network in each backend, our network on the published clip, and
a matrix product that says what the machine can do. Prints a table; leaves steps.json, machine.json, steps.md and
steps.png in out/bench.

    python benchmarks/steps.py --networks cox3d_s costgcn_mod --seconds 20
    python benchmarks/steps.py --quick
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from bench import plot, subjects
from bench.clock import LEAD, Times, interleaved
from bench.contestants import CLIP, RATE, REFERENCE, exists
from bench.machine import describe
from bench.remote import PEERS, Gone, Remote
from bench.results import (
    HEADER,
    Row,
    cells,
    markdown,
    over,
    parser,
    published_clip_ratio,
    read_rows,
    with_peak,
    write_json,
)
from co_perception.commands.output import Bar, print_table
from co_perception.networks.cost import macs_per_step
from co_perception.runtime.steppers.options import BACKENDS

BLOCK = {RATE: 3, CLIP: 1}  # steps that count of a round, where not those that were asked for
QUICK = ("costgcn_short", "cotrans_short", "costgcn_mod", "cox3d_s")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The parsed command line."""
    options = parser(__doc__, list(subjects.VARIANTS), BACKENDS)
    options.add_argument("--seconds", type=float, default=10.0, help="of measuring, for each network")
    options.add_argument("--rounds", type=int, default=4, help="minimum number of rounds")
    options.add_argument("--block", type=int, default=5, help="steps of a contestant in a round")
    options.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options.add_argument("--add", action="store_true", help="to the rows of other networks that are there already")
    options.add_argument("--no-reference", action="store_true", help="leave the reference out")
    options.add_argument("--no-clip", action="store_true", help="leave the clips out")
    options.add_argument("--quick", action="store_true", help=f"two seconds each of {', '.join(QUICK)}")
    chosen = options.parse_args(given)
    if chosen.quick:
        chosen.networks, chosen.seconds = list(QUICK), 2.0
    for name in chosen.networks:
        subjects.variant(name)
    earlier = read_rows(chosen.out / "steps.json") if chosen.add else []
    chosen.earlier = [row for row in earlier if row.network not in chosen.networks]
    if not chosen.no_reference and not PEERS.exists():
        print("no .venv-peers: the reference is left out. `make peers-env` makes it.", file=sys.stderr)
        chosen.no_reference = True
    return chosen


@dataclass
class Found:
    """Results so far. rates: of the matrix products on the way [GMAC/s]; reference: its versions."""

    rows: list[Row] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    reference: dict[str, str] = field(default_factory=dict)


@contextmanager
def enter(chosen: argparse.Namespace, network: str) -> Iterator[dict[str, Remote]]:
    """The contestants of a network, warm, by name. A contestant that fails is reported and left out."""
    common: dict[str, Any] = dict(threads=chosen.threads, device=chosen.device)
    asked = {}
    if exists(network) and not chosen.no_reference:
        asked[REFERENCE] = Remote(REFERENCE, network, python=PEERS, **common)
    for name in [*chosen.backends, *([] if chosen.no_clip else [CLIP])]:
        asked[name] = Remote(name, network, **common)
    entered = {}
    try:
        for name, remote in asked.items():
            try:
                remote.ready()
                entered[name] = remote
            except Gone as reason:
                print(f"{network} without {name}: {reason}", file=sys.stderr)
        yield entered
    finally:
        for remote in asked.values():
            remote.close()


def measure(chosen: argparse.Namespace, network: str, rate: Remote, report: Callable[[float], None]) -> Found:
    """One network. report: is called with the seconds measured so far."""
    with enter(chosen, network) as remotes:
        blocks = {
            name: partial(remote.steps, BLOCK.get(name, chosen.block))
            for name, remote in ({RATE: rate} | remotes).items()
        }
        found = interleaved(blocks, chosen.seconds, chosen.rounds, report)
        rows = _rows(network, remotes, {name: Times.of(found[name]) for name in remotes})
        rates = [rate.facts["macs"] / nanoseconds for nanoseconds in found[RATE]]
        return Found(rows, rates, remotes[REFERENCE].facts["versions"] if REFERENCE in remotes else {})


def _rows(network: str, remotes: dict[str, Remote], times: dict[str, Times]) -> list[Row]:
    subject = subjects.build(network)
    macs = macs_per_step(subject.network, subject.frame_shape)
    clip, reference, peer = times.get(CLIP), times.get(REFERENCE), remotes.get(REFERENCE)
    beside: dict[str, Any] = dict(
        network=network,
        frames_per_step=subject.stride,
        macs_per_step=macs,
        clip_ms_p50=clip.p50 if clip else None,
        published_clip_ratio=published_clip_ratio(subject.published),
        reference_ms_p50=reference.p50 if reference else None,
        reference_ms_min=reference.min if reference else None,
        reference_state_bytes=peer.facts["state_bytes"] if peer else None,
        reference_peak_memory_bytes=peer.peak_memory_bytes if peer else None,
        reference_energy_j_per_step=_mean(peer.joules) if peer else None,
    )
    return [
        Row(
            **beside, backend=name, dtype=remote.facts["dtype"], samples=times[name].count, ms_p50=times[name].p50,
            ms_min=times[name].min, ms_p95=times[name].p95, ratio=over(beside["reference_ms_p50"], times[name].p50),
            clip_ratio=over(beside["clip_ms_p50"], times[name].p50), gmacs_per_s=macs / times[name].p50 / 1e6,
            peak_share=None, state_bytes=remote.facts["state_bytes"], peak_memory_bytes=remote.peak_memory_bytes,
            energy_j_per_step=_mean(remote.joules),
        )
        for name, remote in remotes.items()
        if name not in (REFERENCE, CLIP)
    ]  # fmt: skip


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def keep(chosen: argparse.Namespace, found: Found) -> list[Row]:
    """Writes the results so far: records, the machine, the table and the plot."""
    peak = max(found.rates)
    rows = [*chosen.earlier, *with_peak(found.rows, peak)]
    header = describe(chosen.threads, chosen.device) | {
        "reference": found.reference,
        "batch": 1,
        "warm_up": "the receptive field of each network, and the reference's delay besides",
        "uncounted_steps_per_block": LEAD,
        "block": chosen.block,
        "seconds_per_network": chosen.seconds,
        "matrix_product": {
            "gmacs_per_s_max": peak,
            "gmacs_per_s_p50": float(np.median(found.rates)),
            "count": len(found.rates),
        },
    }
    write_json(chosen.out / "machine.json", header)
    write_json(chosen.out / "steps.json", rows)
    (chosen.out / "steps.md").write_text(markdown(HEADER, [cells(row) for row in rows]))
    if not rows:
        return rows
    subtitle = f"{header['device']}; computed on {chosen.threads}; batch 1; torch {header['versions']['torch']}"
    plot.steps(rows, chosen.out / "steps.png", subtitle)
    return rows


def main(given: Sequence[str] | None = None) -> int:
    """Measure, print, keep."""
    chosen = arguments(given)
    found, rows = Found(), list[Row]()
    rate = Remote(RATE, threads=chosen.threads, device=chosen.device)
    try:
        rate.ready()
        with Bar(lambda done, total: f"{done} of {total} s") as bar:
            for place, network in enumerate(chosen.networks, start=1):
                what, seconds = f"{place} of {len(chosen.networks)}: {network}", round(chosen.seconds)
                bar(what, 0, 0)

                def report(done_s: float, what: str = what, seconds: int = seconds) -> None:
                    bar(what, round(done_s), seconds)

                try:
                    more = measure(chosen, network, rate, report)
                except Gone as reason:
                    print(f"{network} is left out: {reason}", file=sys.stderr)
                    continue
                found.rows += more.rows
                found.rates += more.rates
                found.reference = found.reference or more.reference
                rows = keep(chosen, found)
    finally:
        rate.close()
    print_table([HEADER, *map(cells, rows)])
    print(f"matrix product: {max(found.rates):.0f} GMAC/s at best, {np.median(found.rates):.0f} median")
    print(f"{chosen.out} has steps.json, machine.json, steps.md and steps.png")
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main())
