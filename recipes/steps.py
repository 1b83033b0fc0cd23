"""Recipe: left and right steps of one person in one video (StreamPoseML), a check of segmentation and nothing else.

    python -m recipes.steps

MoveNet finds the joints; `costgcn_short` is trained on the first three steps and tested on the last three. It fails:
fewer frames are right than with the commoner label throughout. Left and right alternate while the person walks away, so
that three steps teach where the person stood rather than which foot moved. Six steps of one person show nothing about
others in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from co_perception.data.annotations.intervals import Interval, label_at
from co_perception.data.samples import Sample, Samples
from co_perception.data.video import VideoReader
from co_perception.engine.data import Image, SkeletonSequence
from co_perception.engine.time import on_grid
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.pose.movenet import MoveNet
from co_perception.runtime.store.store import locate
from co_perception.training.augment import SkeletonAugment
from co_perception.training.config import TrainConfig
from recipes.poses import both_sides
from recipes.readers.stream_pose_ml import step_intervals
from recipes.report import Report, accuracy, arguments

CLASSES = ("Left Step", "Right Step")
RATE_HZ, WINDOW = 15.0, 16
AUGMENT = SkeletonAugment(rotation=5, scale=0.1, time_warp=0.2, joint_dropout=0.1, flicker=0.1, jitter=0.01)
TRAIN = TrainConfig(
    epochs=40, batch_size=16, lr=3e-3, weight_decay=1e-2, warmup=0.15, label_smoothing=0.1, precision="bf16-mixed"
)


def main() -> None:
    """Find joints, train, compare, print."""
    arguments(__doc__ or "")
    report = Report("steps", "six steps of one person in one video: a check of segmentation only")
    steps = step_intervals(locate("stream_pose_labels"), CLASSES)
    joints, stamps_ns = poses()
    windows = labeled(joints, stamps_ns, steps)
    border_ns = steps[2].end_ns
    centers = stamps_ns[WINDOW // 2 : len(stamps_ns) - WINDOW // 2 + 1]
    annotated = [number for number, item in enumerate(windows) if item is not None]
    # Training windows end before any test window begins.
    train = [windows[n] for n in annotated if stamps_ns[n + WINDOW - 1] < border_ns]
    tested = [n for n in annotated if stamps_ns[n] >= border_ns]
    learner = ContinualSkeletonLearner("costgcn_short", classes=CLASSES, augment=AUGMENT)
    learner.fit(both_sides(Samples([item for item in train if item], CLASSES)), config=TRAIN)
    test = [item for n in tested if (item := windows[n])]
    found = [int(answer.data) for answer in learner.infer([item.read() for item in test])]
    wanted = [item.label for item in test]
    report.add("frames that are right", accuracy(found, wanted))
    report.add("frames of the commoner class", float(max(np.mean(wanted), 1 - np.mean(wanted))))
    report.add("steps found, IoU 0.5", overlap_share(found, wanted))
    report.note("seconds tested", [round(float(centers[n]) / 1e9, 2) for n in (tested[0], tested[-1])])
    report.close()


def poses() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Joints (3, T, 17, 1) of the most confident person at 15 Hz, and the stamps (T,) in ns since the start."""
    estimator, joints, stamps = MoveNet(), [], []
    with VideoReader(str(locate("stream_pose_video"))) as video:
        for frame in video:
            people = estimator.estimate(Image(frame.pixels))
            joints.append(people[0].data if people else np.zeros((17, 3), np.float32))
            stamps.append(round(frame.time_s * 1e9))
    [chosen] = on_grid(np.array(stamps), RATE_HZ, max_gap_s=1.0)
    return np.stack(joints)[chosen].transpose(2, 0, 1)[..., None], np.array(stamps)[chosen]


def labeled(
    joints: NDArray[np.float32], stamps_ns: NDArray[np.int64], steps: Sequence[Interval]
) -> list[Sample | None]:
    """Every window of 16 frames with the label of its middle; None where that is not annotated."""
    found: list[Sample | None] = []
    for start in range(len(stamps_ns) - WINDOW + 1):
        label = label_at(steps, int(stamps_ns[start + WINDOW // 2]))
        clip = SkeletonSequence(np.ascontiguousarray(joints[:, start : start + WINDOW]), "coco17", RATE_HZ)
        found.append(None if label is None else Sample(clip, CLASSES.index(label), group=str(start)))
    return found


def overlap_share(found: Sequence[int], wanted: Sequence[int]) -> float:
    """Share of the true runs of one label that a found run of it covers with an IoU of 0.5 or more."""
    predicted = runs(found)
    return float(np.mean([any(_iou(one, other) >= 0.5 for other in predicted) for one in runs(wanted)]))


def runs(labels: Sequence[int]) -> list[tuple[int, int, int]]:
    """(label, first, end) of each run of equal labels; the end is not part of it."""
    result, at = [], 0
    for label, members in groupby(labels):
        count = len(list(members))
        result.append((label, at, at + count))
        at += count
    return result


def _iou(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    if one[0] != other[0]:
        return 0.0
    shared = max(0, min(one[2], other[2]) - max(one[1], other[1]))
    return shared / (one[2] - one[1] + other[2] - other[1] - shared)


if __name__ == "__main__":
    main()
