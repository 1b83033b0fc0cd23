"""Recipe: small recognizers derived from a large one, structured pruning adapters beside fine-tuning with pruning.

    python -m recipes.adapt [--data poses|exercises] [--seeds 3]

poses: the shipped `costgcn_short_motions` (15 motions of drawn people) becomes a recognizer of 20 held poses of real
people. exercises: a `cotrans_short` that knows four exercises of a watch learns all seven. Folds are those of
`poses.py` (stretches of frames) and `exercises.py` (people); seed n trains on fold n. Every method has the same
examples, epochs and schedule; epochs and learning rate were chosen for both at density 0.3 on folds that give no
figures. Figures go to out/recipes/adapt.json; those that are there are not measured again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from co_perception.adapters.attach import AdapterConfig
from co_perception.data.samples import Samples
from co_perception.engine.data import Data
from co_perception.learners.adaptation import AdaptConfig, adapt
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.learners.trainable import TrainableLearner
from co_perception.learners.transformer import ContinualTransformerLearner
from co_perception.networks.cost import macs_per_step, params, stream_bytes
from co_perception.runtime.store.store import locate
from co_perception.training.config import TrainConfig
from recipes import exercises, poses
from recipes.readers.pose_classification_kit import held_poses
from recipes.readers.seglearn import watch_samples
from recipes.report import MODELS, ROOT, accuracy

OUT = ROOT / "out" / "recipes" / "adapt.json"
KNOWN = 4  # exercises that the source knows
RANKS = {1.0: 8, 0.5: 8, 0.3: 6, 0.1: 4}  # by density: a smaller layer gets a smaller adapter
POSES = TrainConfig(
    epochs=16, batch_size=16, lr=1.5e-2, weight_decay=1e-2, warmup=0.15, label_smoothing=0.1, balance=True
)
EXERCISES = TrainConfig(
    epochs=30, batch_size=32, lr=1e-2, weight_decay=1e-2, warmup=0.2, label_smoothing=0.1, clip_gradient=1.0
)


@dataclass(frozen=True)
class Run:
    """One line of the table."""

    data: str
    method: str
    density: float
    seed: int
    rank: int = 4

    @property
    def key(self) -> str:
        """Its name in the file."""
        return f"{self.data} {self.method} {self.density} rank {self.rank} seed {self.seed}"


@dataclass(frozen=True)
class Task:
    """A learner that starts from the source, its training set and settings, and its test set."""

    learner: TrainableLearner
    train: Samples
    clips: Sequence[Data]
    labels: Sequence[int]
    config: TrainConfig


def main() -> None:
    """Measure what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=("poses", "exercises"), nargs="*", default=["poses", "exercises"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no run after so long")
    chosen = parser.parse_args()
    torch.set_num_threads(1)  # so that a second run gives the same figures, and small layers are not slower
    began = perf_counter()
    for run in runs(chosen.data, chosen.seeds):
        if run.key in gathered() or perf_counter() - began > chosen.seconds:
            continue
        figures = measured(run)
        OUT.parent.mkdir(parents=True, exist_ok=True)
        OUT.write_text(json.dumps(gathered() | {run.key: figures}, indent=1) + "\n")
        print(run.key, figures, flush=True)
    table(gathered())


def gathered() -> dict[str, Any]:
    """The figures measured so far, by this process or another one."""
    return dict(json.loads(OUT.read_text())) if OUT.exists() else {}


def runs(data: Sequence[str], seeds: int) -> list[Run]:
    """All runs, the most informative first."""
    chosen = [
        Run(each, method, density, seed, RANKS[density])
        for seed, each, density, method in product(range(seeds), data, (0.3, 0.1, 0.5), ("splora", "finetune"))
    ]
    for each in data:
        chosen += [Run(each, "finetune", 1.0, seed, RANKS[1.0]) for seed in range(seeds)]
        chosen += [Run(each, method, 0.3, seed, RANKS[0.3]) for method in ("sppara", "splopa") for seed in range(seeds)]
    return chosen


def measured(run: Run) -> dict[str, float]:
    """Derives one recognizer, and measures it on its test set."""
    task = TASKS[run.data](run.seed)
    began = perf_counter()
    adapter_config = AdapterConfig(method=run.method, rank=run.rank, block=16, prototypes=16)
    how = AdaptConfig(adapter=adapter_config, density=run.density)
    adapter, result = adapt(task.learner, task.train, how, task.config.replace(seed=run.seed))
    seconds = perf_counter() - began
    model: Any = task.learner.model
    answers: list[Any] = [task.learner.infer(clip)[0] for clip in task.clips]
    return {
        "accuracy": accuracy([answer.data for answer in answers], task.labels),
        "learned": adapter.learned,
        "file_bytes": adapter.bytes,
        "params": params(model),
        "macs": macs_per_step(model, model.frame_shape),
        "state_bytes": stream_bytes(model, model.frame_shape),
        "loss": round(result["loss"], 3),
        "seconds": round(seconds),
    }


def poses_task(seed: int) -> Task:
    """The shipped motions to held poses."""
    stretches, _ = held_poses(locate("pose_kit_body"))
    windows = stretches.windows(poses.WINDOW, poses.WINDOW)
    test = list(windows.folds(5, by="group", seed=0))[seed][1]
    train = poses.without_groups(stretches, test)
    learner = ContinualSkeletonLearner("costgcn_short", classes=stretches.classes, augment=poses.AUGMENT)
    started(learner, MODELS / "costgcn_short_motions", seed)
    return Task(learner, poses.pieces(train, 24, 24), [clip for clip, _ in test], test.labels, POSES)


def exercises_task(seed: int) -> Task:
    """Four exercises to all seven, on people never seen."""
    recordings, _ = watch_samples(locate("seglearn_watch"))
    train, test = list(recordings.map(exercises.halved).folds(5, by="subject", seed=0))[seed]
    windows = test.windows(exercises.WINDOW, exercises.STEP)
    learner = ContinualTransformerLearner("cotrans_short", classes=train.classes)
    started(learner, exercises_source(train, seed), seed)
    return Task(learner, exercises.drawn(train, 8), [clip for clip, _ in windows], windows.labels, EXERCISES)


def exercises_source(train: Samples, seed: int) -> Path:
    """A model of the first exercises of these people, trained once."""
    folder = OUT.parent / "adapt" / f"exercises_source_{seed}"
    if not folder.exists():
        few = train.classes[:KNOWN]
        known = Samples([item for item in train.items if item.label < KNOWN], few)
        learner = ContinualTransformerLearner("cotrans_short", classes=few)
        learner.fit(exercises.drawn(known, 40), config=EXERCISES.replace(epochs=3, lr=3e-3, seed=seed))
        learner.save(folder)
    return folder


TASKS: dict[str, Callable[[int], Task]] = {"poses": poses_task, "exercises": exercises_task}


def started(learner: TrainableLearner, source: Path, seed: int) -> None:
    """Loads the source without its classifier, which is initialized the same for every method."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        learner.start_from(source)


def table(found: dict[str, Any]) -> None:
    """Mean and deviation over seeds, and what SPLoRA learns compared with fine-tuning."""
    groups: dict[str, list[dict[str, float]]] = {}
    for key, figures in sorted(found.items()):
        groups.setdefault(key.rpartition(" seed ")[0], []).append(figures)
    print("| data, method, density | accuracy | learned | file | multiply-adds | state | runs |")
    print("|---|---|---|---|---|---|---|")
    for name, each in groups.items():
        reached = [figures["accuracy"] for figures in each]
        mean = {key: float(np.mean([figures[key] for figures in each])) for key in each[0]}
        print(
            f"| {name} | {np.mean(reached):.3f} ± {np.std(reached):.3f} | {mean['learned'] / 1e3:.1f} k | "
            f"{mean['file_bytes'] / 1e3:.0f} kB | {mean['macs'] / 1e6:.2f} M | {mean['state_bytes'] / 1e3:.1f} kB | "
            f"{len(each)} |"
        )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
