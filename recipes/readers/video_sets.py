"""Readers of the data sets of joints in video, in their authors' formats.

JHMDB (Jhuang et al., ICCV 2013), Penn Action (Zhang, Zhu and Derpanis, ICCV 2013), UP-Fall (Martinez-Villasenor et al.,
Sensors 2019) as joints of MediaPipe, and a table of held poses by OpenPose (lzq's action recognition, Apache-2.0).
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path

import numpy as np

from co_perception.data.parsing import Skipped, parse_errors, read_bounded
from co_perception.runtime.untrusted.unpickle import read_arrays
from co_perception.skeletons.layouts import BLAZEPOSE33, OPENPOSE18
from recipes.readers.takes import JOINTS, Take, gathered, mat_arrays, numbers

JHMDB = (2, 4, 3, 8, 7, 12, 11, 6, 5, 10, 9, 14, 13)  # numbers of `takes.JOINTS` in JHMDB's puppet
PENN = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11)
RATE_HZ = 30.0  # of HMDB51's clips; Penn Action names no rate
UP_FALL_HZ = 18.0  # of its cameras
UP_FALL_ACTIONS = {
    1: "fall forward on hands", 2: "fall forward on knees", 3: "fall backward", 4: "fall sideward",
    5: "fall from a chair",
}  # fmt: skip
LZQ_HZ = 15.0  # its frames are told without times
LZQ_JUMP = 0.03  # of a picture, from one row to the next, where a new stretch begins
UP_FALL_ASPECT = 4 / 3  # of pictures of 640 x 480


def jhmdb(folder: Path, part: str) -> tuple[list[Take], Skipped]:
    """Takes of `GT_PART_1.pkl`, part "train" or "test": `pose` [T, 15, 2] in a picture, `label`.

    Nothing in the pickle is run. People have no names.
    """
    path = next(iter(sorted(folder.rglob(f"GT_{part}_1.pkl"))), folder / f"GT_{part}_1.pkl")
    takes, skipped = list[Take](), Skipped()
    with parse_errors(path, "JHMDB's joints: a dict of pose and label"):
        content = read_arrays(path)
        for number, (pose, label) in enumerate(zip(content["pose"], content["label"], strict=True)):
            source = f"{path.name} {number}"
            try:
                joints = np.asarray(pose, np.float32)[:, JHMDB]
                takes.append(Take(joints, RATE_HZ, str(label), f"{part}{number}", "jhmdb", source))
            except (ValueError, LookupError) as error:
                skipped.add(source, error)
    skipped.require(takes, path, "Is it another file than JHMDB's GT_train_1.pkl?")
    return takes, skipped


def penn_action(folder: Path) -> tuple[list[Take], Skipped]:
    """Takes of `labels/NNNN.mat`: x, y in pixels, visibility, each (T, 13).

    Its left is that of the viewer of a person who faces the camera, also where the person does not (guitarists have
    their "left" shoulder on the left of the picture, bowlers seen from behind on the right), so sides are exchanged.
    """

    def read(path: Path) -> Take:
        x, y, visibility, name = mat_arrays(path, ["x", "y", "visibility", "action"])
        joints = np.stack([x, y], -1).astype(np.float64)
        joints[visibility == 0] = np.nan
        joints = joints[:, PENN]
        return Take(joints.astype(np.float32), RATE_HZ, str(name.ravel()[0]), path.stem, "penn_action", path.name)

    return gathered(folder.rglob("[0-9]*.mat"), read, "Penn Action's joints lie in labels.", folder)


def up_fall(folder: Path) -> tuple[list[Take], Skipped]:
    """Takes of `CcSsAaTt.csv`, in zip files or not: 33 joints x, y, z a row, shares of the picture, and
    whether the person has hit the ground."""
    numbers33 = [BLAZEPOSE33.index(joint) for joint in JOINTS]

    def take(name: str, text: str) -> Take:
        found = re.fullmatch(r"C\d+_?S(\d+)_?A(\d+)_?T\d+", Path(name).stem)
        if found is None:
            raise ValueError("expected a name like C1S1A1T1.csv")
        rows = numbers(text.partition("\n")[2], 100, ",")[:, :99].reshape(-1, 33, 3)[:, numbers33, :2]
        joints = np.where(rows.any(-1, keepdims=True), rows * [UP_FALL_ASPECT, 1.0], np.nan).astype(np.float32)
        return Take(joints, UP_FALL_HZ, UP_FALL_ACTIONS[int(found[2])], f"s{found[1]}", "up_fall", name)

    def read(path: Path) -> Take | list[Take]:
        if path.suffix == ".csv":
            return take(path.name, read_bounded(path).decode("utf-8"))
        with zipfile.ZipFile(path) as archive:
            inside = [name for name in sorted(archive.namelist()) if name.endswith(".csv")]
            return [take(name, archive.read(name).decode("utf-8")) for name in inside if _is_take(name)]

    files = [*folder.rglob("C*.csv"), *folder.rglob("*.zip")]
    return gathered(files, read, "UP-Fall's joints lie in SUBJECT1.zip and so on.", folder)


def _is_take(name: str) -> bool:
    return re.search(r"A[1-5]_?T\d+\.csv$", name) is not None


def lzq_poses(folder: Path) -> tuple[list[Take], Skipped]:
    """Takes of `data.csv`: 18 joints x, y by OpenPose, shares of the picture, 0, 0 for a lost one, and the class.

    A take is a stretch of rows without a jump of the body; the file names neither recordings nor people.
    """
    known = [OPENPOSE18.index(joint) for joint in JOINTS]

    def read(path: Path) -> list[Take]:
        rows = list(csv.reader(io.StringIO(read_bounded(path).decode("utf-8"))))[1:]
        points = np.array([[float(cell) for cell in row[:36]] for row in rows]).reshape(-1, 18, 2)[:, known]
        points[~points.any(-1)] = np.nan
        names = [row[36] for row in rows]
        steps = np.nan_to_num(np.abs(np.diff(points, axis=0)))  # of joints that are known in both rows
        jumps = np.median(steps, axis=(1, 2)) > LZQ_JUMP
        ends = [n + 1 for n in range(len(rows) - 1) if jumps[n] or names[n] != names[n + 1]]
        found = []
        for start, end in zip([0, *ends], [*ends, len(rows)], strict=True):
            if end - start >= 4:
                joints = points[start:end].astype(np.float32)
                found.append(Take(joints, LZQ_HZ, names[start], f"rows{start}", "lzq_poses", f"{path.name} {start}"))
        return found

    return gathered(folder.rglob("data.csv"), read, "The table is called data.csv.", folder)
