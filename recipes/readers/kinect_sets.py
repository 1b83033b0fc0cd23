"""Readers of the data sets that a Kinect recorded, in their authors' formats.

UTD-MHAD (Chen, Jafari and Kehtarnavaz, ICIP 2015), Kinder-Gator (Aloba et al., Eurographics 2018), UTKinect-Action3D
(Xia, Chen and Aggarwal, CVPR Workshops 2012), Northwestern-UCLA (Wang et al., CVPR 2014), MSR Action3D (Li, Zhang and
Liu, CVPR Workshops 2010), SBU Kinect Interaction (Yun et al., CVPR Workshops 2012).

The Kinect's x runs to the left of the picture and its y upwards. MSR Action3D has x to the right.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from co_perception.data.parsing import Skipped, read_bounded
from recipes.readers.takes import Floats, Take, evenly, gathered, mat_arrays, numbers

RATE_HZ = 30.0
# Numbers of `takes.JOINTS` in the order of Kinect SDK 1, of UTD-MHAD, of MSR Action3D and of SBU.
KINECT = (3, 4, 8, 5, 9, 6, 10, 12, 16, 13, 17, 14, 18)
UTD = (0, 4, 8, 5, 9, 6, 10, 12, 16, 13, 17, 14, 18)
MSR = (19, 1, 0, 8, 7, 10, 9, 5, 4, 14, 13, 16, 15)
SBU = (0, 3, 6, 4, 7, 5, 8, 9, 12, 10, 13, 11, 14)
TO_OPTICAL = np.array([-1.0, -1.0, 1.0])

UTD_ACTIONS = (
    "swipe left", "swipe right", "wave", "clap", "throw", "arm cross", "basketball shoot", "draw x", "circle clockwise",
    "circle counter-clockwise", "triangle", "bowling", "boxing", "baseball swing", "tennis swing", "arm curl",
    "tennis serve", "push", "knock", "catch", "pick up and throw", "jog", "walk", "sit to stand", "stand to sit",
    "lunge", "squat",
)  # fmt: skip
NW_UCLA_ACTIONS = {
    1: "pick up with one hand", 2: "pick up with two hands", 3: "drop trash", 4: "walk", 5: "sit down", 6: "stand up",
    8: "donning", 9: "doffing", 11: "throw", 12: "carry",
}  # fmt: skip
MSR_ACTIONS = (
    "high arm wave", "horizontal arm wave", "hammer", "hand catch", "forward punch", "high throw", "draw x", "tick",
    "circle", "hand clap", "two hand wave", "side boxing", "bend", "forward kick", "side kick", "jogging",
    "tennis swing", "tennis serve", "golf swing", "pick up and throw",
)  # fmt: skip
SBU_ACTIONS = ("approach", "depart", "kick", "push", "shake hands", "hug", "exchange", "punch")
# Steps of the walks are 0.9 to 1.1 s long if NW-UCLA has 15 frames per second, and half of that at 30; MSR likewise.
UTKINECT_COUNT_HZ = 60.0
NW_UCLA_HZ, MSR_HZ, SBU_HZ = 15.0, 15.0, 15.0


def utd_mhad(folder: Path) -> tuple[list[Take], Skipped]:
    """Takes of `aA_sS_tT_skeleton.mat`, `d_skel` (20, 3, T) in m, about 30 Hz."""

    def read(path: Path) -> Take:
        action, person = _named(path, r"a(\d+)_s(\d+)_t\d+_skeleton")
        joints = mat_arrays(path, ["d_skel"])[0].transpose(2, 0, 1)[:, UTD] * TO_OPTICAL
        return Take(joints.astype(np.float32), RATE_HZ, UTD_ACTIONS[action - 1], f"s{person}", "utd_mhad", path.name)

    return gathered(folder.rglob("a*_skeleton.mat"), read, "UTD-MHAD's folder is called Skeleton.", folder)


def kinder_gator(folder: Path) -> tuple[list[Take], Skipped]:
    """Takes of `POSE-pID_NN-Action-time.csv`: milliseconds, 20 joints x, y, z in m.

    The numbers NN differ from person to person, so the action is what the name says.
    """

    def read(path: Path) -> Take:
        found = re.fullmatch(r"POSE-p(\d+)_\d+-(.+?)-*-\d+", path.stem)
        if found is None:
            raise ValueError("expected a name like POSE-p565_01-Raise-your-hand-1444944061.csv")
        rows = list(csv.reader(read_bounded(path).decode("utf-8").splitlines()))[1:]
        values = np.array([[float(cell) for cell in row[:61]] for row in rows])
        joints = values[:, 1:].reshape(-1, 20, 3)[:, KINECT] * TO_OPTICAL
        even = evenly(joints, values[:, 0] / 1e3, RATE_HZ)
        return Take(even, RATE_HZ, found[2].replace("-", " "), f"p{found[1]}", "kinder_gator", path.name)

    return gathered(folder.rglob("POSE-p*.csv"), read, "Kinder-Gator's adults lie in Adults.", folder)


def utkinect(folder: Path) -> tuple[list[Take], Skipped]:
    """Takes of `joints_sSS_eEE.txt` (frame number, 20 joints x, y, z in m), cut as `actionLabel.txt` says.

    Frame numbers go up by two per frame of 30 Hz: all are even, and at 60 a second the rows come about 15 times a
    second, as the authors say, and people walk, sit down and throw as fast as elsewhere. Frames are missing and some
    rows occur twice.
    """
    labels = next(iter(sorted(folder.rglob("actionLabel.txt"))), None)
    if labels is None:
        raise ValueError(f"there is no actionLabel.txt in {folder}: it says what is done when")
    intervals = dict(_utkinect_intervals(labels.read_text("utf-8")))

    def read(path: Path) -> list[Take]:
        rows = np.array([line.split()[:61] for line in path.read_text("utf-8").splitlines() if line.strip()], float)
        name = path.stem.removeprefix("joints_")
        takes = []
        for action, first, last in intervals.get(name, []):
            part = rows[(rows[:, 0] >= first) & (rows[:, 0] <= last)]
            if len(np.unique(part[:, 0])) >= 4:
                joints = part[:, 1:].reshape(-1, 20, 3)[:, KINECT] * TO_OPTICAL
                even = evenly(joints, part[:, 0] / UTKINECT_COUNT_HZ, RATE_HZ)
                takes.append(Take(even, RATE_HZ, action, name[:3], "utkinect", f"{path.name} {action}"))
        return takes

    return gathered(folder.rglob("joints_s*_e*.txt"), read, "UTKinect's folder is called joints.", folder)


def _utkinect_intervals(text: str) -> Iterator[tuple[str, list[tuple[str, int, int]]]]:
    """(recording, [(action, first frame, last frame)]); intervals of NaN are left out."""
    for block in re.split(r"^(?=s\d+_e\d+)", text, flags=re.MULTILINE):
        name, *lines = block.split("\n")
        found = [re.fullmatch(r"(\w+):\s+(\d+)\s+(\d+)", line.strip()) for line in lines]
        if name.strip():
            yield name.strip(), [(match[1], int(match[2]), int(match[3])) for match in found if match]


def nw_ucla(folder: Path) -> tuple[list[Take], Skipped]:
    """Takes of `aAA_sSS_eEE_vVV.json`, `skeletons` [T][20][3] in m."""

    def read(path: Path) -> Take:
        action, person = _named(path, r"a(\d+)_s(\d+)_e\d+_v\d+")
        frames = np.array(json.loads(read_bounded(path))["skeletons"], float)
        joints = (frames[:, KINECT] * TO_OPTICAL).astype(np.float32)
        return Take(joints, NW_UCLA_HZ, NW_UCLA_ACTIONS[action], f"s{person}", "nw_ucla", path.name)

    return gathered(folder.rglob("a*_s*_e*_v*.json"), read, "NW-UCLA's skeletons lie in all_sqe.", folder)


def msr_action3d(folder: Path) -> tuple[list[Take], Skipped]:
    """Takes of `aAA_sSS_eEE_skeleton3D.txt`: x, y, z in m and confidence, 20 rows a frame."""

    def read(path: Path) -> Take:
        action, person = _named(path, r"a(\d+)_s(\d+)_e\d+_skeleton3D")
        frames = numbers(path.read_text("utf-8"), 4).reshape(-1, 20, 4)[:, MSR, :3]
        if not frames.any():
            raise ValueError("all joints are 0")
        joints = np.where(frames.any(-1, keepdims=True), frames * [1.0, -1.0, 1.0], np.nan).astype(np.float32)
        return Take(joints, MSR_HZ, MSR_ACTIONS[action - 1], f"s{person}", "msr_action3d", path.name)

    return gathered(folder.rglob("a*_skeleton3D.txt"), read, "MSR Action3D in real world coordinates is meant.", folder)


def sbu(folder: Path) -> tuple[list[Take], Skipped]:
    """Takes of `sAAsBB/CC/NNN/skeleton_pos.txt`: frame, two people of 15 joints, shares of the picture, depth.

    A take is the picture of one of the two, (T, 13, 2), with the aspect of 4 : 3 undone; its source ends in the place
    of the person, 0 or 1.
    """

    def read(path: Path) -> list[Take]:
        pair, kind = path.parts[-4], int(path.parts[-3])
        frames = numbers(path.read_text("utf-8"), 91, ",")[:, 1:].reshape(-1, 2, 15, 3)
        people, found = re.fullmatch(r"(s\d+)(s\d+)", pair), []
        if people is None:
            raise ValueError(f"expected a folder like s01s02, got {pair}")
        for place in (0, 1):
            joints = _sbu_picture(frames[:, place, SBU])
            source = f"{'/'.join(path.parts[-4:-1])} {place}"
            found.append(Take(joints, SBU_HZ, SBU_ACTIONS[kind - 1], people[place + 1], "sbu", source))
        return found

    return gathered(folder.rglob("skeleton_pos.txt"), read, "SBU's clean version has folders like s01s02.", folder)


def _sbu_picture(joints: Floats) -> np.ndarray:
    return (joints[..., :2] * [4 / 3, 1.0]).astype(np.float32)


def _named(path: Path, pattern: str) -> tuple[int, int]:
    """The number of the action and of the person in a file's name."""
    found = re.fullmatch(pattern, path.stem)
    if found is None:
        raise ValueError(f"expected a name like {pattern}")
    return int(found[1]), int(found[2])
