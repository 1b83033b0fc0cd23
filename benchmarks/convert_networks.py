"""Converts networks that others published, compares each with the plain one, and writes the table of docs/convert.md.

    python benchmarks/convert_networks.py --sources FOLDER                     # FOLDER/NAME holds OWNER/NAME of GitHub
    python benchmarks/convert_networks.py --networks "torchvision r3d_18"      # packages need no folder
    python benchmarks/convert_networks.py --sources FOLDER --docs docs/convert.md      # on a quiet machine, for times
    python benchmarks/convert_networks.py --sources FOLDER --docs docs/convert.md --threads 0           # without times

Each network is tried in a process of its own, which has --limit seconds. None of the sources is part of this package:
what is not there is left out, and said. Exit status 1 where a network came out wrong or ended in a traceback.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.converted import (
    ABSENT,
    BROKEN,
    DIFFERENT,
    EQUAL,
    REFUSED,
    TIMEOUT,
    TRACEBACK,
    PublicNetwork,
    Record,
    networks,
)
from bench.machine import others
from bench.remote import ROOT
from bench.results import markdown, number, over, write_json
from co_perception.evaluation.provenance import machine

HEADER = (
    "network", "source", "license", "result", "convert [CPU s]", "step [ms]", "clip [ms]", "clip / step",
    "frames per step",
)  # fmt: skip
BEGIN, END = "<!-- begin of benchmarks/convert_networks.py -->", "<!-- end of benchmarks/convert_networks.py -->"


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The parsed command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sources", type=Path, help="folder with a folder NAME for each repository OWNER/NAME")
    options.add_argument("--networks", nargs="+", default=[], help="parts of names; all unless given")
    options.add_argument("--threads", type=int, default=1, help="0: no times")
    options.add_argument("--limit", type=float, default=300.0, help="seconds of a network")
    options.add_argument("--out", type=Path, default=ROOT / "out/bench")
    options.add_argument("--add", action="store_true", help="to the records of other networks that are there already")
    options.add_argument("--docs", type=Path, help="page whose table is replaced")
    return options.parse_args(given)


def place_of(network: PublicNetwork, sources: Path | None) -> Path | None:
    """The folder of the network's source; None for a package, or where there is none."""
    if network.registry or sources is None:
        return None
    folder = sources / network.source.split("/")[1]
    return folder / network.folder if folder.is_dir() else None


def tried(network: PublicNetwork, folder: Path | None, threads: int, limit_s: float) -> Record:
    """The record of a network tried in a process of its own."""
    if folder is None and not network.registry:
        return Record(name=network.name, outcome=ABSENT, reasons=[f"no {network.source} in the folder of sources"])
    own = [str(folder), str(folder / "src")] if folder else []
    paths = [str(ROOT), str(ROOT / "benchmarks"), *own, os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "OMP_NUM_THREADS": str(max(threads, 1)),
    }
    command = [sys.executable, "-W", "ignore", "-m", "bench.converted", network.name, str(threads)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=limit_s)
    except subprocess.TimeoutExpired:
        return Record(name=network.name, outcome=TIMEOUT, reasons=[f"more than {limit_s:.0f} s"])
    if done.returncode:
        words = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return Record(name=network.name, outcome=TRACEBACK, reasons=words[-1:])
    return Record(**json.loads(done.stdout.strip().splitlines()[-1]))


def cells(network: PublicNetwork, record: Record) -> tuple[str, ...]:
    """The row of a network."""
    if record.outcome in (EQUAL, DIFFERENT):
        double = "" if record.single is None else f" in double precision; {record.single:.0e} in single"
        result = f"{record.outcome} ({record.difference:.0e}{double})"
        result += f"; not in ONNX Runtime: {record.onnxruntime}" if record.onnxruntime else ""
    else:
        more = f" (and {len(record.reasons) - 1} more)" if len(record.reasons) > 1 else ""
        result = f"{record.outcome}: {record.reasons[0]}{more}" if record.reasons else record.outcome
    source = network.source if network.registry else f"[{network.source}](https://github.com/{network.source})"
    ratio = over(record.clip_ms, record.step_ms)
    times = (number(record.convert_s), number(record.step_ms), number(record.clip_ms), number(ratio))
    stride = "-" if record.stride is None else str(record.stride)
    return network.name, source, network.license, result.replace("|", "\\|").replace("\n", " "), *times, stride


def table(known: dict[str, PublicNetwork], records: Sequence[Record]) -> str:
    """The table of those that were tried, and their count by outcome."""
    shown = [record for record in records if record.outcome not in (ABSENT, BROKEN)]
    count = Counter(record.outcome for record in shown)
    words = ", ".join(f"{count[outcome]} {outcome}" for outcome in (EQUAL, REFUSED, DIFFERENT, TRACEBACK, TIMEOUT))
    fast = sum(record.outcome == EQUAL and not record.onnxruntime for record in shown)
    rows = [cells(known[record.name], record) for record in shown]
    words += f". ONNX Runtime steps {fast} of those that are equal."
    return f"{len(shown)} networks: {words}\n\n{markdown(HEADER, rows)}"


def main(given: Sequence[str] | None = None) -> int:
    """Try them all."""
    options = arguments(given)
    known, path = networks(), options.out / "convert.json"
    wanted = [name for name in known if not options.networks or any(part in name for part in options.networks)]
    earlier = json.loads(path.read_text()) if options.add and path.exists() else []
    records = {found["name"]: Record(**found) for found in earlier if found["name"] in known}
    with others() as load:
        for name in wanted:
            network = known[name]
            record = tried(network, place_of(network, options.sources), options.threads, options.limit)
            records[name] = record
            ordered = [records[name] for name in known if name in records]
            write_json(path, [dataclasses.asdict(each) for each in ordered])  # what is cut off goes on by --add
            print(" | ".join(cells(network, record)), record.untimed, flush=True)
    made = table(known, ordered)
    if options.threads:
        made += f"\nTimes: medians, {options.threads} thread(s) of {machine()}"
        made += "" if load.cores is None else f"; {load.cores:.1f} cores were busy with something else"
        made += ".\n"
    (options.out / "convert.md").write_text(made)
    print(made)
    if options.docs:
        before, _, rest = options.docs.read_text().partition(BEGIN)
        options.docs.write_text(f"{before}{BEGIN}\n\n{made}\n{END}{rest.partition(END)[2]}")
    return int(any(record.outcome in (DIFFERENT, TRACEBACK) for record in records.values()))


if __name__ == "__main__":
    sys.exit(main())
