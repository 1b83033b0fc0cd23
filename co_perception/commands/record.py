"""`co-perception record`: records topics into a bag, and annotations into a file beside it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from co_perception.commands.output import Commands, add_strict, print_losses
from co_perception.engine.paths import user_path

if TYPE_CHECKING:
    from co_perception.nodes.recording.record import RecordingPlan


def add(commands: Commands) -> None:
    about = "record skeletons or images while you mark with keys what people do"
    parser = commands.add_parser(
        "record",
        help=about,
        description=f"{about.capitalize()}. A key begins an activity; the same key, or space, ends it; q ends the "
        "recording. annotations.csv in the folder says from when to when each was done.",
    )
    parser.add_argument("--out", type=user_path, required=True, metavar="DIR", help="folder of the recording")
    parser.add_argument(
        "--topics", nargs="+", default=["skeletons"], metavar="TOPIC", help="what to record (default: skeletons)"
    )
    parser.add_argument("--keys", default="", metavar="wave=1,walk=2", help="the key that marks each activity")
    parser.add_argument(
        "--annotations",
        type=user_path,
        metavar="FILE",
        help="what will be done when, instead of keys; shown as it is time",
    )
    add_strict(parser)
    parser.add_argument(
        "--ros-args", nargs=argparse.REMAINDER, default=[], help="last: arguments of ROS, such as -r and -p"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    try:
        from co_perception.nodes.recording.record import RecordingPlan, record
        from co_perception.nodes.recording.terminal import keys_of
    except ImportError as error:
        raise RuntimeError(
            f"recording needs ROS 2 and the messages of this package, and they cannot be imported: {error}. "
            "Source your workspace, or run make env."
        ) from error
    plan = RecordingPlan(arguments.out, arguments.topics, keys_of(arguments.keys), arguments.annotations)
    status = record(plan, arguments.ros_args)
    return max(status, _checked(plan, arguments.strict))


def _checked(plan: RecordingPlan, strict: bool) -> int:
    """Tells what of a recording is of no use. Returns the exit status."""
    from co_perception.data.annotations.intervals import read_annotations
    from co_perception.data.bags.recording_counts import count_recording

    try:
        annotations = read_annotations(plan.annotations) if plan.keys or plan.script else None
        counts = count_recording(plan.bag, annotations)
    except ImportError as error:  # recording needs no reader of recordings
        print(f"co-perception: it is not known what the recording can be used for: {error}", file=sys.stderr)
        return 0
    return print_losses(counts, strict)
