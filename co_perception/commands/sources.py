"""What `train` and `adapt` are given: recordings with annotations, or any data set the package can read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from co_perception.data.annotations import Interval
    from co_perception.data.samples import Samples
    from co_perception.data.skipped import Skipped
    from co_perception.networks.variants_skeleton import SkeletonVariant


def add_sources(parser: argparse.ArgumentParser, option: str | None = None) -> None:
    """The arguments that say where the data are. option: its name, where they are no positional arguments."""
    named: dict[str, Any] = {"dest": "sources", "required": True} if option else {}
    parser.add_argument(
        option or "sources", nargs="+", type=Path, metavar="SOURCE",
        help="recordings (rosbag2 folders, .mcap, .db3) or data sets", **named,
    )  # fmt: skip
    parser.add_argument(
        "--annotations", type=Path, metavar="FILE",
        help="CSV or JSON: start, end, label, subject (default: annotations.csv beside each recording)",
    )  # fmt: skip
    parser.add_argument("--topic", help="topic of the skeletons, where a recording has several")
    parser.add_argument("--background", default="none", metavar="LABEL", help="label of time without annotation")
    parser.add_argument("--kind", help="kind of the data sets, where it cannot be guessed: ntu, kinetics, pyskl")


def read_samples(chosen: argparse.Namespace, variant: SkeletonVariant, step: int) -> tuple[Samples, Skipped]:
    """Everything as samples with the same classes: windows of the network's length from recordings, and whole clips
    from data sets.

    Raises: ValueError where sources have different classes, or nothing can be used.
    """
    from co_perception.data.bags import bag_samples
    from co_perception.data.open import open_samples
    from co_perception.data.skipped import Skipped

    parts, skipped = list["Samples"](), Skipped()
    bags, others = _sorted_out(chosen)
    if bags:
        window, rate_hz = variant.clip, variant.rate_hz
        read = bag_samples(
            bags, _annotations(chosen), variant.layout, rate_hz, window, step, chosen.background, topic=chosen.topic
        )
        parts.append(read[0])
        skipped += read[1]
    for path in others:
        samples, left_out = open_samples(path, chosen.kind)
        parts.append(samples)
        skipped += left_out
    samples = parts[0]
    for part in parts[1:]:
        samples = samples + part
    usual = "Do the annotations' times lie inside the recordings, and are activities longer than a window?"
    skipped.require(samples.items, ", ".join(map(str, chosen.sources)), usual)
    return samples, skipped


def _sorted_out(chosen: argparse.Namespace) -> tuple[list[Path], list[Path]]:
    """Recordings, and other data. Raises FileNotFoundError for what is not there."""
    from co_perception.data.bag_file import is_recording

    for path in chosen.sources:
        if not path.exists():
            raise FileNotFoundError(f"there is nothing at {path}.")
    bags = [path for path in chosen.sources if is_recording(path)]
    return bags, [path for path in chosen.sources if path not in bags]


def _annotations(chosen: argparse.Namespace) -> list[Interval] | None:
    from co_perception.data.annotations import read_annotations

    return None if chosen.annotations is None else read_annotations(chosen.annotations)
