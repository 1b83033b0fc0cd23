"""Sources of commands: recordings with annotations or data sets to train on, and models by name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from co_perception.engine.arguments import FRAME_RATE, positive
from co_perception.engine.node_command import has_ros, node_command
from co_perception.engine.paths import user_path
from co_perception.engine.stage_counts import Stage, StageCounts

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from co_perception.data.parsing import Skipped
    from co_perception.data.samples import Samples
    from co_perception.networks.variants_skeleton import SkeletonVariant


T = TypeVar("T", bound="DataclassInstance")
DATA_SETS = ("ntu", "kinetics", "pyskl", "openpose", "coco")  # kinds with skeletons, of `registry.READERS`


@dataclass(frozen=True)
class SampleSources:
    """Data to train on.

    Args:
        sources: recordings (rosbag2 folders, .mcap, .db3, .bag of ROS 1) or data sets.
        annotations: file of the recordings' annotations; None: annotations.csv beside each.
        topic: of the skeletons, where a recording has several.
        background: label of time without annotation; empty: it is left out.
        kind: of the data sets; None: it is guessed.
        rate: frames per second of data sets whose files do not tell it; None: not given.
        aspect: width over height of the pictures of Kinetics-Skeleton files; None: not given.
        coordinates: unit and axes of the joints of PYSKL files; None: not given.
    """

    sources: list[Path]
    annotations: Path | None
    topic: str | None
    background: str
    kind: str | None
    rate: float | None = None
    aspect: float | None = None
    coordinates: str | None = None


def options_of(kind: type[T], arguments: argparse.Namespace) -> T:
    """A dataclass filled with the parsed arguments of the same names."""
    values: Mapping[str, Any] = {each.name: getattr(arguments, each.name) for each in fields(kind)}
    return kind(**values)


def add_sources(parser: argparse.ArgumentParser, option: str | None = None, more: str = "or data sets") -> None:
    """Adds the arguments of `SampleSources`; the sources are positional, or those of `option`; `more` may be given."""
    named: dict[str, Any] = {"dest": "sources", "required": True} if option else {}
    parser.add_argument(
        option or "sources", nargs="+", type=user_path, metavar="SOURCE",
        help=f"recordings (rosbag2 folders, .mcap, .db3, .bag of ROS 1) {more}", **named,
    )  # fmt: skip
    parser.add_argument(
        "--annotations", type=user_path, metavar="FILE",
        help="a table start, end, label, subject (CSV, JSON), ELAN, WebVTT or Foxglove events (default: "
        "annotations.csv beside each recording)",
    )  # fmt: skip
    parser.add_argument("--topic", help="topic of the skeletons, where a recording has several")
    parser.add_argument(
        "--background", default="", metavar="LABEL", help="label of time without annotation (default: it is left out)"
    )
    parser.add_argument("--kind", choices=DATA_SETS, help="kind of the data sets, where it cannot be guessed")
    parser.add_argument(
        "--rate", type=FRAME_RATE, metavar="HZ",
        help="frames per second of data sets whose files do not tell it: pyskl, kinetics, openpose, coco",
    )  # fmt: skip
    parser.add_argument(
        "--aspect", type=positive("width over height, such as 1.333", 100), metavar="RATIO",
        help="width over height of the pictures, for data sets of kind kinetics that are not the published clips",
    )  # fmt: skip
    parser.add_argument(
        "--coordinates", metavar="NAME",
        help="unit and axes of kind pyskl: pixels; in metres optical (y down), kinect (y up), rep103 (z up)",
    )  # fmt: skip


def read_samples(
    given: SampleSources,
    variant: SkeletonVariant,
    step: int,
    counts: StageCounts | None = None,
    *,
    check: bool = True,
    shortest: int | None = None,
) -> tuple[Samples, Skipped]:
    """Samples with the same classes: windows of the network's length from recordings, and whole clips from data sets.

    Args:
        given: where the data are.
        variant: the network.
        step: frames from window to window.
        counts: counts what becomes of messages, poses, clips and annotated time.
        check: refuse options that change nothing, see `check_sources`.
        shortest: frames of the shortest sample of a recording; None: those of a window.

    Returns:
        Samples, and what could not be used.

    Raises:
        FileNotFoundError: for a source that is not there.
        ValueError: where sources have different classes, a data set does not tell its rate, or nothing can be used.
    """
    from co_perception.data.annotations.sources import read_any
    from co_perception.data.bags.labeled_bags import bag_samples
    from co_perception.data.clip_overlaps import joined_overlaps
    from co_perception.data.parsing import Skipped

    parts, clips, skipped, counts = list["Samples"](), list["Samples"](), Skipped(), counts or StageCounts()
    bags, data_sets = _kinds_of(given)
    if check:
        _check_options(given, set(data_sets.values()), bool(bags))
    if bags:
        annotations = None if given.annotations is None else read_any(given.annotations)
        window, rate_hz = variant.clip, variant.rate_hz
        read = bag_samples(
            bags,
            annotations,
            variant.layout,
            rate_hz,
            window,
            step,
            given.background,
            topic=given.topic,
            counts=counts,
            shortest=shortest,
        )
        parts.append(read[0])
        skipped += read[1]
    for path, kind in data_sets.items():
        samples, left_out = _data_set(path, kind, given)
        clips.append(samples)
        skipped += left_out
        counts.add(Stage.DECODED, len(samples))
        for _, reason in left_out:
            counts.lose(Stage.DECODED, "clips of data sets that cannot be used", detail=reason)
    if clips:
        samples, repeated = reduce(add, clips).distinct()
        samples, overlapping = joined_overlaps(samples)
        parts.append(samples)
        skipped += repeated + overlapping
    samples = reduce(add, parts)
    usual = "Are there clips in it, and is it of the kind that --kind says?"
    why = "\n".join(map(str, counts.losses())) or usual
    skipped.require(samples.items, ", ".join(map(str, given.sources)), why)
    _tell_doubtful(samples, given.background)
    return samples, skipped


def _tell_doubtful(samples: Samples, background: str) -> None:
    """Tells of classes that may be one, and of labels that may stand for no activity, on standard error."""
    from co_perception.data.annotations.label_checks import null_labels, similar_labels

    counts = {name: count for name, count in samples.counts().items() if count}
    for group in similar_labels(counts):
        names = " and ".join(map(repr, group))
        print(
            f"Is it one activity? {names} are {len(group)} classes, and differ in case, space, hyphens or Unicode form "
            "only. If it is one, rename it in the annotations.",
            file=sys.stderr,
        )
    if "class 0" in samples.classes and "class 0" not in counts:
        print(
            "Class 0 has no example: do the class indices of the files count from 1? The network gets an output that "
            "is never right. Subtract 1 from each label.",
            file=sys.stderr,
        )
    if background and background not in counts:
        print(
            f"--background {background}: nobody is in sight for a whole window without an annotation, so there is no "
            "such class, and the network answers with an activity whatever people do. Record time between activities.",
            file=sys.stderr,
        )
    for name in null_labels(set(counts) - {background}):
        print(
            f"{name!r} is trained as an activity of its own, {counts[name]} examples like those of any other. If it "
            "stands for no activity, leave it out of the annotations, or give it another name and that one to "
            "--background: such a class has all time without annotation too.",
            file=sys.stderr,
        )


# Options of the command that readers of data sets have: name there, kinds that have it.
_READER_OPTIONS = {
    "rate": ("rate_hz", {"pyskl", "kinetics", "openpose", "coco"}),
    "aspect": ("aspect", {"kinetics"}),
    "coordinates": ("coordinates", {"pyskl"}),
}


def check_sources(given: SampleSources) -> None:
    """Raises FileNotFoundError for a source that is not there, ValueError for an option that changes nothing."""
    bags, data_sets = _kinds_of(given)
    _check_options(given, set(data_sets.values()), bool(bags))


def _kinds_of(given: SampleSources) -> tuple[list[Path], dict[Path, str]]:
    """The recordings, and the kind of each data set. Raises FileNotFoundError for a source that is not there."""
    from co_perception.data.bags.recorded_file import is_recording
    from co_perception.data.datasets.registry import guess

    for path in given.sources:
        if not path.exists():
            raise FileNotFoundError(f"there is nothing at {path}.")
    bags = [path for path in given.sources if is_recording(path)]
    return bags, {path: given.kind or guess(path) for path in given.sources if path not in bags}


def _check_options(given: SampleSources, kinds: set[str], recordings: bool) -> None:
    """Raises ValueError for an option that would change nothing: no source is of a kind that has it."""
    from co_perception.engine.coordinates import check_coordinates

    if given.coordinates is not None:
        check_coordinates(given.coordinates, 4, aspect=1.0)
    if given.kind is not None and not kinds:
        raise ValueError(
            f"--kind {given.kind} is the kind of data sets, and all sources are recordings, which tell it themselves: "
            "leave it out."
        )
    for option in ("annotations", "topic"):
        if getattr(given, option) is not None and not recordings:
            raise ValueError(
                f"--{option} is for recordings, and all sources are data sets, which have their labels in their own "
                "files: leave it out, or name the recordings."
            )
    for option, (_, known) in _READER_OPTIONS.items():
        if getattr(given, option) is not None and not known & kinds:
            raise ValueError(
                f"--{option} is for data sets of kind {' or '.join(sorted(known))}, and none of the sources is one: "
                "recordings and other kinds of data tell it themselves. Leave it out, or name the kind with --kind."
            )


def _data_set(path: Path, kind: str, given: SampleSources) -> tuple[Samples, Skipped]:
    """The clips of a data set, each with a rate: the files' own, or the one given."""
    from co_perception.data.datasets.pyskl import without_rate
    from co_perception.data.datasets.registry import open_samples

    named = {name: getattr(given, option) for option, (name, known) in _READER_OPTIONS.items() if kind in known}
    samples, skipped = open_samples(path, kind, **{name: value for name, value in named.items() if value is not None})
    clip = without_rate(samples) if kind == "pyskl" and given.rate is None else None
    if clip is not None:
        raise ValueError(
            f"{path} does not tell at which rate its clips were taken ({clip!r} first), and a network that is taught "
            "them at another rate learns people who move too slowly or too fast: give the camera's frames per second "
            "with --rate, such as --rate 30."
        )
    return samples, skipped


def print_start_command(model: Path, node: str = "skeleton_activity_node") -> None:
    """Prints where a model is and the line, ready to be pasted into a shell, that recognizes with it in this node."""
    print(f"The model is in {model.resolve()}. To recognize with it{'' if has_ros() else ' where ROS 2 is'}:")
    print(f"  {node_command(node, model_path=model.resolve())}")


def model_folder(name: str, *, bundles: bool = False) -> Path:
    """The folder of a model: a folder that a learner saved, one that `train` wrote, or the name of a shipped model.

    Args:
        bundles: whether a bundle will do, too, which answers and cannot be trained on.

    Raises:
        FileNotFoundError: where it is none of them; lists the shipped models.
    """
    from co_perception.learners.bundle_file import FILE as BUNDLE
    from co_perception.learners.metadata import FILE, MODEL, shipped, shipped_names

    for folder in (Path(name), Path(name) / MODEL):
        if (folder / FILE).is_file() or (bundles and (folder / BUNDLE).is_file()):
            return folder

    if name in shipped_names():
        return shipped(name)
    what = f"that folder has no {FILE}" if Path(name).exists() else "there is no such folder, and none is shipped"
    raise FileNotFoundError(f"no model {name!r}: {what}; those shipped are: {', '.join(shipped_names()) or 'none'}.")
