"""`co-perception record`: topics into a bag, and what happens in them into a file beside it."""

from __future__ import annotations

import argparse
from pathlib import Path

from co_perception.commands.output import Commands


def add(commands: Commands) -> None:
    about = "record skeletons or images while you mark with keys what people do"
    parser = commands.add_parser(
        "record",
        help=about,
        description=f"{about.capitalize()}. A key begins an activity; the same key, or space, ends it; q ends the "
        "recording. annotations.csv in the folder says from when to when each was done.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the recording")
    parser.add_argument(
        "--topics", nargs="+", default=["skeletons"], metavar="TOPIC", help="what to record (default: skeletons)"
    )
    parser.add_argument("--keys", default="", metavar="wave=1,walk=2", help="the key that marks each activity")
    parser.add_argument(
        "--annotations", type=Path, metavar="FILE", help="what will be done when, instead of keys; shown as it is time"
    )
    parser.add_argument(
        "--ros-args", nargs=argparse.REMAINDER, default=[], help="last: arguments of ROS, such as -r and -p"
    )
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    try:
        from co_perception.nodes.marks import keys_of
        from co_perception.nodes.record import Plan, record
    except ImportError as error:
        raise RuntimeError(
            f"recording needs ROS 2 and the messages of this package, and they cannot be imported: {error}. "
            "Source your workspace, or run make env."
        ) from error
    plan = Plan(chosen.out, chosen.topics, keys_of(chosen.keys), chosen.annotations)
    return record(plan, chosen.ros_args)
