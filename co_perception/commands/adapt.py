"""`co-perception adapt`: derives a smaller, faster model of your own activities from another model."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import fmean, pstdev
from time import perf_counter
from typing import TYPE_CHECKING, Any

from co_perception.commands.held_out import Division, HoldOut, add_hold_out, divide, judge
from co_perception.commands.output import Commands, add_strict, print_losses, print_table
from co_perception.commands.sources import (
    SampleSources,
    add_sources,
    model_folder,
    options_of,
    print_start_command,
    read_samples,
)
from co_perception.engine.arguments import CountArgument, positive, rank
from co_perception.engine.paths import expanded, user_path
from co_perception.engine.stage_counts import StageCounts

if TYPE_CHECKING:
    from co_perception.adapters.file import Adapter
    from co_perception.data.samples import Samples
    from co_perception.evaluation.judged_accuracy import JudgedAccuracy
    from co_perception.learners.skeleton import ContinualSkeletonLearner

BASELINE = "finetune"
STEPS = 60  # that are timed, after a third as many


def add(commands: Commands) -> None:
    about = "derive a smaller recognizer of your own activities from a model, pruning it meanwhile"
    parser = commands.add_parser(
        "adapt",
        help=about,
        description=f"{about.capitalize()}. Prints what it reaches and costs beside fine-tuning with pruning and the "
        "source, and ends with the line that starts the node with it.",
    )
    parser.add_argument(
        "source", type=expanded, metavar="SOURCE", help="folder of a skeleton model, or the name of a shipped one"
    )
    add_sources(parser, "--data")
    parser.add_argument(
        "--out", type=user_path, required=True, metavar="DIR", help="folder of the model and its adapter"
    )
    parser.add_argument(
        "--method", default="splora", choices=("splora", "sppara", "splopa", BASELINE), help="default: %(default)s"
    )
    parser.add_argument(
        "--rank", type=rank, default=8,
        help="of splora: a number, or a share of the output channels",
    )  # fmt: skip
    parser.add_argument(
        "--density",
        type=positive("a share, such as 0.3", 1),
        default=0.3,
        help="share of the channels that stay (default: 0.3)",
    )
    parser.add_argument(
        "--importance", default="taylor", choices=("magnitude", "gradient", "taylor"), help="what decides which stay"
    )
    parser.add_argument(
        "--multiple",
        type=CountArgument("a number of channels", most=4096),
        default=1,
        help="channels of each layer: multiples of this",
    )
    parser.add_argument(
        "--epochs", type=CountArgument("passes over the data"), default=12, help="passes over the data (default: 12)"
    )
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="NAME=VALUE",
        help="one training setting (lr=1e-4, batch_size=32, ...); may be given again",
    )  # fmt: skip
    add_hold_out(parser)
    parser.add_argument(
        "--seeds", type=CountArgument("a number of repetitions", most=1000), default=1,
        help="repeat with as many seeds; the first one is saved",
    )  # fmt: skip
    parser.add_argument("--no-baseline", action="store_true", help="leave fine-tuning with pruning out")
    add_strict(parser)
    parser.set_defaults(run=_run, extras="adapt,ros")


@dataclass(frozen=True)
class Figures:
    """Accuracy and cost of one recognizer.

    Args:
        judged: accuracy on the held-out samples; None without any.
        learned: trained parameters.
        macs: multiply-adds of a step.
    """

    method: str
    judged: JudgedAccuracy | None
    learned: int
    macs: int
    step_ms: float
    state_bytes: int
    file_bytes: int


@dataclass(frozen=True)
class AdaptOptions:
    """Options of the command, as its arguments of these names."""

    source: str
    out: Path
    method: str
    rank: float
    density: float
    importance: str
    multiple: int
    epochs: int
    settings: list[str]
    seeds: int
    no_baseline: bool
    strict: bool


def _run(arguments: argparse.Namespace) -> int:
    from co_perception.evaluation.result_folder import replaced_results
    from co_perception.learners.adaptation import ADAPTER
    from co_perception.learners.metadata import MODEL
    from co_perception.training.checkpoints import FOLDER, list_checkpoints

    options, sources = options_of(AdaptOptions, arguments), options_of(SampleSources, arguments)
    if list_checkpoints(options.out / FOLDER):
        raise FileExistsError(f"{options.out} holds a training, whose model would be replaced: give another folder.")
    folder = model_folder(options.source)
    learner = _learner(folder)
    counts = StageCounts()
    samples, skipped = read_samples(sources, learner.variant, max(learner.variant.clip // 4, 1), counts)
    if skipped:
        print(skipped.report(), file=sys.stderr)
    division = divide(samples, options_of(HoldOut, arguments))
    held_out = division.held_out
    methods = [options.method] if options.no_baseline else list(dict.fromkeys([BASELINE, options.method]))
    # All of them in one process and one after the other, so that times compare.
    source = _learner(folder)
    same_classes = held_out is not None and source.labels == tuple(held_out.classes)
    figures = [_figures("source", source, division if same_classes else None, None)]
    with replaced_results(options.out, (MODEL, ADAPTER)) as out:
        for seed, method in product(range(options.seeds), methods):
            derived, adapter = _adapted(folder, division.train, method, options, seed)
            if seed == 0 and method == options.method:
                derived.save(out / MODEL)  # whole, for a node
                adapter.save(out / ADAPTER)  # to be used with the source
            figures.append(_figures(method, derived, division, adapter))
    _print(figures)
    print_start_command(options.out / MODEL)
    return print_losses(counts, options.strict)


def _learner(folder: Path, classes: Sequence[str] | None = None) -> ContinualSkeletonLearner:
    from co_perception.learners.metadata import Metadata
    from co_perception.learners.skeleton import ContinualSkeletonLearner

    learner = ContinualSkeletonLearner(Metadata.read(folder).network, classes=classes)
    if classes is None:
        learner.load(folder)
    return learner


def _adapted(
    folder: Path, train: Samples, method: str, options: AdaptOptions, seed: int
) -> tuple[ContinualSkeletonLearner, Adapter]:
    import torch

    from co_perception.adapters.attach import AdapterConfig
    from co_perception.learners.adaptation import AdaptConfig, adapt
    from co_perception.training.config import TrainConfig, from_arguments

    learner = _learner(folder, train.classes)
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # the new classifier
        learner.start_from(folder)
    # Many small steps, as in `train`.
    own = TrainConfig(batch_size=16, lr=5e-3, balance=True)
    config = from_arguments([f"--train.{setting}" for setting in options.settings], own)
    how = AdaptConfig(
        adapter=AdapterConfig(method=method, rank=options.rank),
        density=options.density,
        importance=options.importance,
        multiple=options.multiple,
    )
    adapter, _ = adapt(learner, train, how, config.replace(epochs=options.epochs, seed=seed))
    return learner, adapter


def _figures(method: str, learner: Any, division: Division | None, adapter: Adapter | None) -> Figures:
    from co_perception.networks.cost import macs_per_step, params, stream_bytes

    network, shape = learner.model, learner.model.frame_shape
    held_out = None if division is None else division.held_out
    return Figures(
        method,
        None if division is None or held_out is None else judge(learner, held_out, division.by),
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
        values = np.concatenate([rng.random((joints, 2)), np.ones((joints, 1))], 1)
        pose = Pose(values.astype(np.float32), learner.layout)
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
        known = [each.judged.accuracy for each in same if each.judged is not None]
        rows.append(
            (
                method,
                f"{fmean(known):.3f}" + (f" ± {pstdev(known):.3f}" if len(known) > 1 else "") if known else "",
                f"{fmean(each.learned for each in same) / 1e3:.1f} k",
                f"{fmean(each.macs for each in same) / 1e6:.2f} M",
                f"{step:.2f} ms",
                f"{source.step_ms / step:.1f} x",
                f"{fmean(each.state_bytes for each in same) / 1e3:.1f} kB",
                f"{fmean(each.file_bytes for each in same) / 1e3:.0f} kB",
            )
        )
    print_table([header, *rows])
    print("Learned, of the source: all it has. A step is one person's, prepared and run.")
    # Those of several seeds are answers to the same takes: the first one, which is saved, stands for all.
    for method, judged in {each.method: each.judged for each in reversed(figures)}.items():
        if judged is not None:
            print(f"Held out, {method}: accuracy {judged.accuracy:.3f}; {judged.words()}.")
