"""Reader of NTU RGB+D and NTU RGB+D 120: skeletons of a Kinect v2 as `.skeleton` text files, and published splits.

Shahroudy et al., CVPR 2016, arXiv:1604.02808 (60 actions); Liu et al., TPAMI 2020, arXiv:1905.04757 (120). A file holds
the number of frames; for each frame the number of bodies; for each body a line of 10 numbers that begins with its id,
the number of joints, and a line of 12 numbers for each joint: x, y, z in metres, two pairs of pixels, a rotation, and
the tracking state.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from co_perception.data.parsing import NOT_FOUND, Skipped, parse_errors, read_bounded
from co_perception.data.samples import Sample, Samples
from co_perception.engine.coordinates import KINECT
from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import labels

RATE_HZ = 30.0
JOINTS, BODY_NUMBERS, JOINT_NUMBERS = 25, 10, 12
MOST_PLACES = 100  # people in turn, each of whom comes back; one file of the data set has a few
MOST_BODIES, LONGEST = 6, 20_000  # a Kinect sees six people; the data set's files have 300 frames at most
SCORES = np.array([0.0, 0.5, 1.0], np.float32)  # not tracked, inferred, tracked

Array = NDArray[np.float32]
Split = Literal["xsub60", "xview60", "xsub120", "xset120"]


class NtuName(NamedTuple):
    """The fields of a name SsssCcccPpppRrrrAaaa, each counted from 1."""

    setup: int
    camera: int
    performer: int
    replication: int
    action: int

    @classmethod
    def find(cls, text: str) -> NtuName | None:
        """The last such name in a path or a source; None where there is none."""
        found = re.findall(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})", text)
        return cls(*map(int, found[-1])) if found else None

    @property
    def subject(self) -> str:
        return f"P{self.performer:03}"

    @property
    def performance(self) -> str:
        """The name without the camera: three cameras saw the same performance, and folds must not part them."""
        return f"S{self.setup:03}P{self.performer:03}R{self.replication:03}A{self.action:03}"


def ntu_samples(folder: Path | str, missing: Path | str | None = None, bodies: int = 2) -> tuple[Samples, Skipped]:
    """All `.skeleton` files under a folder and its subfolders; each is parsed when its sample is read.

    The classes are `ntu60` where no action is above 60, else `ntu120`. A sample's group is its performance (all three
    cameras), its subject the performer. `missing` is the published list of samples with missing skeletons, a text file
    with a name on each line; `bodies` as in `read_skeleton_file`. Raises FileNotFoundError without the folder, and
    ValueError where no sample can be read.
    """
    folder, skipped, found = Path(folder), Skipped(), list[tuple[Path, NtuName]]()
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}.")
    listed = set(re.findall(r"S\d{3}C\d{3}P\d{3}R\d{3}A\d{3}", Path(missing).read_text("utf-8"))) if missing else set()
    for path in sorted(folder.rglob("*.skeleton")):
        name = NtuName.find(path.name)
        if wrong := _unfit(path, name, listed):
            skipped.add(path, wrong)
        elif name:
            found.append((path, name))
    skipped.require(found, folder, "It holds files such as S001C002P003R002A013.skeleton: unpack the archive first.")
    classes = labels("ntu60" if max(name.action for _, name in found) <= 60 else "ntu120")
    samples = (
        Sample(partial(read_skeleton_file, path, bodies), name.action - 1, name.subject, name.performance, str(path))
        for path, name in found
    )
    return Samples(samples, classes), skipped


def ntu_split(samples: Samples, split: Split) -> tuple[Samples, Samples]:
    """(train, test) of a published benchmark, for any samples with NTU names in their sources.

    "xsub60" and "xsub120" split by performer; "xview60": cameras 2 and 3 train; "xset120": setups with even numbers
    train. Raises ValueError for another split, or a source without a name.
    """
    if split not in SPLITS:
        raise ValueError(f"the published splits are {', '.join(SPLITS)}; got {split!r}.")
    names = [NtuName.find(item.source) for item in samples.items]
    if None in names:
        odd = samples.items[names.index(None)].source
        raise ValueError(f"published splits go by names such as S001C002P003R002A013, and {odd!r} has none.")
    trains = [name is not None and SPLITS[split](name) for name in names]
    chosen_items = list(zip(samples.items, trains, strict=True))
    train, test = ([item for item, chosen in chosen_items if chosen is part] for part in (True, False))
    return Samples(train, samples.classes), Samples(test, samples.classes)


def read_skeleton_file(path: Path | str, bodies: int = 2) -> SkeletonSequence:
    """One clip: (4, T, 25, bodies) of x, y, z [m] and score at 30 Hz; an absent body is zeros.

    Score: 1 for a tracked joint, 0.5 for one the Kinect inferred; one it did not track, or that is not a number, is
    zeros. The Kinect gives a person it lost a new id, so ids take places: each new one the first place whose last
    owner does not appear again. The result has the `bodies` places with the greatest variance, the greatest first,
    which is the authors' own rule (the variances of x, y and z over all joints and frames, added up). Their further
    rules against chairs that look like people are not applied.

    Raises ValueError for a file that is cut off, damaged, or has no person in it, and OSError where it cannot be read.
    """
    with parse_errors(path, "an NTU .skeleton file"), np.errstate(over="ignore"):  # too large: inf
        frames = _parse(read_bounded(Path(path)).decode("ascii").split())
        places = _places(frames)
        if not places:
            raise ValueError("there is nobody in it. The published list of missing skeletons names such files.")
        found = np.zeros((4, len(frames), JOINTS, bodies), np.float32)
        for number, place in enumerate(sorted(places, key=_spread, reverse=True)[:bodies]):
            found[..., number][:, list(place)] = _joints(place).transpose(2, 0, 1)
        if not found[-1].any():
            raise ValueError(f"no joint in it was found. {NOT_FOUND}")
        return SkeletonSequence(found, layout="ntu25", rate_hz=RATE_HZ, coordinates=KINECT)


Bodies = dict[str, Array]  # body id -> (25, 12) numbers, of one frame
Place = dict[int, Array]  # frame number -> (25, 12) numbers


def _parse(words: Sequence[str]) -> list[Bodies]:
    """The bodies of each frame."""
    frames, at = list[Bodies](), 1
    for _ in range(_count(words, 0, "frames", LONGEST)):
        bodies, at, frame = _count(words, at, "bodies", MOST_BODIES), at + 1, Bodies()
        for _ in range(bodies):
            if (joints := _count(words, at + BODY_NUMBERS, "joints", JOINTS)) != JOINTS:
                raise ValueError(f"a Kinect v2 has {JOINTS} joints, one body here has {joints}.")
            start, stop = at + BODY_NUMBERS + 1, at + BODY_NUMBERS + 1 + JOINTS * JOINT_NUMBERS
            if stop > len(words):
                raise ValueError(f"cut off in frame {len(frames)}. Unpack or fetch it again.")
            if words[at] in frame:
                raise ValueError(f"body {words[at][:20]} is twice in frame {len(frames)}.")
            frame[words[at]] = np.array(words[start:stop], np.float32).reshape(JOINTS, JOINT_NUMBERS)
            at = stop
        frames.append(frame)
    if at != len(words):
        raise ValueError(f"{len(words) - at} numbers follow the {len(frames)} frames it declares.")
    return frames


def _count(words: Sequence[str], at: int, what: str, most: int) -> int:
    if at >= len(words):
        raise ValueError(f"cut off where a number of {what} should stand. Unpack or fetch it again.")
    if not words[at].isdecimal() or len(words[at]) > 9 or int(words[at]) > most:
        raise ValueError(f"{words[at][:20]!r} is no number of {what}: at most {most} are expected.")
    return int(words[at])


def _places(frames: Sequence[Bodies]) -> list[Place]:
    """Bodies by place: an id has one place, a new id takes the first whose owner does not appear again."""
    last = {body: number for number, frame in enumerate(frames) for body in frame}
    place_of, owners, places = dict[str, int](), list[str](), list[Place]()
    for number, frame in enumerate(frames):
        for body, joints in frame.items():
            if body not in place_of:
                free = next((i for i, owner in enumerate(owners) if last[owner] < number), len(owners))
                if free == MOST_PLACES:
                    raise ValueError(f"more than {MOST_PLACES} people come and come back, which no such file has.")
                owners[free : free + 1] = [body]
                places += [Place()] if free == len(places) else []
                place_of[body] = free
            places[place_of[body]][number] = joints
    return places


def _joints(place: Place) -> Array:
    """(n, 25, 4) of the frames in which a body has this place."""
    numbers = np.stack(list(place.values()))  # (n, 25, 12)
    state = np.clip(np.nan_to_num(numbers[..., 11]), 0, 2).astype(int)
    values = np.concatenate([numbers[..., :3], SCORES[state][..., None]], axis=-1)
    values[(state == 0) | ~np.isfinite(values).all(-1)] = 0
    return values


def _spread(place: Place) -> float:
    """Variance of x, y and z over the joints and frames in which the body is visible, added up."""
    joints = _joints(place)
    visible = joints[joints[..., 3] > 0, :3].astype(np.float64)
    return float(visible.var(axis=0).sum()) if visible.size else 0.0


def _unfit(path: Path, name: NtuName | None, listed: Iterable[str]) -> str | None:
    """Why a file is left out, by its name and its first bytes; None where it looks sound."""
    if name is None or not 1 <= name.action <= 120:
        return "its name is not SsssCcccPpppRrrrAaaa with an action of 1 to 120"
    if path.stem in listed:
        return "listed among the samples with missing skeletons"
    try:
        with path.open("rb") as file:
            first = file.readline(32).strip()
    except OSError as error:
        return str(error)
    return None if first.isdigit() and int(first) > 0 else "it declares no frames"


_TRAIN_60 = frozenset([1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38])
_TRAIN_120 = _TRAIN_60 | frozenset(
    [45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85, 86]
    + [89, 91, 92, 93, 94, 95, 97, 98, 100, 103]
)
SPLITS: dict[str, Callable[[NtuName], bool]] = {
    "xsub60": lambda name: name.performer in _TRAIN_60,
    "xview60": lambda name: name.camera in (2, 3),
    "xsub120": lambda name: name.performer in _TRAIN_120,
    "xset120": lambda name: name.setup % 2 == 0,
}
