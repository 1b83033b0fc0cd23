"""Answers of a network that was trained on a Kinect's metres and of one trained on pixels, for the same people.

Each take of UTD-MHAD (Chen, Jafari and Kehtarnavaz, ICIP 2015) is written twice, through the formats of others: as
`.skeleton` file of NTU RGB+D in metres, and as PYSKL pickle of the same joints drawn by a pinhole camera, in pixels. Of
each a network is trained on the people 1, 3, 5, 7 and tested on 2, 4, 6, 8, as UTD-MHAD's authors do, in either form.
Prints the accuracy of each pair, and how often both networks' answers, and both forms of one take, have one label.

The face is left out: a Kinect has no eyes and no nose.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from co_perception.data.datasets.registry import open_samples
from co_perception.engine.data import Data
from co_perception.engine.target import Category
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.skeletons.layouts import layout
from co_perception.training.config import TrainConfig
from recipes.readers.kinect_sets import UTD_ACTIONS, utd_mhad
from recipes.readers.takes import JOINTS, Take

WIDTH, HEIGHT, FOCAL = 640, 480, 525.0  # a Kinect's picture [pixels]
BODY = [number for number, joint in enumerate(JOINTS) if joint != "nose"]
FORMS = ("metres", "pixels")
TRAINED_ON = (1, 3, 5, 7)
CONFIG = TrainConfig(epochs=15, batch_size=32, lr=3e-3)  # minutes on one core

Pairs = list[tuple[Data, Category]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, test and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="UTD-MHAD's Skeleton: aA_sS_tT_skeleton.mat")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each form (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=CONFIG.epochs)
    options = parser.parse_args(arguments)
    takes, skipped = utd_mhad(options.folder)
    takes.sort(key=lambda take: (int(take.person[1:]), take.source))  # the order of `ntu_name`, in which files are read
    trained_on = [take for take in takes if int(take.person[1:]) in TRAINED_ON]
    held_out = [take for take in takes if int(take.person[1:]) not in TRAINED_ON]
    people = {take.person for take in trained_on}
    print(f"{len(trained_on)} takes of {len(people)} people to train on, {len(held_out)} of others held out.")
    print(f"{len(skipped)} files left out; {len(UTD_ACTIONS)} classes, chance {1 / len(UTD_ACTIONS):.1%}.")
    train, test = ({form: written(part, form) for form in FORMS} for part in (trained_on, held_out))
    truth = np.array([answer.data for _, answer in test["pixels"]])
    if [answer.data for _, answer in test["metres"]] != truth.tolist():
        raise ValueError("the takes of the two forms are not in one order")
    labels: dict[tuple[str, str], list[NDArray[np.int64]]] = {}
    for seed in range(options.seeds):
        for form in FORMS:
            learner = ContinualSkeletonLearner("costgcn_short", classes=UTD_ACTIONS)
            learner.fit(train[form], config=CONFIG.replace(seed=seed, epochs=options.epochs))
            for other in FORMS:
                answers = learner.infer([data for data, _ in test[other]])  # type: ignore[arg-type, misc]
                labels.setdefault((form, other), []).append(np.array([answer.data for answer in answers]))
                print(f"seed {seed}, {form} to {other}: {(labels[form, other][-1] == truth).mean():.1%}", flush=True)
    report(labels, truth, np.array([take.person for take in held_out]))


def report(labels: dict[tuple[str, str], list[NDArray[np.int64]]], truth: NDArray[np.int64], people: NDArray) -> None:
    """Prints the table: means over the seeds, their range, and the range over the people held out."""
    print("| trained on | tested on | accuracy | of the seeds | of the people |\n|---|---|---|---|---|")
    for (form, other), found in labels.items():
        right = np.array([each == truth for each in found])
        seeds, persons = right.mean(1), [right[:, people == person].mean() for person in np.unique(people)]
        print(
            f"| {form} | {other} | {right.mean():.1%} | {seeds.min():.1%} to {seeds.max():.1%} | "
            f"{min(persons):.1%} to {max(persons):.1%} |"
        )
    for form in FORMS:
        own, crossed = (np.array(labels[form, other]) for other in (form, FORMS[form == FORMS[0]]))
        difference = (own == truth).mean() - (crossed == truth).mean()
        print(f"Trained on {form}: {100 * difference:+.1f} points between the forms, one label for "
              f"{(own == crossed).mean():.1%} of the takes.")  # fmt: skip


def written(takes: Sequence[Take], form: str) -> Pairs:
    """The takes after they were written in a form and read again."""
    with TemporaryDirectory() as folder:
        write = {"metres": write_ntu, "pixels": write_pyskl}[form]
        samples, skipped = open_samples(write(Path(folder), takes))
        if skipped:
            raise ValueError(skipped.report())
        return [samples[number] for number in range(len(samples))]


def ntu_name(take: Take, number: int) -> str:
    """A name of NTU RGB+D: setup, camera, performer, replication, action."""
    return f"S001C001P{int(take.person[1:]):03}R{number:03}A{UTD_ACTIONS.index(take.action) + 1:03}"


def write_ntu(folder: Path, takes: Sequence[Take]) -> Path:
    """`.skeleton` files: x to the sensor's left, y upwards, z away [m]; joints that UTD-MHAD lacks are not tracked."""
    places = [layout("ntu25").index(JOINTS[number]) for number in BODY]
    for number, take in enumerate(takes):
        lines = [str(len(take))]
        for joints in take.joints[:, BODY] * [-1, -1, 1]:
            rows = ["0 0 0" + " 0" * 9] * len(layout("ntu25"))
            for place, (x, y, z) in zip(places, joints, strict=True):
                rows[place] = f"{x:.4f} {y:.4f} {z:.4f}" + " 0" * 8 + " 2"
            lines += ["1", "1 0 1 1 1 1 0 0 0 2", str(len(rows)), *rows]
        (folder / f"{ntu_name(take, number)}.skeleton").write_text("\n".join(lines))
    return folder


def write_pyskl(folder: Path, takes: Sequence[Take]) -> Path:
    """One pickle: joints (1, T, 17, 2) in pixels of a pinhole camera at the sensor; unknown ones lie at 0."""
    places = [layout("coco17").index(JOINTS[number]) for number in BODY]
    annotations = []
    for number, take in enumerate(takes):
        x, y, z = np.moveaxis(take.joints[:, BODY], -1, 0)
        keypoint = np.zeros((1, len(take), len(layout("coco17")), 2), np.float32)
        keypoint[0, :, places] = np.stack([WIDTH / 2 + FOCAL * x / z, HEIGHT / 2 + FOCAL * y / z], -1).swapaxes(0, 1)
        label = UTD_ACTIONS.index(take.action)
        annotations.append({"frame_dir": ntu_name(take, number), "label": label, "keypoint": keypoint})
    (folder / "pixels.pkl").write_bytes(pickle.dumps(annotations))
    return folder / "pixels.pkl"


if __name__ == "__main__":
    main()
