"""Falls by physics, and movements that are near to a fall and are none: how many are told as falls.

    python -m recipes.everyday.fall_simulated --model FOLDER [--falls 120] [--others 160]

People who were not trained on (another seed), seen by a drawn camera with an estimator's errors, go through recognizer
and fall detector as the nodes have them. One view of each.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from co_perception.engine.target import Pose
from co_perception.engine.time import NANO
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.skeletons.layouts import BODY13, COCO17
from recipes.everyday.drawing import POSTURE, RATE_HZ, Floats
from recipes.everyday.estimator import estimated, seen_from_anywhere
from recipes.everyday.fall_figures import falls_in
from recipes.everyday.falls import FALLING, LIE, FallSettings, simulated
from recipes.everyday.figure import RATE_HZ as FIGURE_HZ
from recipes.everyday.key_poses import Motion
from recipes.everyday.measure import SEEN
from recipes.everyday.video import Frame, answered

SEED = 101  # the model is trained on people of seed 0
PIXELS, SIZE = 500.0, (640, 480)  # of a focal length, and of the picture
JOINTS = [COCO17.index(name) for name in BODY13.joints]


@dataclass(frozen=True)
class SimulatedRow:
    """What was told of one motion.

    Args:
        name: kind of the motion.
        fall: whether it is one.
        told: whether a fall was told.
        delay_s: from the first frame in which they lie until it was told, NaN where it was not.
    """

    name: str
    fall: bool
    told: bool
    delay_s: float


def frames_of(points: Floats) -> list[Frame]:
    """One person as the pose node gives them, from joints (T, 13, 3) in focal lengths; without joints nobody."""
    frames = []
    for number, joints in enumerate(points):
        data = np.zeros((17, 3), np.float32)
        data[JOINTS] = joints * [PIXELS, PIXELS, 1] + np.where(joints[:, 2:] > 0, [320.0, 240.0, 0.0], 0.0)
        poses = (Pose(data, id="p1"),) if (joints[:, 2] > 0).any() else ()
        frames.append(Frame(round((number + 1) / RATE_HZ * NANO), poses, SIZE))
    return frames


def row(learner: ContinualSkeletonLearner, motion: Motion, rng: np.random.Generator) -> SimulatedRow:
    """One motion, seen from a random side."""
    every = round(FIGURE_HZ / RATE_HZ)
    joints, goals = motion.joints[None, ::every], motion.targets[None, ::every].astype(np.int64)
    batch = estimated(seen_from_anywhere(joints, rng), np.pad(goals, ((0, 0), (0, 0), (0, 1))), SEEN, rng)
    events = falls_in(list(answered(learner, frames_of(batch.joints[0]))), learner.labels)
    lying = np.flatnonzero(goals[0, :, POSTURE] == LIE)
    fall = bool((motion.targets[:, 1] == FALLING).any())
    delay = events[0].decided_ns / NANO - (lying[0] + 1) / RATE_HZ if events and len(lying) else float("nan")
    return SimulatedRow(motion.name, fall, bool(events), delay)


def measured(learner: ContinualSkeletonLearner, falls: int, others: int) -> list[SimulatedRow]:
    """A row of each of so many falls, and of movements that are none."""
    rng = np.random.default_rng(SEED)
    return [row(learner, motion, rng) for motion in simulated(FallSettings(falls, others, SEED))]


def lines(rows: Sequence[SimulatedRow]) -> Iterator[str]:
    """The figures as text: falls by how they began, then each kind of movement."""
    for fall in (True, False):
        kinds = defaultdict[str, list[SimulatedRow]](list)
        for one in rows:
            if one.fall == fall:
                kinds[one.name.split(" while ")[-1] if fall else one.name].append(one)
        counts = Counter({name: sum(one.told for one in own) for name, own in kinds.items()})
        each = ", ".join(f"{name} {told} of {len(kinds[name])}" for name, told in counts.most_common())
        yield f"{'Falls' if fall else 'Movements that are none,'} told as falls: {each}"
    delays = [one.delay_s for one in rows if one.fall and one.told]
    if delays:
        middle, late = np.nanpercentile(delays, [50, 95])
        yield f"From lying until it is told: median {middle:.2f} s, 95 % {late:.2f} s"


def main() -> None:
    """Simulate, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder of a model with groups")
    parser.add_argument("--falls", type=int, default=120, help="how many falls")
    parser.add_argument("--others", type=int, default=160, help="how many movements that are none")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    learner = ContinualSkeletonLearner("cotcn")
    learner.load(chosen.model)
    print("\n".join(lines(measured(learner, chosen.falls, chosen.others))))


if __name__ == "__main__":
    main()
