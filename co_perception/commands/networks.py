"""`co-perception networks`: parameters, multiply-adds and state of each network, beside its paper."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING

from co_perception.commands.output import Bar, Commands, print_table

if TYPE_CHECKING:
    from co_perception.networks.cost import Row

HEADER = ("name", "params", "paper", "step", "paper", "off by", "clip", "paper", "field", "delay", "stride", "state")


def add(commands: Commands) -> None:
    about = "list the networks: what they cost, counted, beside what their papers report"
    parser = commands.add_parser("networks", help=about, description=about.capitalize() + ".")
    parser.add_argument("--json", action="store_true", help="the list as JSON, with the published figures whole")
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
        return 0
    print_table([HEADER, *map(_cells, rows)])
    for note in dict.fromkeys(row.note for row in rows if row.note):
        print(f"{', '.join(row.name for row in rows if row.note == note)}: {note}")
    return 0


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
