"""Reads every file of a folder with the package and with readers of others, and says where they differ.

    python benchmarks/read_files.py FOLDER > table.md     # exit status 1 where a file is read otherwise without a word

A video is compared with PyAV and OpenCV, a recording with SQLite or mcap's own reader, skeletons and annotations with
small parsers of `bench/other_readers.py`. Each line of the table is one file, or a rosbag2 folder, and its verdict:
equal; told: what is missing is said; refused: nothing is given, and the words say why; DIFFERENT.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.other_readers import OTHERS, Content, thumbnail
from co_perception.data.annotations.sources import read_any
from co_perception.data.bags.bag_file import Bag
from co_perception.data.datasets.estimator_json import read_coco_clip, read_openpose_clip
from co_perception.data.datasets.kinetics_skeleton import read_kinetics_file
from co_perception.data.datasets.ntu import MOST_BODIES, read_skeleton_file
from co_perception.data.datasets.pyskl import pyskl_samples
from co_perception.data.pose_json import pose_json_kind
from co_perception.data.video import VideoReader
from co_perception.engine.data import SkeletonSequence

VIDEOS = "mp4 avi mkv webm gif mjpeg mjpg mov flv m4v 3gp mpg mpeg ps vob ts mts wmv asf mxf ogv h264"
KIND_OF = {f".{ending}": "video" for ending in VIDEOS.split()} | {
    ".db3": "recording", ".mcap": "recording", ".bag": "recording", ".skeleton": "NTU skeleton",
    ".json": "Kinetics skeleton", ".eaf": "ELAN", ".vtt": "WebVTT", ".pkl": "PYSKL", ".pickle": "PYSKL",
}  # fmt: skip
POSE_JSON = {"openpose": "OpenPose", "coco": "COCO keypoints", "coco annotations": "COCO keypoints"}
TOLERANCES = {
    "times [s]": 1e-3,
    "width / height": 0.02,
    "joints": 1e-3,
    "people's joints": 1e-3,
}  # of numbers; others are equal
MILLI_NS = 1_000_000
MOST_PEOPLE = 100  # in a picture


def read_video(path: Path) -> Iterator[tuple[str, Any]]:
    """Number, times, shape, first and last picture."""
    times, first, last = list[float](), None, None
    try:
        with VideoReader(str(path), parallel=False) as reader:
            for frame in reader:
                times.append(frame.time_s)
                last = frame.pixels
                first = last if first is None else first
    finally:
        if first is not None and last is not None:
            yield from {
                "pictures": [len(times)], "times [s]": np.array(times), "first": thumbnail(first),
                "last": thumbnail(last), "width / height": np.array([first.shape[1] / first.shape[0]]),
            }.items()  # fmt: skip


def read_recording(path: Path) -> Iterator[tuple[str, Any]]:
    """When the messages of each topic were recorded, and their stamps where they have a header."""
    with Bag(path) as bag:
        for topic in bag.topics:
            found = list(bag.messages(topic))
            yield f"{topic} recorded", [each.log_ns for each in found]
            if found and hasattr(found[0].message, "header"):
                yield f"{topic} stamped", [each.stamp_ns for each in found]
        yield "told", "; ".join(bag.damage)


def read_skeletons(read: Callable[[Path], SkeletonSequence], path: Path) -> Iterator[tuple[str, Any]]:
    """Number of frames, and sums over all joints and people."""
    data = read(path).data.astype(np.float64)
    yield from {"frames": [data.shape[1]], "joints": data[:3].sum((2, 3)).T}.items()


def read_coco(path: Path) -> Iterator[tuple[str, Any]]:
    """Sums of x and y over all joints and people of each frame that shows somebody."""
    ((_, _), (_, sums)) = read_skeletons(partial(read_coco_clip, persons=MOST_PEOPLE), path)
    yield "people's joints", sums[sums.any(1), :2]


def read_openpose(path: Path) -> SkeletonSequence:
    """One file as a clip of one frame."""
    return read_openpose_clip({0: path}, persons=MOST_PEOPLE)


def read_pyskl(path: Path) -> Iterator[tuple[str, Any]]:
    """Number of clips, and sums of x and y over all joints and people of each."""
    samples, skipped = pyskl_samples(path, rate_hz=30.0, coordinates=None)
    sums = [item.read().data[:2].astype(np.float64).sum((1, 2, 3)) for item in samples.items]
    yield from {"clips": [len(sums)], "joints": np.array(sums), "told": skipped.report() if skipped else ""}.items()


def read_intervals(path: Path) -> Iterator[tuple[str, Any]]:
    """Start, end and label of each annotation."""
    found = [(each.start_ns // MILLI_NS, each.end_ns // MILLI_NS, each.label) for each in read_any(path)]
    yield "intervals", sorted(found)


OURS: dict[str, Callable[[Path], Iterator[tuple[str, Any]]]] = {
    "video": read_video,
    "recording": read_recording,
    "NTU skeleton": partial(read_skeletons, partial(read_skeleton_file, bodies=MOST_BODIES)),
    "Kinetics skeleton": partial(read_skeletons, partial(read_kinetics_file, persons=20)),
    "OpenPose": partial(read_skeletons, read_openpose),
    "COCO keypoints": read_coco,
    "PYSKL": read_pyskl,
    "ELAN": read_intervals,
    "WebVTT": read_intervals,
}


def ours(kind: str, path: Path) -> Content:
    """What the package gives, before an error too."""
    parts, told = dict[str, Any](), ""
    try:
        for name, part in OURS[kind](path):
            parts[name] = part
    except (ValueError, OSError) as error:
        told = str(error).replace(f"{path}: ", "").replace(str(path), path.name)
    return Content(parts, parts.pop("told", told))


def differences(one: Content, other: Content) -> list[str]:
    """The names of the parts that differ, with what each reader has; empty where the other reads nothing."""
    names = {name for name in one.parts if name in other.parts}
    names |= {name for name in other.parts if name.endswith(" recorded") and name not in one.parts}
    return [f"{name}: {_short(one, name)}, other {_short(other, name)}" for name in sorted(names)
            if not _equal(name, one.parts.get(name, []), other.parts[name])]  # fmt: skip


def _equal(name: str, one: Any, other: Any) -> bool:
    if isinstance(one, list):
        return one == list(other)
    if np.shape(one) != np.shape(other):
        return False
    if name in ("first", "last"):  # colors of HDR differ, places do not
        near = np.abs(one - other).mean() < 8
        return bool(near or np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9)
    return bool(np.allclose(one, other, atol=TOLERANCES[name], rtol=1e-5))


def _short(content: Content, name: str) -> str:
    part = content.parts.get(name, [])
    if isinstance(part, list):
        return str(part) if len(part) == 1 else f"{len(part)} entries"
    return f"{np.shape(part)} ... {np.round(np.ravel(part)[-3:], 3)}"


def verdict(kind: str, path: Path) -> tuple[str, str]:
    """The verdict on a file and its reason."""
    own = ours(kind, path)
    theirs = [read(path) for read in OTHERS[kind]]
    differing = [each for other in theirs for each in differences(own, other)]
    if not own.parts and own.told:
        read = [f"{name} {_short(other, name)}" for other in theirs for name in other.parts][:3]
        return "refused", own.told + (f" (Others have {', '.join(read)}.)" if read else "")
    if differing or (all(not other.parts for other in theirs) and any(other.told for other in theirs)):
        differing = differing or [f"only the package reads it: {theirs[0].told}"]
        return ("told", own.told) if own.told else ("DIFFERENT", "; ".join(differing))
    return "equal", own.told


def files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Kind and path of each file that the package reads, and of each rosbag2 folder."""
    for path in sorted(folder.rglob("*")):
        if (path / "metadata.yaml").is_file():
            yield "recording", path
        elif path.is_file() and (kind := KIND_OF.get(path.suffix.lower())):
            yield POSE_JSON.get(pose_json_kind(path), kind), path


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(argv).folder
    counts = Counter[tuple[str, str]]()
    print("| kind | file | verdict | reason |\n|---|---|---|---|")
    for kind, path in files(folder):
        found, reason = verdict(kind, path)
        counts[kind, found] += 1
        reason = " ".join(reason.replace("|", "/").split())
        print(f"| {kind} | {path.relative_to(folder)} | {found} | {reason} |", flush=True)
    for (kind, found), count in sorted(counts.items()):
        print(f"{kind}: {count} {found}", file=sys.stderr)
    return int(any(found == "DIFFERENT" for _, found in counts))


if __name__ == "__main__":
    sys.exit(main())
