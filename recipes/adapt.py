"""Small recognisers derived from one: structured pruning adapters beside fine-tuning with pruning, in the same budget.

    python recipes/adapt.py [--data poses|exercises] [--seeds 3]

poses: the shipped `costgcn_short_motions` (15 motions of drawn people) becomes a recogniser of 20 held poses of real
people. exercises: a `cotrans_short` that knows four exercises of a watch learns all seven. Folds are those of
`poses.py` (stretches of frames) and `exercises.py` (people); seed n trains on fold n. Every method has the same
examples, epochs and schedule; epochs and learning rate were chosen for both at density 0.3 on folds that give no
figures. What was measured before is not measured again: figures are gathered in out/recipes/adapt.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import exercises
import numpy as np
import poses
import torch
from report import MODELS, ROOT, accuracy

from co_perception.adapters.attach import AdapterConfig
from co_perception.data.pose_classification_kit import held_poses
from co_perception.data.samples import Sample, Samples
from co_perception.data.seglearn import watch_samples
from co_perception.learners.adapting import AdaptConfig, adapt
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.learners.trainable import TrainableLearner
from co_perception.learners.transformer import ContinualTransformerLearner
from co_perception.networks.measure import macs_per_step, params, stream_bytes
from co_perception.runtime.store import locate
from co_perception.training.config import TrainConfig

OUT = ROOT / "out" / "recipes" / "adapt.json"
KNOWN = 4  # exercises that the source knows
RANKS = {1.0: 8, 0.5: 8, 0.3: 6, 0.1: 4}  # by density: what a layer may learn falls with what stays of it
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
    """A learner that starts from the source, what it is trained on, and what it is judged by."""

    learner: TrainableLearner
    train: Samples
    clips: Sequence[Any]
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
    """What was measured so far, by this process or one beside it."""
    found: dict[str, Any] = json.loads(OUT.read_text()) if OUT.exists() else {}
    return found


def runs(data: Sequence[str], seeds: int) -> list[Run]:
    """All of them, the most telling first."""
    chosen = []
    for seed in range(seeds):
        for each in data:
            for density in (0.3, 0.1, 0.5):
                chosen += [Run(each, method, density, seed, RANKS[density]) for method in ("splora", "finetune")]
    for each in data:
        chosen += [Run(each, "finetune", 1.0, seed, RANKS[1.0]) for seed in range(seeds)]
        chosen += [Run(each, method, 0.3, seed, RANKS[0.3]) for method in ("sppara", "splopa") for seed in range(seeds)]
    return chosen


def measured(run: Run) -> dict[str, float]:
    """Derive one recogniser, and judge it by what it has not seen."""
    task = TASKS[run.data](run.seed)
    began = perf_counter()
    how = AdaptConfig(
        adapter=AdapterConfig(method=run.method, rank=run.rank, block=16, prototypes=16), density=run.density
    )
    adapter, result = adapt(task.learner, task.train, how, task.config.replace(seed=run.seed))
    seconds = perf_counter() - began
    model: Any = task.learner.model
    return {
        "accuracy": accuracy([int(task.learner.infer(clip)[0].data) for clip in task.clips], task.labels),
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
    held_out = {item.group for item in test.items}
    train = stretches.filter(lambda item: item.group not in held_out)
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
    return Task(learner, views(train, 8), [clip for clip, _ in windows], windows.labels, EXERCISES)


def exercises_source(train: Samples, seed: int) -> Path:
    """A model of the first exercises of these people, trained once."""
    folder = OUT.parent / "adapt" / f"exercises_source_{seed}"
    if not folder.exists():
        few = train.classes[:KNOWN]
        known = Samples([item for item in train.items if item.label < KNOWN], few)
        learner = ContinualTransformerLearner("cotrans_short", classes=few)
        learner.fit(views(known, 40), config=EXERCISES.replace(epochs=3, lr=3e-3, seed=seed))
        learner.save(folder)
    return folder


def views(recordings: Samples, count: int) -> Samples:
    """So many windows from anywhere in each recording, varied as in `exercises.py`."""
    items = []
    for number, item in enumerate(recordings.items):
        rows = item.read().data
        items += [
            Sample(partial(exercises.varied, rows, (number, view)), item.label, item.subject, item.group)
            for view in range(count)
        ]
    return Samples(items, recordings.classes)


TASKS: dict[str, Callable[[int], Task]] = {"poses": poses_task, "exercises": exercises_task}


def started(learner: TrainableLearner, source: Path, seed: int) -> None:
    """All of the source but its classifier, which begins the same for every method."""
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
