"""Reader of held poses: the `BodyPose_Dataset.csv` of pose-classification-kit (Arthur Findelair), 20 classes.

A row is a frame of one person by OpenPose: the class, the sum of the joints' scores, and x, y of 25 joints, centered on
the person, divided by its size, y upwards, and 0, 0 where a joint was not found. Rows follow each other in time, but
neither recordings nor people are named. So a recording is taken to end where joints jump: neighboring frames are nearly
the same picture, and folds that part them measure memory.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from co_perception.data.parsing import Skipped, parse_errors, read_bounded
from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import SkeletonSequence

JOINTS = 25
COLUMNS = 2 + 2 * JOINTS
FARTHEST = 1e6  # heights of a body: more is damage, and overflows where it is squared
HELD_HZ = 15.0  # no frame tells its time, and none is needed: the poses are held
JUMP = 0.08  # mean distance of joints from one row to the next, where a body is about 1 high

Array = NDArray[np.float32]


def held_poses(path: Path | str, jump: float = JUMP) -> tuple[Samples, Skipped]:
    """One sample for each stretch of frames without a jump.

    A sample is a `SkeletonSequence` (3, T, 25, 1) of unknown rate in the layout body25, y downwards, score 1 for joints
    that were found. Its group is the stretch itself.

    Args:
        path: the file.
        jump: mean distance of joints, in heights of a body, beyond which a new stretch begins.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for a file of other columns, or where no row can be read.
    """
    path, skipped = Path(path), Skipped()
    with parse_errors(path, "pose-classification-kit's table"), np.errstate(over="ignore"):
        labels, points = _rows(path, skipped)
    skipped.require(labels, path, "Is it another file than BodyPose_Dataset.csv?")
    classes = sorted(set(labels))
    items = []
    for start, end in _stretches(labels, points, jump):
        name = f"{labels[start]} {start}"
        found = points[start:end].any(-1, keepdims=True).astype(np.float32)
        joints = np.concatenate([points[start:end] * np.array([1, -1], np.float32), found], -1)
        clip = SkeletonSequence(np.ascontiguousarray(joints.transpose(2, 0, 1)[..., None]), "body25", HELD_HZ)
        items.append(Sample(clip, classes.index(labels[start]), group=name, source=name))
    return Samples(items, classes), skipped


def _rows(path: Path, skipped: Skipped) -> tuple[list[str], Array]:
    """Class and joints (rows, 25, 2) of each row."""
    labels, points = list[str](), list[Array]()
    reader = csv.reader(io.StringIO(read_bounded(path).decode("utf-8"), newline=""))
    header = next(reader, [])
    if len(header) != COLUMNS or header[:3] != ["label", "accuracy", "x0"]:
        raise ValueError(f"it has other columns than label, accuracy, x0, y0 ... x24, y24: {header[:5]} ...")
    for row in reader:
        try:
            numbers = np.array([float(cell) for cell in row[2:]], np.float32)
        except ValueError as error:
            skipped.add(f"{path}:{reader.line_num}", error)
            continue
        if len(row) != COLUMNS or not (np.abs(numbers) < FARTHEST).all():
            skipped.add(f"{path}:{reader.line_num}", f"expected {COLUMNS} finite cells")
            continue
        labels.append(row[0])
        points.append(numbers.reshape(JOINTS, 2))
    return labels, np.stack(points) if points else np.zeros((0, JOINTS, 2), np.float32)


def _stretches(labels: list[str], points: Array, jump: float) -> Iterator[tuple[int, int]]:
    """(start, end) of rows of one class without a jump between neighbors."""
    start = 0
    for row in range(1, len(labels) + 1):
        ended = row == len(labels) or labels[row] != labels[start]
        if ended or np.linalg.norm(points[row] - points[row - 1], axis=-1).mean() > jump:
            yield start, row
            start = row
