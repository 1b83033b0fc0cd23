"""Kinetics-Skeleton: OpenPose's joints of Kinetics clips as JSON, a file per clip (Yan and others, ST-GCN, AAAI 2018).

    {"data": [{"frame_index": 1, "skeleton": [{"pose": [x, y, x, y, ...], "score": [s, ...]}]}],
     "label": "yoga", "label_index": 399}

beside a list of all clips, {"clip": {"has_skeleton": true, "label": "yoga", "label_index": 399}}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.damage import bounded_json, reading
from co_perception.data.samples import Sample, Samples
from co_perception.data.skipped import Skipped
from co_perception.engine.data import SkeletonSequence
from co_perception.engine.labels import labels

RATE_HZ = 30.0
JOINTS = 18
LONGEST = 20_000  # frames; the clips have 300
MOST_CLASSES = 10_000  # an index beyond it is damage, and would ask for as many names

Array = NDArray[np.float32]


def kinetics_samples(
    folder: Path | str, labels_file: Path | str | None = None, persons: int = 2
) -> tuple[Samples, Skipped]:
    """The clips of a folder of JSON files; each is parsed when its sample is read.

    The classes are `kinetics400` where all indices and names agree with it, else those of the files, by index.

    Args:
        labels_file: the list of all clips; the default is `<folder>_label.json` beside the folder, as published. Where
            there is none, every file is read once for its label.
        persons: see `read_kinetics_file`.

    Raises: FileNotFoundError; ValueError where nothing is left.
    """
    folder, skipped = Path(folder), Skipped()
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}.")
    listed = Path(labels_file) if labels_file else folder.with_name(f"{folder.name}_label.json")
    found = _listed(folder, listed, skipped) if labels_file or listed.is_file() else _each(folder, skipped)
    skipped.require(found, folder, "It holds a JSON file for each clip, with joints in 'data' and a 'label_index'.")
    return Samples((_sample(path, index, persons) for path, index, _ in found), _classes(found)), skipped


def read_kinetics_file(path: Path | str, persons: int = 2) -> SkeletonSequence:
    """(3, T, 18, persons) of x, y (shares of the picture's width and height, y downwards) and score, at 30 Hz.

    Frames are placed by their `frame_index`, from the lowest on. Of each frame the `persons` with the greatest sum of
    scores are kept, the greatest first, as the authors do. The data follows nobody: place 0 of one frame and of the
    next may be different people. Joints with score 0 are zeros.

    Raises: ValueError for a file that is damaged or has nobody in it; OSError where it cannot be read.
    """
    with reading(path, "a Kinetics-Skeleton JSON file"), np.errstate(over="ignore"):
        frames = {_whole(frame["frame_index"]): frame["skeleton"] for frame in bounded_json(Path(path))["data"]}
        if not any(frames.values()):
            raise ValueError("there is nobody in it.")
        first, last = min(frames), max(frames)
        if last - first >= LONGEST:
            raise ValueError(f"frames {first} to {last} are more than the {LONGEST} a clip may have.")
        found = np.zeros((3, last - first + 1, JOINTS, persons), np.float32)
        for number, people in frames.items():
            ranked = sorted(map(_person, people), key=lambda person: float(-person[2].sum()))
            for place, person in enumerate(ranked[:persons]):
                found[:, number - first, :, place] = person
        return SkeletonSequence(found, layout="openpose18", rate_hz=RATE_HZ)


def _person(entry: Mapping[str, Any]) -> Array:
    """(3, 18) of one person in one frame."""
    pose, score = np.array(entry["pose"], np.float32), np.array(entry["score"], np.float32)
    if pose.shape != (2 * JOINTS,) or score.shape != (JOINTS,):
        raise ValueError(f"a person has {2 * JOINTS} coordinates and {JOINTS} scores, not {pose.shape}, {score.shape}.")
    person = np.stack([pose[0::2], pose[1::2], score])
    person[:, ~np.isfinite(person).all(0) | (score <= 0)] = 0
    return person


Entry = tuple[Path, int, str]


def _listed(folder: Path, listed: Path, skipped: Skipped) -> list[Entry]:
    """(file, class index, class name) of each clip in the list of labels."""
    with reading(listed, "a list of labels"):
        entries = sorted(bounded_json(listed).items())
    found = list[Entry]()
    for clip, entry in entries:
        path = folder / f"{clip}.json"
        try:
            with reading(path, "an entry of the list of labels"):
                if not entry["has_skeleton"]:
                    raise ValueError("no skeleton was found in this clip")
                if path.parent != folder or not path.is_file():
                    raise ValueError("in the list of labels, but there is no such file")
                found.append((path, *_label(entry)))
        except (ValueError, OSError) as error:
            skipped.add(path, error)
    return found


def _each(folder: Path, skipped: Skipped) -> list[Entry]:
    """The same from the files themselves."""
    found = list[Entry]()
    for path in sorted(folder.glob("*.json")):
        try:
            with reading(path, "a Kinetics-Skeleton JSON file"):
                entry = bounded_json(path)
                if not isinstance(entry["data"], list):
                    raise ValueError("'data' is no list of frames")
                found.append((path, *_label(entry)))
        except (ValueError, OSError) as error:
            skipped.add(path, error)
    return found


def _label(entry: Mapping[str, Any]) -> tuple[int, str]:
    index, name = _whole(entry["label_index"]), entry["label"]
    if not 0 <= index < MOST_CLASSES or not isinstance(name, str):
        raise ValueError(f"{name!r} with index {index} is no class")
    return index, name


def _classes(found: Sequence[Entry]) -> tuple[str, ...]:
    """Names by index: of Kinetics-400 where they agree with it; an index that is not there is called by its number."""
    known, named = labels("kinetics400"), {index: name for _, index, name in found}
    if all(index < len(known) and known[index] == name for index, name in named.items()):
        return known
    return tuple(named.get(index, f"class {index}") for index in range(max(named) + 1))


def _sample(path: Path, index: int, persons: int) -> Sample:
    return Sample(partial(read_kinetics_file, path, persons), index, group=path.stem, source=str(path))


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r} is no whole number")
    return value
