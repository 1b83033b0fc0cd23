"""`co-perception networks`: what a network is chosen by, side by side; or what each one costs, beside its paper."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING

from co_perception.commands.output import Bar, Commands, print_table
from co_perception.engine.paths import user_path

if TYPE_CHECKING:
    from co_perception.networks.cost import Row

COST = ("name", "params", "paper", "step", "paper", "off by", "clip", "paper", "field", "delay", "stride", "state")


def add(commands: Commands) -> None:
    about = "list the networks: time to the first label, age of an answer, speed, published accuracy, weights"
    parser = commands.add_parser("networks", help=about, description=about.capitalize() + ".")
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--cost", action="store_true", help="instead: what they cost, counted, beside their papers")
    forms.add_argument("--json", action="store_true", help="the list as JSON, with the published figures whole")
    forms.add_argument("--markdown", action="store_true", help="the table as it stands in docs/networks.md")
    parser.add_argument(
        "--steps", type=user_path, metavar="FILE",
        help="steps.json of benchmarks/steps.py; default: out/bench/steps.json, or the times of docs/speed.md",
    )  # fmt: skip
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from co_perception.networks import cost

    rows = []
    with Bar() as bar:
        for row in cost.rows():
            rows.append(row)
            bar(f"counting {row.name}", 0, 0)
    if arguments.json:
        print(json.dumps([dataclasses.asdict(row) for row in rows], indent=2))
    elif arguments.cost:
        _print_cost(rows)
    else:
        _print_choice(rows, arguments)
    return 0


def _print_choice(rows: list[Row], arguments: argparse.Namespace) -> None:
    from co_perception.commands import network_table
    from co_perception.commands.weights import states

    steps = network_table.read_steps(arguments.steps)
    lines = network_table.table(rows, steps, {} if arguments.markdown else states())
    if arguments.markdown:
        print(network_table.markdown(lines))
        return
    print_table(lines)
    print()
    for source, letter in network_table.sources_of(rows).items():
        print(f"{letter}: {source}")
    print(network_table.ABOUT.format(steps=steps.words))


def _print_cost(rows: list[Row]) -> None:
    print_table([COST, *map(_cells, rows)])
    for note in dict.fromkeys(row.note for row in rows if row.note):
        print(f"{', '.join(row.name for row in rows if row.note == note)}: {note}")


def _cells(row: Row) -> tuple[str, ...]:
    reported, off = row.published, row.difference.get("macs_per_step")
    return (
        row.name,
        f"{row.params / 1e6:.2f} M",
        f"{reported.params} M" if reported.params else "",
        f"{row.macs_per_step / 1e9:.3g} G",
        f"{reported.macs_per_step:.3g} G" if reported.macs_per_step else "",
        f"{off:+.1f} %" if off is not None else "",
        f"{row.macs_per_clip / 1e9:.3g} G",
        f"{reported.macs_per_clip:.3g} G" if reported.macs_per_clip else "",
        str(row.receptive_field),
        str(row.delay),
        str(row.stride),
        f"{row.state_bytes / 1e6:.2f} MB",
    )
