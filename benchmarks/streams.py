"""Time per person of skeleton networks, stepped for 1 to 32 streams at once, relative to one stream.

The numbers of people take turns within one process, with one stepper for all of them, as a robot's people come and go.
Prints a table; leaves streams.json and streams.png in out/bench.

    python benchmarks/streams.py --networks costgcn_short --people 1 2 4 --seconds 2
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import Any

import torch

from bench import plot, subjects
from bench.clock import Times, interleaved, timed
from bench.machine import describe
from bench.results import number, parser, write_json
from co_perception.commands.output import print_table
from co_perception.runtime.steppers.choose import stepper
from co_perception.runtime.steppers.options import AUTO, StepOptions

NETWORKS = ("costgcn_mod", "coagcn_mod", "costr_mod", "costgcn_short")
HEADER = ("network", "backend", "people", "ms p50", "ms of a person", "of one alone")
WARM_UP, BLOCK = 3, 3


@dataclass(frozen=True)
class Row:
    """share: time per person, relative to a person alone."""

    network: str
    backend: str
    people: int
    ms_p50: float
    ms_min: float
    ms_per_person: float
    share: float


def measure(network: str, backend: str, people: Sequence[int], seconds: float, threads: int) -> list[Row]:
    """One network in one backend. Raises what the backend raises where it is not possible."""
    subject = subjects.build(network)
    made = stepper(subject.network, subject.frame_shape, backend, StepOptions(threads))
    steps = {str(count): _stepping(made, subject, count) for count in people}
    found = interleaved({name: partial(timed, step, BLOCK) for name, step in steps.items()}, seconds, 3)
    times = {int(name): Times.of(nanoseconds) for name, nanoseconds in found.items()}
    alone = times[people[0]].p50 / people[0]
    return [
        Row(network, made.name, count, found.p50, found.min, found.p50 / count, found.p50 / count / alone)
        for count, found in times.items()
    ]


def _stepping(made: Any, subject: subjects.Subject, count: int) -> Callable[[], Any]:
    chunks = cycle([x.expand(count, *x.shape[1:]).contiguous() for x in subjects.frames(subject.frame_shape, 1)])
    state = made.init_state(count)

    def step() -> Any:
        nonlocal state
        y, state = made(next(chunks), state)
        return y

    for _ in range(subject.steps_to_settle + WARM_UP):
        step()
    return step


def cells(row: Row) -> tuple[str, ...]:
    """A line of the table."""
    figures = (number(row.ms_p50), number(row.ms_per_person), f"{row.share:.0%}")
    return (row.network, row.backend, str(row.people), *figures)


@torch.no_grad()
def main(given: Sequence[str] | None = None) -> int:
    """Measure, print, keep."""
    options = parser(__doc__, NETWORKS, [AUTO])
    options.add_argument("--people", nargs="+", type=int, default=[1, 2, 4, 8, 16, 32])
    options.add_argument("--seconds", type=float, default=8.0, help="of measuring, for each network and backend")
    chosen = options.parse_args(given)
    torch.set_num_threads(chosen.threads)
    rows: list[Row] = []
    for network in chosen.networks:
        for backend in chosen.backends:
            print(f"{network} in {backend}", file=sys.stderr)
            try:
                rows += measure(network, backend, chosen.people, chosen.seconds, chosen.threads)
            except (ImportError, RuntimeError, ValueError) as reason:
                print(f"{network} without {backend}: {reason}", file=sys.stderr)
    if not rows:
        return 1
    print_table([HEADER, *map(cells, rows)])
    header = describe(chosen.threads, "cpu")
    write_json(chosen.out / "streams.json", {"machine": header, "rows": rows})
    series: dict[str, dict[float, float]] = {}
    for row in rows:
        series.setdefault(f"{row.network}, {row.backend}", {})[row.people] = row.share
    labels = ("people", "cost of a person, relative to one alone")
    plot.lines(
        series, chosen.out / "streams.png", labels, f"{header['device']}; computed on {chosen.threads}", even=True
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
