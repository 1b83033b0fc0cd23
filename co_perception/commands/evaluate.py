"""`co-perception evaluate`: recordings through a recogniser as a robot would see them, and how good it is."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from co_perception.commands.output import Bar, Commands
from co_perception.commands.plan import Plan, add_plan, plan_of

if TYPE_CHECKING:
    from co_perception.evaluation.tracks import Protocol
    from co_perception.learners.scoring import Done

NO_BACKGROUND = "none"


def add(commands: Commands) -> None:
    about = "score a recogniser on annotated recordings, frame by frame"
    parser = commands.add_parser(
        "evaluate",
        help=about,
        description=f"{about.capitalize()}: as the node would have answered live, and the same figures every time. "
        "Exit status 1 where a recording could not be read as a whole, or a requirement is not met.",
    )
    parser.add_argument("bags", nargs="+", type=Path, metavar="BAG", help="rosbag2 folders, .mcap or .db3 files")
    parser.add_argument(
        "--annotations", action="append", default=[], metavar="FILE",
        help=".csv, .json, .eaf, .vtt, or topic:NAME of the bag; may be given again (default: annotations.csv beside "
        "each recording)",
    )  # fmt: skip
    add_plan(parser)
    parser.add_argument("--topic", help="topic that is looked at, where a recording has several")
    parser.add_argument(
        "--background", default=NO_BACKGROUND, metavar="LABEL",
        help="label of all time without annotation; none: such time is not judged (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--described", action="store_true", help="judge scores at the instant they describe, not at their frame"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for summary.json, frames.jsonl and report.html")
    parser.add_argument("--compare", type=Path, metavar="DIR", help="folder of an earlier run on the same recordings")
    parser.add_argument(
        "--require", action="append", default=[], metavar="NAME=VALUE", help="fail unless a figure is so good: map=0.8"
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes at a time (default: %(default)s)")
    parser.add_argument("--ray", metavar="ADDRESS", help="run on a Ray cluster: its address, auto, or local")
    parser.add_argument("--json", action="store_true", help="print summary.json")
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    from co_perception.commands.scored import Scored
    from co_perception.evaluation.requirements import Requirement

    requirements = [Requirement.parse(text) for text in chosen.require]
    _check_files(chosen)
    plan = plan_of(chosen, chosen.bags)
    if chosen.out:
        chosen.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".parts_", dir=chosen.out) as parts:
        out = chosen.out or Path(parts) / "out"
        scored = Scored(plan, _performed(plan, Path(parts), chosen))
        scored.judge(chosen.annotations, _protocol(chosen, plan), out)
        if chosen.compare:
            scored.compare(out, chosen.compare)
        scored.require(requirements)
        scored.write(out)
    if chosen.json:
        print(json.dumps(scored.told, indent=1))
    else:
        scored.show()
        if chosen.out:
            print(f"{chosen.out} has {', '.join(sorted(path.name for path in chosen.out.iterdir()))}.")
    for problem in scored.problems:
        print(f"co-perception: {problem}", file=sys.stderr)
    return int(bool(scored.problems))


def _protocol(chosen: argparse.Namespace, plan: Plan) -> Protocol:
    from co_perception.evaluation.tracks import Protocol

    background = "" if chosen.background == NO_BACKGROUND else chosen.background
    max_gap_s = float(plan.settings.get("max_gap_s", Protocol.max_gap_s))
    return Protocol(background, chosen.described, max_gap_s=max_gap_s)


def _check_files(chosen: argparse.Namespace) -> None:
    """A file that cannot be read is told before anything is computed."""
    from co_perception.data.annotation_formats import TOPIC, read_any
    from co_perception.evaluation.records import read_classes

    for source in chosen.annotations:
        if not source.startswith(TOPIC):
            read_any(source)
    if chosen.compare:
        read_classes(chosen.compare)


def _performed(plan: Plan, folder: Path, chosen: argparse.Namespace) -> list[Done]:
    """Every task, in their order."""
    from co_perception.learners.scoring import brought_home, perform, perform_away
    from co_perception.runtime.ray_cluster import on_ray
    from co_perception.runtime.workers import in_order

    tasks, done = list(plan.tasks(folder)), list["Done"]()
    with Bar(lambda at, whole: f"{100 * at // whole} %") as bar:
        results: Iterable[Done]
        if chosen.ray:
            results = map(brought_home, on_ray(perform_away, tasks, chosen.ray))
        elif chosen.jobs == 1:
            results = (perform(task, _share_on(bar, len(done), len(tasks))) for task in tasks)
        else:
            results = in_order(perform, tasks, chosen.jobs)
        for each in results:
            done.append(each)
            bar("recordings", 1000 * len(done), 1000 * len(tasks))
    return done


def _share_on(bar: Bar, before: int, of: int) -> Callable[[float], None]:
    """Shows how far one of several tasks is."""
    return lambda share: bar("recordings", round(1000 * (before + share)), 1000 * of)
