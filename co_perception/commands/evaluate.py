"""`co-perception evaluate`: scores a recognizer on annotated recordings, as its node would have answered live."""

from __future__ import annotations

import argparse

from co_perception.commands.evaluation_plan import RECOGNIZERS, plan_of
from co_perception.commands.output import Commands, add_strict
from co_perception.engine.arguments import FRAME_RATE, SEED, CountArgument, NumberArgument, positive
from co_perception.engine.paths import expanded, user_path

LOST_SHARE = NumberArgument("a share of the frames, such as 0.2", 0, 1, open_below=True, open_above=True)
JITTER_MS = positive("milliseconds, such as 15", 60_000)
NOISE = positive("a share, such as 0.02", 10)
JOBS = CountArgument("a number of processes", most=1024)


def add(commands: Commands) -> None:
    about = "score a recognizer on annotated recordings, frame by frame"
    parser = commands.add_parser(
        "evaluate",
        help=about,
        description=f"{about.capitalize()}: as the node would have answered live, and the same figures every time. "
        "Exit status 1 where a recording could not be read as a whole or came twice, annotations do not fit, a stage "
        "loses everything, or a requirement is not met.",
    )
    add_recognizer(parser)
    faults = parser.add_argument_group("faults", "Each makes one more run; given twice, it makes two.")
    faults.add_argument(
        "--drop", type=LOST_SHARE, action="append", metavar="SHARE", help="lose this share of the frames"
    )
    faults.add_argument("--jitter-ms", type=JITTER_MS, action="append", metavar="MS", help="deviation of wrong stamps")
    faults.add_argument(
        "--rate", type=FRAME_RATE, action="append", metavar="HZ", dest="rate_hz", help="a slower camera"
    )
    faults.add_argument(
        "--noise", type=NOISE, action="append", metavar="SHARE",
        help="deviation of joints, as a share of a person's height, or of brightness",
    )  # fmt: skip
    faults.add_argument("--together", action="store_true", help="one run with all of them, instead of one for each")
    faults.add_argument("--seed", type=SEED, default=0, help="of all that is drawn (default: %(default)s)")
    parser.add_argument(
        "--background", default="", metavar="LABEL",
        help="label of all time without annotation (default: such time is not judged)",
    )  # fmt: skip
    parser.add_argument(
        "--described", action="store_true", help="judge scores at the instant they describe, not at their frame"
    )
    parser.add_argument(
        "--held-out", action="store_true",
        help="fail where the model was trained on what a recording shows, or where that is not known",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=user_path, metavar="DIR", help="folder for summary.json, frames.jsonl and report.html"
    )
    parser.add_argument(
        "--compare", type=user_path, metavar="DIR", help="folder of an earlier run on the same recordings"
    )
    parser.add_argument(
        "--require", action="append", default=[], metavar="NAME=VALUE", help="fail unless a figure is so good: map=0.8"
    )
    parser.add_argument("--jobs", type=JOBS, default=1, metavar="N", help="processes at a time (default: %(default)s)")
    parser.add_argument("--ray", metavar="ADDRESS", help="run on a Ray cluster: its address, auto, or local")
    parser.add_argument("--json", action="store_true", help="print summary.json")
    add_strict(parser)
    parser.set_defaults(run=_run)


def add_recognizer(parser: argparse.ArgumentParser) -> None:
    """Adds the recordings, their annotations, and what answers them."""
    parser.add_argument(
        "bags", nargs="+", type=user_path, metavar="BAG", help="rosbag2 folders, .mcap, .db3 or .bag (ROS 1) files"
    )
    parser.add_argument(
        "--annotations", type=expanded, action="append", default=[], metavar="FILE",
        help=".csv, .json, .eaf, .vtt, or topic:NAME of the bag; may be given again (default: annotations.csv beside "
        "each recording)",
    )  # fmt: skip
    parser.add_argument(
        "--recognizer", choices=RECOGNIZERS, default="skeleton",
        help="what answers: people's poses, pictures, or nobody: the bag has /activity (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--model", type=expanded, metavar="MODEL", help="folder of a model or bundle, or the name of a shipped one"
    )
    parser.add_argument("--network", help="network with its published weights, instead of a model")
    parser.add_argument(
        "--pose", metavar="ESTIMATOR", help="find people in the bag's pictures with this estimator: movenet, mediapipe"
    )
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="NAME=VALUE",
        help="a parameter of the recognizer's node (max_gap_s=2), or with pose. before it of the pose node",
    )  # fmt: skip
    parser.add_argument("--topic", help="topic that is looked at, where a recording has several")


def _run(arguments: argparse.Namespace) -> int:
    from co_perception.commands.evaluation import evaluate

    return evaluate(plan_of(arguments), arguments.jobs, arguments.ray, arguments.json, arguments.strict)
