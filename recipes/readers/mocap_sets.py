"""Readers of the data sets of motion capture, in their authors' formats.

UI-PRMD (Vakanski et al., Data 2018), Vicon Physical Action (Theodoridis, UCI Machine Learning Repository), and eight
activities of CMU's motion capture as exponential maps, as in Martinez, Black and Romero, CVPR 2017, arXiv:1705.02445.

All have z upwards or their own axes; takes have a camera's, some metres before the people.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from co_perception.data.parsing import Skipped, read_bounded
from recipes.readers.takes import Floats, Take, gathered, npz_arrays, numbers

UI_PRMD_ACTIONS = (
    "deep squat", "hurdle step", "inline lunge", "side lunge", "sit to stand", "leg raise", "shoulder abduction",
    "shoulder extension", "shoulder rotation", "shoulder scaption",
)  # fmt: skip
UI_PRMD_HZ, VICON_HZ, CMU_HZ = 100 / 3, 200 / 6, 120.0
# Markers of Vicon's Plug-in Gait whose mean is a joint of `takes.JOINTS`.
MARKERS: tuple[tuple[int, ...], ...] = (
    (0, 1, 2, 3), (9,), (16,), (11,), (18,), (13, 14), (20, 21), (23, 25), (24, 26), (28,), (34,), (30,), (36,),
)  # fmt: skip
# Nine segments of Vicon Physical Action; shoulders and hips are not among them.
VICON = (0, None, None, 1, 3, 2, 4, None, None, 5, 7, 6, 8)
VICON_RIGHT_ARM_FIRST, EXCHANGED_ARMS = 8, (0, 1, 2, 4, 3, 6, 5, 7, 8, 9, 10, 11, 12)
AWAY = 4.0  # m, from the camera


def ui_prmd(path: Path) -> tuple[list[Take], Skipped]:
    """Takes of an .npz file: `positions_mm` (N, 117), `sequences` (movement, person, episode, frames); 33.3 Hz."""
    positions, sequences = npz_arrays(path, ["positions_mm", "sequences"])
    markers = _metres(positions, 39)
    joints = np.stack([_mean(markers[:, list(each)]) for each in MARKERS], 1)
    takes, start = list[Take](), 0
    for movement, person, episode, frames in sequences.tolist():
        source = f"movement {movement} person {person} episode {episode}"
        part = _before_camera(joints[start : start + frames])
        takes.append(Take(part, UI_PRMD_HZ, UI_PRMD_ACTIONS[movement - 1], f"s{person}", "ui_prmd", source))
        start += frames
    return takes, Skipped()


def vicon_physical(path: Path) -> tuple[list[Take], Skipped]:
    """Takes of an .npz file: `positions_mm` (N, 27), `names` and `sequences` (person, frames); 33.3 Hz.

    Shoulders and hips are unknown (NaN). A worse take of an action, so named, is one of the action. Person 8 has the
    right arm first: in all of their takes the arms lie on the other side than the legs.
    """
    positions, names, sequences = npz_arrays(path, ["positions_mm", "names", "sequences"])
    segments = _metres(positions, 9)
    joints = np.full((len(segments), len(VICON), 3), np.nan)
    for joint, segment in enumerate(VICON):
        if segment is not None:
            joints[:, joint] = segments[:, segment]
    takes, start = list[Take](), 0
    for name, (person, frames) in zip(names.tolist(), sequences.tolist(), strict=True):
        part = _before_camera(joints[start : start + frames])
        action = str(name).rpartition("/")[2].partition("  [")[0]  # "Running  [worse]": another take of it
        part = part[:, EXCHANGED_ARMS] if person == VICON_RIGHT_ARM_FIRST else part
        takes.append(Take(part, VICON_HZ, action, f"s{person}", "vicon_physical", f"{name} {person}"))
        start += frames
    return takes, Skipped()


def _metres(positions: np.ndarray, count: int) -> Floats:
    """(N, count, 3) in m of rows in mm; a marker at 0, 0, 0 was lost."""
    points = positions.reshape(-1, count, 3).astype(np.float64)
    return np.where(points.any(-1, keepdims=True), points / 1e3, np.nan)


def _mean(markers: Floats) -> Floats:
    """Mean of the markers (N, markers, 3) that are known."""
    known = np.isfinite(markers).all(-1, keepdims=True)
    count = known.sum(1)
    return np.where(count > 0, np.where(known, markers, 0).sum(1) / np.maximum(count, 1), np.nan)


def _before_camera(joints: Floats) -> np.ndarray:
    """Joints with z upwards as a camera sees them that looks along their y, from some metres."""
    x, y, z = np.moveaxis(joints - np.nanmean(joints, (0, 1)), -1, 0)
    return np.stack([x, -z, y + AWAY], -1).astype(np.float32)


# Bones of CMU's skeleton as in the exponential maps: parent, and offset from it in CMU's own unit.
_PARENTS = (-1, 0, 1, 2, 3, 4, 5, 0, 7, 8, 9, 10, 11, 0, 13, 14, 15, 16, 17, 18, 15, 20, 21, 22, 23, 24, 25, 23, 27, 15,
            29, 30, 31, 32, 33, 34, 32, 36)  # fmt: skip
_OFFSETS = (
    (0, 0, 0), (0, 0, 0), (1.65674, -1.80282, 0.62477), (2.59720, -7.13576, 0), (2.49236, -6.84770, 0),
    (0.19704, -0.54136, 2.14581), (0, 0, 1.11249), (0, 0, 0), (-1.61070, -1.80282, 0.62476), (-2.59502, -7.12977, 0),
    (-2.46780, -6.78024, 0), (-0.23024, -0.63258, 2.13368), (0, 0, 1.11569), (0, 0, 0), (0.01961, 2.05450, -0.14112),
    (0.01021, 2.06436, -0.05921), (0, 0, 0), (0.00713, 1.56711, 0.14968), (0.03429, 1.56041, -0.10006),
    (0.01305, 1.62560, -0.05265), (0, 0, 0), (3.54205, 0.90436, -0.17364), (4.86513, 0, 0), (3.35554, 0, 0),
    (0, 0, 0), (0.66117, 0, 0), (0.53306, 0, 0), (0, 0, 0), (0.54120, 0, 0.54120), (0, 0, 0),
    (-3.49802, 0.75994, -0.32616), (-5.02649, 0, 0), (-3.36431, 0, 0), (0, 0, 0), (-0.73041, 0, 0),
    (-0.58887, 0, 0), (0, 0, 0), (-0.59786, 0, 0.59786),
)  # fmt: skip
_UNIT = 0.0254 / 0.45  # m, as CMU's files say
_CMU = (18, 21, 30, 22, 31, 23, 32, 2, 8, 3, 9, 4, 10)


def cmu_mocap(folder: Path) -> tuple[list[Take], Skipped]:
    """Takes of `ACTIVITY_N.txt`: 117 numbers a row, the root's place and 38 rotations as exponential maps; 120 Hz.

    The rotations become joints by forward kinematics; the root's own rotation is included, so people turn. People have
    no names.
    """

    def read(path: Path) -> Take:
        found = re.fullmatch(r"([a-z]+(?:_[a-z]+)*)_\d+", path.stem)
        if found is None:
            raise ValueError("expected a name like walking_1.txt")
        rows = numbers(read_bounded(path).decode("utf-8"), 117, ",")
        points = places(rows)[:, _CMU] * _UNIT
        middle = points.mean((0, 1))
        # y upwards, the body's left along x: a turn about z by half a circle gives y downwards.
        joints = (points - middle) * [-1.0, -1.0, 1.0] + [0.0, 0.0, AWAY]
        person = f"{path.parent.parent.name}/{path.stem}"
        return Take(joints.astype(np.float32), CMU_HZ, found[1], person, "cmu_mocap", f"{person}.txt")

    return gathered(folder.rglob("*_[0-9]*.txt"), read, "The folders train and test have one per activity.", folder)


def places(rows: Floats) -> Floats:
    """(T, 38, 3) places of CMU's joints, in the units of the offsets, from rows (T, 117)."""
    turns = rotations(rows[:, 3:].reshape(len(rows), len(_PARENTS), 3))
    place: list[Floats] = []
    turned: list[Floats] = []
    for bone, parent in enumerate(_PARENTS):
        if parent < 0:
            place.append(np.zeros((len(rows), 3)))
            turned.append(turns[:, bone])
        else:
            place.append(place[parent] + np.einsum("j,tjk->tk", np.array(_OFFSETS[bone]), turned[parent]))
            turned.append(turns[:, bone] @ turned[parent])
    return np.stack(place, 1)


def rotations(maps: Floats | Sequence[float]) -> Floats:
    """Rotation matrices (..., 3, 3) of exponential maps (..., 3), by Rodrigues' formula."""
    vectors = np.asarray(maps, np.float64)
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    axis = vectors / np.maximum(angle[..., 0], 1e-12)
    x, y, z = np.moveaxis(axis, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
