"""Recipe: everyday activities of people, `cotcn` trained on all sets whose terms allow it.

    python -m recipes.everyday --data DATA [--steps 22000] [--out FOLDER]

Trains twice: without a fifth of the people of each set, to whom temperatures, biases and thresholds are fitted, and
with all, which is what is shipped. A training that was run before with the same settings, also by
`recipes.everyday.accuracy`, is not run again.

DATA is a folder with train/, the sets as their authors gave them (docs/recipes.md says where they come from). Writes a
folder that `ContinualSkeletonLearner("cotcn").load(folder)` reads, with a bundle in it. The bundle of the shipped
weights alone is made anew by `co-perception bundle cotcn_everyday`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

from co_perception.learners.bundle_file import FOLDER
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.networks.temporal import CoTcn
from recipes.everyday.calibration import Scalings, calibrated, fitted
from recipes.everyday.labels import class_names
from recipes.everyday.measure import streams
from recipes.everyday.sets import FOLDS, person_folds, train_takes
from recipes.everyday.training import TrainSettings, trained_once
from recipes.readers.takes import Take
from recipes.report import ROOT

MIN_PROGRESS = 0.3  # share of the field: people are answered from the first frames on in training too


def main() -> None:
    """Train on all sets and save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train/")
    parser.add_argument("--steps", type=int, default=TrainSettings.steps, help="batches")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "recipes" / "everyday", help="folder to write")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    settings, takes = TrainSettings(steps=chosen.steps), train_takes(chosen.data)
    everyday_model(takes, settings, chosen.out).bundle(chosen.out / FOLDER)
    print(f"written: {chosen.out}")


def everyday_model(takes: Sequence[Take], settings: TrainSettings, folder: Path) -> ContinualSkeletonLearner:
    """The model of all people, calibrated on those whom a training of its own did not see, written into the folder."""
    by_group, limits = of_held_out_people(takes, settings)
    print(f"temperatures and biases {by_group}, thresholds {limits}", flush=True)
    return saved(calibrated(trained_once("all", takes, settings), by_group), folder, limits)


def of_held_out_people(takes: Sequence[Take], settings: TrainSettings) -> tuple[Scalings, dict[str, float]]:
    """Temperatures and biases by group, and thresholds, of people whom a training of its own did not see."""
    known, others = person_folds(takes, FOLDS, 0)
    return fitted(trained_once("fold 0", known, settings), streams(others, seed=100, views=2))


def saved(network: CoTcn, folder: Path, threshold: float | Mapping[str, float] = 0.0) -> ContinualSkeletonLearner:
    """A learner with the weights of this network, written into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "weights.safetensors"
    save_file(network.state_dict(), weights)
    learner = ContinualSkeletonLearner(
        network.variant, classes=class_names(), min_progress=MIN_PROGRESS, threshold=threshold
    )
    learner.load(weights)
    learner.save(folder)
    return learner


if __name__ == "__main__":
    main()
