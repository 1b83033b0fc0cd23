"""Recipe: held poses of pose-classification-kit, `costgcn_short` beside random forests on the same windows.

    python -m recipes.poses [--ship]

Five folds; no stretch of frames is in both parts of one. The network and its training are the same in all folds and
were chosen on another partition. --ship trains once more on everything and writes the folder
`co_perception/models/costgcn_short_poses`.
"""

from __future__ import annotations

import numpy as np

from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import SkeletonSequence
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.runtime.store.store import locate
from co_perception.skeletons.layouts import layout
from co_perception.training.augment import SkeletonAugment, mirrored, mirrored_label
from co_perception.training.config import TrainConfig
from recipes.forest import frame_forest, window_forest
from recipes.readers.pose_classification_kit import held_poses
from recipes.report import MODELS, Report, accuracy, arguments

WINDOW = 16
NAME = "costgcn_short_poses"
# Signals that are given with one arm: their mirror image is another signal, or none.
ONE_SIDED = ("MilitarySalute", "Traffic_FrontStop", "Traffic_BackStop", "Traffic_BackFrontStop")
AUGMENT = SkeletonAugment(
    rotation=10, scale=0.15, time_warp=0.3, joint_dropout=0.25, flicker=0.4, frame_dropout=0.05, jitter=0.02
)
# Chosen on folds of seed 1; the figures are of seed 0.
TRAIN = TrainConfig(
    epochs=12, batch_size=16, lr=6e-3, weight_decay=1e-2, warmup=0.15, label_smoothing=0.1, balance=True,
    precision="bf16-mixed", seed=0,
)  # fmt: skip


def main() -> None:
    """Train, compare, print; with --ship write the model."""
    chosen = arguments(__doc__ or "", {"--ship": {"action": "store_true"}})
    stretches, skipped = held_poses(locate("pose_kit_body"))
    print(skipped.report())
    if chosen.folds:
        evaluate(stretches, chosen.folds)
    if chosen.ship:
        learner = trained(stretches)
        learner.save(MODELS / NAME)
        print(f"written: {MODELS / NAME}")


def evaluate(stretches: Samples, folds: int) -> None:
    """Accuracy per window of the network and of the forests, fold by fold."""
    report = Report("poses", "20 held poses, windows of 16 frames, folds grouped by stretch of frames")
    windows = stretches.windows(WINDOW, WINDOW)
    for _, test in list(windows.folds(5, by="group", seed=0))[:folds]:
        train = without_groups(stretches, test)
        clips = [clip for clip, _ in test]
        damaged = [without_joints(clip, 0.2, seed) for seed, clip in enumerate(clips)]
        by_window, by_frame, learner = window_forest(train, WINDOW), frame_forest(train), trained(train)
        for kind, inputs in (("", clips), (", 20 % of joints missing", damaged)):
            report.add(f"random forest on windows{kind}", accuracy(by_window(inputs), test.labels))
            report.add(f"random forest, vote of frames{kind}", accuracy(by_frame(inputs), test.labels))
            report.add(f"costgcn_short{kind}", accuracy([int(a.data) for a in learner.infer(inputs)], test.labels))
    report.close()


def without_groups(stretches: Samples, test: Samples) -> Samples:
    """The stretches of which nothing is in `test`."""
    held_out = {item.group for item in test.items}
    return stretches.filter(lambda item: item.group not in held_out)


def trained(stretches: Samples) -> ContinualSkeletonLearner:
    """The network after its training on these stretches."""
    learner = ContinualSkeletonLearner("costgcn_short", classes=stretches.classes, augment=AUGMENT)
    learner.fit(both_sides(pieces(stretches)), config=TRAIN)
    return learner


def pieces(stretches: Samples, length: int = 24, step: int = 8) -> Samples:
    """Long stretches cut into overlapping pieces, from which training draws windows; short ones whole."""
    long = stretches.filter(lambda item: item.read().data.shape[1] >= length)
    return long.windows(length, step) + stretches.filter(lambda item: item.read().data.shape[1] < length)


def both_sides(samples: Samples) -> Samples:
    """These samples, and their mirror images with the class of the mirrored pose, where there is one."""
    others = mirrored_label(samples.classes)
    images = []
    for item in samples.items:
        other = others[item.label]
        if other is None or samples.classes[item.label] in ONE_SIDED:
            continue
        sequence = item.read()
        joints = mirrored(sequence.data, layout(sequence.layout))
        image = SkeletonSequence(joints, sequence.layout, sequence.rate_hz)
        images.append(Sample(image, other, group=item.group, source=f"{item.source} mirrored"))
    return samples + Samples(images, samples.classes)


def without_joints(clip: SkeletonSequence, share: float, seed: int) -> SkeletonSequence:
    """The clip with a share of its joints lost, in each frame others."""
    retained = np.random.default_rng(seed).random(clip.data.shape[1:]) >= share
    return SkeletonSequence(clip.data * retained, clip.layout, clip.rate_hz)


if __name__ == "__main__":
    main()
