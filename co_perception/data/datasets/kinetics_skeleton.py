"""Reader of Kinetics-Skeleton: OpenPose's joints of Kinetics clips as JSON, a file per clip.

Yan et al., ST-GCN, AAAI 2018, arXiv:1801.07455.

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
from numpy.typing import ArrayLike, NDArray

from co_perception.data.parsing import NOT_FOUND, Skipped, parse_errors, read_json
from co_perception.data.samples import Sample, Samples
from co_perception.engine.confidences import rescaled
from co_perception.engine.coordinates import SHARES, wrong_unit_of_clip
from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import labels

# The authors made all videos 340 x 256 pixels at 30 frames a second before OpenPose (arXiv:1801.07455, section 4.1).
# Files of others in this format may have any rate and aspect, and do not tell them.
RATE_HZ, ASPECT = 30.0, 340 / 256
JOINTS = 18
LONGEST = 20_000  # frames; the clips have 300
MOST_CLASSES = 10_000  # an index beyond it is damage, and would ask for as many names


def kinetics_samples(
    folder: Path | str,
    labels_file: Path | str | None = None,
    persons: int = 2,
    rate_hz: float | None = None,
    aspect: float | None = None,
) -> tuple[Samples, Skipped]:
    """The clips of a folder of JSON files; each is parsed when its sample is read.

    The classes are `kinetics400` where all indices and names agree with it, else those of the files, by index; an index
    without a clip is named by its number. `labels_file` is the list of all clips; the default is `<folder>_label.json`
    beside the folder, as published. Where there is none, every file is read once for its label. `persons`, `rate_hz`
    and `aspect` as in `read_kinetics_file`; None: those of the published data set, for classes that are its own.

    Raises:
        FileNotFoundError: without the folder.
        ValueError: where no sample can be read, and for classes of others without a rate and an aspect.
    """
    folder, skipped = Path(folder), Skipped()
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}.")
    listed = Path(labels_file) if labels_file else folder.with_name(f"{folder.name}_label.json")
    found = _entries(folder, listed if labels_file or listed.is_file() else None, skipped)
    skipped.require(found, folder, "It holds a JSON file for each clip, with joints in 'data' and a 'label_index'.")
    known, named = labels("kinetics400"), {index: name for _, index, name in found}
    published = all(index < len(known) and known[index] == name for index, name in named.items())
    if not published and (rate_hz is None or aspect is None):
        raise ValueError(_untold(folder, rate_hz, aspect))
    read = partial(
        read_kinetics_file, persons=persons, rate_hz=RATE_HZ if rate_hz is None else rate_hz,
        aspect=ASPECT if aspect is None else aspect,
    )  # fmt: skip
    samples = (Sample(partial(read, path), index, group=path.stem, source=str(path)) for path, index, _ in found)
    if published:
        return Samples(samples, known), skipped
    return Samples(samples, (named.get(index, f"class {index}") for index in range(max(named) + 1))), skipped


def _untold(folder: Path, rate_hz: float | None, aspect: float | None) -> str:
    """Why files of others cannot be read: what they do not tell, and was not given."""
    facts = (
        ("rate_hz (frames per second)", "--rate 30", rate_hz),
        ("aspect (width over height of the pictures)", "--aspect 1.333", aspect),
    )
    missing = [(name, option) for name, option, value in facts if value is None]
    names, options = " and ".join(name for name, _ in missing), " ".join(option for _, option in missing)
    return (
        f"{folder}: its classes are not those of Kinetics-400, so these are not the published clips, which are 340 x "
        f"256 pixels at 30 Hz, and the files do not tell. Give {names}; to a command as {options}."
    )


def read_kinetics_file(
    path: Path | str, persons: int = 2, rate_hz: float = RATE_HZ, aspect: float = ASPECT
) -> SkeletonSequence:
    """One clip: (3, T, 18, persons) of x, y (shares of the picture's width and height, y downwards), score.

    Frames are placed by their `frame_index`, from the lowest on. Each frame has the `persons` with the greatest sum of
    scores, the greatest first, as the authors do. People are not tracked: place 0 of one frame and of the next may be
    different people. Joints that were not found are zeros: `engine.confidences`. The files tell neither `rate_hz` nor
    `aspect`, width over height of the pictures: the defaults are those of the published clips.

    Raises ValueError for a file that is damaged or has no person in it, and OSError where it cannot be read.
    """
    with parse_errors(path, "a Kinetics-Skeleton JSON file"), np.errstate(over="ignore"):
        people = dict[int, list[NDArray[np.float32]]]()
        for frame in read_json(Path(path))["data"]:
            if (number := _whole(frame["frame_index"])) in people:
                raise ValueError(f"frame {number} is there twice.")
            people[number] = [_person(entry) for entry in frame["skeleton"]]
        found = people_by_frame(people, persons)
        if why := wrong_unit_of_clip(found, SHARES):
            raise ValueError(f"{why}: Kinetics-Skeleton has shares of the picture's width and height.")
        return SkeletonSequence(found, "openpose18", rate_hz, SHARES, aspect)


def people_by_frame(frames: Mapping[int, Sequence[NDArray[np.float32]]], persons: int) -> NDArray[np.float32]:
    """(3, T, V, persons) from the people (3, V) of each frame by its number, from the lowest number on.

    Each frame has those with the greatest sum of scores, the greatest first; a missing number is a frame without
    anybody. Raises ValueError where there is nobody, no joint was found, or a clip would be too long.
    """
    if not any(frames.values()):
        raise ValueError("there is nobody in it.")
    first, last = min(frames), max(frames)
    if last - first >= LONGEST:
        raise ValueError(f"frames {first} to {last} are more than the {LONGEST} a clip may have.")
    joints = next(people[0].shape[1] for people in frames.values() if people)
    found = np.zeros((3, last - first + 1, joints, persons), np.float32)
    for number, people in frames.items():
        ranked = sorted(people, key=lambda person: float(-person[2].sum()))
        for place, person in enumerate(ranked[:persons]):
            found[:, number - first, :, place] = person
    if not found.any():
        raise ValueError(f"no joint in it was found. {NOT_FOUND}")
    return found


def _person(entry: Mapping[str, ArrayLike]) -> NDArray[np.float32]:
    """(3, 18) of one person in one frame."""
    pose, score = np.array(entry["pose"], np.float32), np.array(entry["score"], np.float32)
    if pose.shape != (2 * JOINTS,) or score.shape != (JOINTS,):
        raise ValueError(f"a person has {2 * JOINTS} coordinates and {JOINTS} scores, not {pose.shape}, {score.shape}.")
    return rescaled(np.stack([pose[0::2], pose[1::2], score], 1), SHARES).T


def _entries(folder: Path, listed: Path | None, skipped: Skipped) -> list[tuple[Path, int, str]]:
    """(file, class index, class name) of each clip: of those in the list of labels, else from the files themselves."""
    what = "a Kinetics-Skeleton JSON file"
    entries: list[tuple[Path, Any]] = [(path, None) for path in sorted(folder.glob("*.json"))]
    if listed is not None:
        what = "an entry of the list of labels"
        with parse_errors(listed, "a list of labels"):
            entries = [(folder / f"{clip}.json", entry) for clip, entry in sorted(read_json(listed).items())]
    found = []
    for path, entry in entries:
        try:
            with parse_errors(path, what):
                if listed is None:
                    entry = read_json(path)
                    if not isinstance(entry["data"], list):
                        raise ValueError("'data' is no list of frames")
                elif not entry["has_skeleton"]:
                    raise ValueError("no skeleton was found in this clip")
                elif path.parent != folder or not path.is_file():
                    raise ValueError("in the list of labels, but there is no such file")
                found.append((path, *_label(entry)))
        except (ValueError, OSError) as error:
            skipped.add(path, error)
    return found


def _label(entry: Mapping[str, object]) -> tuple[int, str]:
    index, name = _whole(entry["label_index"]), entry["label"]
    if not 0 <= index < MOST_CLASSES or not isinstance(name, str):
        raise ValueError(f"{name!r} with index {index} is no class")
    return index, name


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r} is no whole number")
    return value
