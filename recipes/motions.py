"""Recipe: whole-body motions from 15 clips of DeepMimic by simulated cameras, `costgcn_short` beside a random forest.

    python -m recipes.motions [--ship]

One clip per class supports no claim beyond it. What is measured is whether views never seen are recognized: each fold
holds out camera directions, on both sides of the body because examples are mirrored. --ship trains once more on all
directions and writes `co_perception/models/costgcn_short_motions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import SkeletonSequence
from co_perception.learners.preprocess_pose import to_input
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.networks.variants_skeleton import COSTGCN_SHORT
from co_perception.runtime.store.store import locate
from co_perception.skeletons.layouts import COCO17
from co_perception.training.augment import SkeletonAugment
from co_perception.training.config import TrainConfig
from recipes.forest import forest
from recipes.readers import deepmimic
from recipes.readers.deepmimic import Build, Motion, Poses
from recipes.readers.virtual_camera import Camera, Estimator
from recipes.report import MODELS, Report, accuracy, arguments

NAME = "costgcn_short_motions"
CLIPS = (
    "backflip", "cartwheel", "crawl", "dance_a", "dance_b", "getup_facedown", "getup_faceup", "jump", "kick", "punch",
    "roll", "run", "spin", "spinkick", "walk",
)  # fmt: skip
BACKGROUND = "background"
CLASSES = (*CLIPS, BACKGROUND)
RATE_HZ, WINDOW = 15.0, 16
BANDS = 10  # of camera directions, from the front (0 degrees) to the back (180)
PER_CLASS, TESTS = 150, 40
JOINTS = [deepmimic.JOINTS.index(joint) for joint in COCO17.joints]
AUGMENT = SkeletonAugment(rotation=5, scale=0.1, time_warp=0.1, joint_dropout=0.1, mirror=0.5)
TRAIN = TrainConfig(
    epochs=10, batch_size=16, lr=6e-3, weight_decay=1e-2, warmup=0.15, label_smoothing=0.1, precision="bf16-mixed"
)


def main() -> None:
    """Train, compare, print; with --ship write the model."""
    chosen = arguments(__doc__ or "", {"--ship": {"action": "store_true"}})
    if chosen.folds:
        evaluate(chosen.folds)
    if chosen.ship:
        learner = trained(views(range(BANDS), 2 * PER_CLASS, seed=99))
        learner.save(MODELS / NAME)
        print(f"written: {MODELS / NAME}")


def evaluate(folds: int) -> None:
    """Accuracy per window from directions that were not trained on, fold by fold."""
    report = Report("motions", "15 clips and background from views never seen; one clip per class, no claim beyond it")
    for fold in range(folds):
        unseen = (fold, fold + BANDS // 2)
        train = views([band for band in range(BANDS) if band not in unseen], PER_CLASS, seed=fold)
        test, damaged = (views(unseen, TESTS, seed=100 + fold, missing=missing) for missing in (None, 0.2))
        model = forest(flat(train), train.labels)
        learner = trained(train)
        for kind, samples in (("", test), (", 20 % of joints missing", damaged)):
            clips = [clip for clip, _ in samples]
            found = [int(answer.data) for answer in learner.infer(clips)]
            report.add(f"random forest on windows{kind}", accuracy(model.predict(flat(samples)), samples.labels))
            report.add(f"costgcn_short{kind}", accuracy(found, samples.labels))
    report.close()


def trained(samples: Samples) -> ContinualSkeletonLearner:
    """The network after its training on these views."""
    learner = ContinualSkeletonLearner("costgcn_short", classes=CLASSES, augment=AUGMENT)
    learner.fit(samples, config=TRAIN)
    return learner


def flat(samples: Samples) -> NDArray[np.float32]:
    """(N, 16 * 17 * 3): the input of the network as features of a forest."""
    return np.stack([to_input(clip.data.transpose(1, 3, 2, 0), "coco17", COSTGCN_SHORT).values.ravel()
                     for clip, _ in samples])  # fmt: skip


def views(bands: Sequence[int], per_class: int, seed: int, missing: float | None = None) -> Samples:
    """Windows of every class from directions in these bands; each is drawn when it is read, the same each time.

    missing: share of joints lost in each frame; None: drawn too, up to 0.3.
    """
    items = [
        Sample(partial(view, name, tuple(bands), missing, (seed, label, number)), label)
        for label, name in enumerate(CLASSES)
        for number in range(per_class)
    ]
    return Samples(items, CLASSES)


def view(name: str, bands: Sequence[int], missing: float | None, seed: Sequence[int]) -> SkeletonSequence:
    """One window of a class as an estimator would report it from somewhere."""
    rng = np.random.default_rng(seed)
    poses = idle(rng) if name == BACKGROUND else moving(motion(name), rng)
    points = deepmimic.places(poses, Build(*rng.uniform(0.85, 1.15, 8)))[:, JOINTS]
    points[..., [0, 2]] -= points[..., [0, 2]].mean((0, 1))  # the camera keeps the person in the picture
    projected = camera(bands, rng).project(points)
    lost = rng.uniform(0, 0.3) if missing is None else missing
    # Steadiness and gaps of estimators on video differ; half of all windows come without copied frames.
    found = Estimator(rng.uniform(0, 0.015), rng.uniform(0, 0.01), lost, lost / 3, rng.choice([0.0, 0.15]))
    return found.detect(projected, COCO17, RATE_HZ, rng)


def camera(bands: Sequence[int], rng: np.random.Generator) -> Camera:
    """A random camera in the bands, on either side, at the height of a robot up to that of a shelf."""
    azimuth = (rng.choice(bands) + rng.random()) * 180 / BANDS * rng.choice([-1, 1])
    return Camera(azimuth, rng.uniform(0.4, 2.0), rng.uniform(2.0, 6.0), rng.normal(0, 3), rng.uniform(0.6, 1.1))


def moving(clip: Motion, rng: np.random.Generator) -> Poses:
    """A window of a clip at a random time, at 0.75 to 1.3 times its speed."""
    times = np.arange(WINDOW) / RATE_HZ * rng.uniform(0.75, 1.3)
    start = rng.uniform(0, clip.duration if clip.wraps else max(0.0, clip.duration - times[-1]))
    return clip.at(start + times)


def idle(rng: np.random.Generator) -> Poses:
    """Background: standing or sitting with arms that wander, a held pose out of a clip, or a slow change between two
    of these."""
    share = np.linspace(0, 1, WINDOW) * rng.uniform(0.1, 0.6) if rng.random() < 0.5 else np.zeros(WINDOW)
    return deepmimic.mixed(_wandering(rng), _wandering(rng), share)


def _wandering(rng: np.random.Generator) -> Poses:
    """A still pose (T times the same): upright, seated, or a frame of any clip."""
    kind = rng.choice(["stand", "sit", "held"], p=[0.5, 0.2, 0.3])
    if kind == "held":
        clip = motion(str(rng.choice(CLIPS)))
        return clip.at(np.full(WINDOW, rng.uniform(0, clip.duration)))
    still = deepmimic.standing()
    turns, root = still.turns.copy(), still.root.copy()
    for joint, spread in (("chest", 0.1), ("neck", 0.2), ("right_shoulder", 0.4), ("left_shoulder", 0.4)):
        turns[0, deepmimic.TURNING.index(joint)] = _turn(rng.normal(0, spread, 3))
    for joint in ("right_elbow", "left_elbow"):
        turns[0, deepmimic.TURNING.index(joint)] = _turn(np.array([0, 0, rng.uniform(0, 2)]))
    if kind == "sit":
        root[0, 1] = 0.5
        for side in ("left", "right"):
            turns[0, deepmimic.TURNING.index(f"{side}_hip")] = _turn(np.array([0, 0, rng.normal(1.5, 0.15)]))
            turns[0, deepmimic.TURNING.index(f"{side}_knee")] = _turn(np.array([0, 0, rng.normal(-1.5, 0.2)]))
    return Poses(root.repeat(WINDOW, 0), turns.repeat(WINDOW, 0))


def _turn(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quaternion of a turn about `vector` by its length in rad."""
    angle = np.linalg.norm(vector) + 1e-12
    return deepmimic.about_axis(vector / angle, np.asarray(angle))


@cache
def motion(name: str) -> Motion:
    """A clip from the store."""
    return deepmimic.read_motion(locate(f"deepmimic_{name}"), name)


if __name__ == "__main__":
    main()
