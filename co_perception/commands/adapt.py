"""`co-perception adapt`: from one model to a smaller, faster one for activities of one's own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, pstdev
from time import perf_counter
from typing import TYPE_CHECKING, Any

from co_perception.commands.models import model_folder
from co_perception.commands.output import Commands, print_table
from co_perception.commands.sources import add_sources, read_samples

if TYPE_CHECKING:
    from co_perception.adapters.file import Adapter
    from co_perception.data.samples import Samples
    from co_perception.learners.adapting import AdaptConfig
    from co_perception.learners.skeleton import ContinualSkeletonLearner
    from co_perception.training.config import TrainConfig

BASELINE = "finetune"
STEPS = 60  # that are timed, after a third as many


def add(commands: Commands) -> None:
    about = "derive a smaller recogniser of your own activities from a model, pruning it meanwhile"
    parser = commands.add_parser(
        "adapt",
        help=about,
        description=f"{about.capitalize()}. Prints what it reaches and costs beside fine-tuning with pruning and the "
        "source, and ends with the line that starts the node with it.",
    )
    parser.add_argument("source", metavar="SOURCE", help="folder of a skeleton model, or the name of a shipped one")
    add_sources(parser, "--data")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the model and its adapter")
    parser.add_argument(
        "--method", default="splora", choices=("splora", "sppara", "splopa", BASELINE), help="default: %(default)s"
    )
    parser.add_argument("--rank", type=_rank, default=8, help="of splora: a number, or a share of the output channels")
    parser.add_argument("--density", type=float, default=0.3, help="share of the channels that stay (default: 0.3)")
    parser.add_argument(
        "--importance", default="taylor", choices=("magnitude", "gradient", "taylor"), help="what decides which stay"
    )
    parser.add_argument("--multiple", type=int, default=1, help="channels of each layer: multiples of this")
    parser.add_argument("--epochs", type=int, default=12, help="passes over the data (default: 12)")
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="NAME=VALUE",
        help="one training setting (lr=1e-4, batch_size=32, ...); may be given again",
    )  # fmt: skip
    parser.add_argument("--hold-out", type=float, default=0.25, metavar="SHARE", help="share to judge by (0.25)")
    parser.add_argument("--by", choices=("group", "subject"), default="group", help="hold out intervals, or people")
    parser.add_argument("--seeds", type=int, default=1, help="repeat with as many seeds; the first one is saved")
    parser.add_argument("--no-baseline", action="store_true", help="leave fine-tuning with pruning out")
    parser.set_defaults(run=_run)


@dataclass(frozen=True)
class Figures:
    """Of one recogniser. accuracy: on what was held out, None where there is nothing; learned: numbers."""

    method: str
    accuracy: float | None
    learned: int
    macs: int
    step_ms: float
    state_bytes: int
    file_bytes: int


def _run(chosen: argparse.Namespace) -> int:
    folder = model_folder(chosen.source)
    learner = _learner(folder)
    samples, skipped = read_samples(chosen, learner.variant, max(learner.variant.clip // 4, 1))
    if skipped:
        print(skipped.report(), file=sys.stderr)
    train, held_out = samples.split(1 - chosen.hold_out, by=chosen.by) if chosen.hold_out > 0 else (samples, None)
    methods = [chosen.method] if chosen.no_baseline else list(dict.fromkeys([BASELINE, chosen.method]))
    # All of them in one process and one after the other, so that times compare.
    figures = [_source_figures(folder, held_out)]
    for seed in range(chosen.seeds):
        for method in methods:
            derived, adapter = _adapted(folder, train, method, chosen, seed)
            if seed == 0 and method == chosen.method:
                _save(derived, adapter, chosen.out)
            figures.append(_figures(method, derived, held_out, adapter))
    _print(figures)
    _print_use(chosen.out)
    return 0


def _rank(text: str) -> float:
    return float(text) if "." in text else int(text)


def _learner(folder: Path, classes: Sequence[str] | None = None) -> ContinualSkeletonLearner:
    from co_perception.learners.metadata import Metadata
    from co_perception.learners.skeleton import ContinualSkeletonLearner

    learner = ContinualSkeletonLearner(Metadata.read(folder).network, classes=classes)
    if classes is None:
        learner.load(folder)
    return learner


def _adapted(
    folder: Path, train: Samples, method: str, chosen: argparse.Namespace, seed: int
) -> tuple[ContinualSkeletonLearner, Adapter]:
    import torch

    from co_perception.learners.adapting import adapt

    learner = _learner(folder, train.classes)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # the new classifier
        learner.start_from(folder)
    adapter, _ = adapt(learner, train, _how(method, chosen), _config(chosen, seed))
    return learner, adapter


def _how(method: str, chosen: argparse.Namespace) -> AdaptConfig:
    from co_perception.adapters.attach import AdapterConfig
    from co_perception.learners.adapting import AdaptConfig

    return AdaptConfig(
        adapter=AdapterConfig(method=method, rank=chosen.rank),
        density=chosen.density,
        importance=chosen.importance,
        multiple=chosen.multiple,
    )


def _config(chosen: argparse.Namespace, seed: int) -> TrainConfig:
    """What suits a few recordings, as in `train`."""
    from co_perception.training.config import TrainConfig, from_arguments

    own = TrainConfig(batch_size=16, lr=5e-3, balance=True)
    config = from_arguments([f"--train.{setting}" for setting in chosen.settings], own)
    return config.replace(epochs=chosen.epochs, seed=seed)


def _save(learner: ContinualSkeletonLearner, adapter: Adapter, out: Path) -> None:
    """The whole small model, for a node, and the adapter alone, for whoever has the source."""
    from co_perception.learners.tasks import ADAPTER
    from co_perception.learners.trainable import MODEL

    learner.save(out / MODEL)
    adapter.save(out / ADAPTER)


def _source_figures(folder: Path, held_out: Samples | None) -> Figures:
    source = _learner(folder)
    knows = held_out is not None and source.labels == tuple(held_out.classes)
    return _figures("source", source, held_out if knows else None, None)


def _figures(method: str, learner: Any, held_out: Samples | None, adapter: Adapter | None) -> Figures:
    from co_perception.networks.measure import macs_per_step, params, stream_bytes

    network, shape = learner.model, learner.model.frame_shape
    return Figures(
        method,
        None if held_out is None else learner.eval(held_out)["accuracy"],
        params(network) if adapter is None else adapter.learned,
        macs_per_step(network, shape),
        _step_ms(learner),
        stream_bytes(network, shape),
        4 * params(network) if adapter is None else adapter.bytes,
    )


def _step_ms(learner: Any) -> float:
    """Median milliseconds of a step of one person, as the node runs it: through `optimize`."""
    import numpy as np

    from co_perception.engine.target import Pose
    from co_perception.skeletons.layouts import layout

    learner.optimize()
    rng, joints = np.random.default_rng(0), len(layout(learner.layout))
    times = []
    for _ in range(STEPS + STEPS // 3):
        seen = np.concatenate([rng.random((joints, 2)), np.ones((joints, 1))], 1)
        pose = Pose(seen.astype(np.float32), learner.layout)
        began = perf_counter()
        learner.infer(pose)
        times.append(perf_counter() - began)
    learner.reset()
    return 1e3 * float(np.median(times[STEPS // 3 :]))


def _print(figures: Sequence[Figures]) -> None:
    header = ("", "accuracy", "learned", "multiply-adds a step", "step", "against source", "state", "file")
    rows, source = [], figures[0]
    for method in dict.fromkeys(each.method for each in figures):
        same = [each for each in figures if each.method == method]
        step = fmean(each.step_ms for each in same)
        rows.append(
            (
                method,
                _spread([each.accuracy for each in same]),
                f"{fmean(each.learned for each in same) / 1e3:.1f} k",
                f"{fmean(each.macs for each in same) / 1e6:.2f} M",
                f"{step:.2f} ms",
                f"{source.step_ms / step:.1f} x",
                f"{fmean(each.state_bytes for each in same) / 1e3:.1f} kB",
                f"{fmean(each.file_bytes for each in same) / 1e3:.0f} kB",
            )
        )
    print_table([header, *rows])
    print(
        "Accuracy on what was held out. Learned, of the source: all it has. A step is one person's, prepared and run."
    )


def _spread(accuracies: Sequence[float | None]) -> str:
    known = [each for each in accuracies if each is not None]
    if not known:
        return ""
    return f"{fmean(known):.3f}" + (f" ± {pstdev(known):.3f}" if len(known) > 1 else "")


def _print_use(out: Path) -> None:
    from co_perception.learners.trainable import MODEL

    model = (out / MODEL).resolve()
    print(f"The model is in {model}. To recognise with it:")
    print(f"  ros2 run co_perception skeleton_activity_node --ros-args -p model_path:={model}")
