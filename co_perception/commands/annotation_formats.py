"""`co-perception annotations`: reads annotations of any tool, and writes them in another format."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from co_perception.commands.output import Commands, print_table
from co_perception.engine.arguments import FRAME_RATE
from co_perception.engine.paths import user_path

if TYPE_CHECKING:
    from co_perception.data.annotations.frame_times import FrameTimes
    from co_perception.data.annotations.intervals import Interval
    from co_perception.data.bags.bag_file import Bag


def add(commands: Commands) -> None:
    about = "convert annotations between formats: tables, ELAN, Foxglove, and from WebVTT, Label Studio, CVAT"
    parser = commands.add_parser("annotations", help=about, description=f"{about.capitalize()}.")
    parser.add_argument(
        "source", type=user_path, metavar="SOURCE",
        help=".csv, .json (a table, or an export of Label Studio or CVAT), .eaf, .vtt, .xml (CVAT), .mcap (events of "
        "Foxglove), or the folder of a recording with annotations in it",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=user_path, required=True, metavar="FILE",
        help="a table (.csv, .json), an ELAN file (.eaf) or events of Foxglove (.mcap)",
    )  # fmt: skip
    parser.add_argument(
        "--bag", type=user_path, metavar="BAG",
        help="recording that they are of: which row is of it, and at which stamp it starts",
    )  # fmt: skip
    parser.add_argument("--topic", help="topic whose stamps count, where a recording has several")
    parser.add_argument(
        "--rate",
        type=FRAME_RATE,
        metavar="HZ",
        help="frames per second, for files that count frames (Label Studio, CVAT)",
    )
    parser.add_argument(
        "--video", type=user_path, metavar="FILE",
        help="the annotated video, whose frames tell their times; ELAN opens it with the file",
    )  # fmt: skip
    parser.add_argument(
        "--attribute",
        metavar="NAME",
        help="attribute of CVAT's labels that says what is done (default: the label does)",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from co_perception.data.annotations.intervals import of_recording
    from co_perception.data.annotations.sources import read_any
    from co_perception.data.annotations.writers import write_any
    from co_perception.data.bags.bag_file import Bag
    from co_perception.data.bags.labeled_bags import annotation_file_beside
    from co_perception.data.parsing import Skipped

    source, bag, skipped = arguments.source, arguments.bag, Skipped()
    if source.is_dir():
        source, bag = annotation_file_beside(source), bag or source
        if source is None:
            raise FileNotFoundError(f"there is no annotations.csv in {bag}: name a file of annotations.")
    if arguments.topic and bag is None:
        raise ValueError("--topic is of a recording: name it with --bag, or leave --topic out.")
    found, origin_ns = read_any(source, _times(arguments, source), arguments.attribute, skipped), None
    if bag is not None:
        with Bag(bag) as opened:
            others = len(found)
            found = of_recording(found, opened.name)
            others -= len(found)
            origin_ns = _origin_ns(opened, arguments.topic)
        if others:
            skipped.add(bag, f"{others} annotations are of other recordings")
    write_any(arguments.out, found, origin_ns, arguments.video)
    if skipped:
        print(skipped.report(), file=sys.stderr)
    _print_labels(found)
    print(f"{len(found)} annotations are in {arguments.out}.")
    return 0


def _times(arguments: argparse.Namespace, source: Path) -> FrameTimes | None:
    """The times of frames, for files that count these. Raises: ValueError where rate and video are both given."""
    from co_perception.data.annotations.frame_times import FrameTimes
    from co_perception.data.annotations.sources import counts_frames

    if not counts_frames(source):
        if arguments.rate:
            raise ValueError(
                f"{source.name} has times of its own, and --rate is for files that count frames: leave it out."
            )
        return None
    if arguments.rate and arguments.video:
        raise ValueError("--rate and --video both tell when a frame is: give the video alone, which is exact.")
    if arguments.video:
        return FrameTimes.of_video(arguments.video)
    return FrameTimes(arguments.rate) if arguments.rate else None


def _origin_ns(bag: Bag, topic: str | None) -> int:
    """The stamp at which a recording starts, by its skeletons, or else its pictures."""
    from co_perception.data.bags.bag_file import IMAGES, SKELETONS

    kinds = SKELETONS if topic is None and set(SKELETONS) & set(bag.topics.values()) else (*SKELETONS, *IMAGES)
    return bag.clock(bag.topic(kinds, topic)).origin_ns


def _print_labels(found: list[Interval]) -> None:
    """How often each label is there, and for how long."""
    rows = []
    for label in sorted({each.label for each in found}):
        lengths_ns = [each.end_ns - each.start_ns for each in found if each.label == label]
        rows.append((label, str(len(lengths_ns)), f"{sum(lengths_ns) / 1e9:.1f}"))
    print_table([("label", "annotations", "seconds"), *rows])
