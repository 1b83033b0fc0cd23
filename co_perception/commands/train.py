"""`co-perception train`: trains a skeleton network on a few recordings, for a node to load."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from co_perception.commands.held_out import Division, HoldOut, add_hold_out, divide, judge, unit_counts
from co_perception.commands.output import Commands, add_strict, print_losses, print_table
from co_perception.commands.source_domain import SourceDomain, add_source_domain, read_domains
from co_perception.commands.sources import (
    SampleSources,
    add_sources,
    model_folder,
    options_of,
    print_start_command,
)
from co_perception.engine.arguments import HELD_OUT_SHARE, CountArgument
from co_perception.engine.paths import expanded, user_path
from co_perception.engine.stage_counts import StageCounts

if TYPE_CHECKING:
    from co_perception.data.samples import Samples
    from co_perception.learners.skeleton import ContinualSkeletonLearner
    from co_perception.training.config import TrainConfig


def add(commands: Commands) -> None:
    about = "train a skeleton network on recordings of your own activities"
    parser = commands.add_parser(
        "train", help=about, description=f"{about.capitalize()}. Ends with the line that starts the node with it."
    )
    add_sources(parser)
    parser.add_argument(
        "--out", type=user_path, required=True, metavar="DIR", help="folder of the training and its model"
    )
    parser.add_argument("--network", default="costgcn_short", help="skeleton network (default: %(default)s)")
    parser.add_argument(
        "--from", dest="start", type=expanded, metavar="MODEL", help="keep all but the classifier of this model"
    )
    parser.add_argument("--config", type=user_path, metavar="FILE", help="YAML of training settings")
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="NAME=VALUE",
        help="one training setting, over the file's (lr=1e-4, mode=step, ...); may be given again",
    )  # fmt: skip
    parser.add_argument(
        "--epochs", type=CountArgument("passes over the data"), help="passes over the data, instead of the settings'"
    )
    parser.add_argument(
        "--step",
        type=CountArgument("frames from window to window"),
        metavar="FRAMES",
        help="from window to window (default: a quarter of one)",
    )
    add_hold_out(parser)
    parser.add_argument(
        "--validate", type=HELD_OUT_SHARE, default=0.0, metavar="SHARE",
        help="share of the takes to train on that chooses the epoch instead (default: 0, the last epoch is used)",
    )  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="go on with the training in DIR after it was interrupted")
    add_source_domain(parser)
    add_strict(parser)
    parser.set_defaults(run=_run)


@dataclass(frozen=True)
class TrainOptions:
    """Options of the command, as its arguments of these names."""

    out: Path
    network: str
    start: str | None
    config: Path | None
    settings: list[str]
    epochs: int | None
    step: int | None
    validate: float
    resume: bool
    strict: bool


def _run(arguments: argparse.Namespace) -> int:
    from co_perception.learners.metadata import MODEL
    from co_perception.learners.skeleton import ContinualSkeletonLearner
    from co_perception.networks.variants_skeleton import skeleton_variant
    from co_perception.training.config import TrainConfig, from_arguments

    options, sources = options_of(TrainOptions, arguments), options_of(SampleSources, arguments)
    variant = skeleton_variant(options.network)
    # For a few recordings: many small steps, and classes drawn equally often, however long each was shown.
    own = TrainConfig(batch_size=16, lr=3e-3, balance=True)
    config = TrainConfig.from_yaml(options.config) if options.config else own
    config = from_arguments([f"--train.{setting}" for setting in options.settings], config)
    config = config.replace(epochs=options.epochs) if options.epochs is not None else config
    counts, domain = StageCounts(), options_of(SourceDomain, arguments)
    adaptation, step = domain.settings(), options.step or max(variant.clip // 4, 1)
    samples, source, skipped = read_domains(sources, domain.source, variant, step, counts)
    if skipped:
        print(skipped.report(), file=sys.stderr)
    learner = ContinualSkeletonLearner(options.network, classes=samples.classes)
    if options.start:
        learner.start_from(model_folder(options.start))
    division = divide(samples, options_of(HoldOut, arguments))
    train, validation = _validation(division, options.validate, config)
    print_counts(samples, train, validation, division, source)
    result = learner.fit(
        train, validation, config=config, folder=options.out,
        resume=options.resume, source=source, adaptation=adaptation,
    )  # fmt: skip
    _print_result(result, learner, division, config)
    print_start_command(options.out / MODEL)
    return print_losses(counts, options.strict)


def _validation(division: Division, share: float, config: TrainConfig) -> tuple[Samples, Samples | None]:
    """What is trained on, and what the epoch is chosen by: never by what is held out. Raises ValueError without one."""
    from co_perception.training.config import TrainConfig

    if share > 0:
        return division.train.split(1 - share, by=division.by)
    if config.patience is not None or config.select != TrainConfig.select:
        raise ValueError(
            "patience and select choose an epoch, and what is held out must not choose: --validate 0.2 takes a fifth "
            "of the takes to train on for that."
        )
    return division.train, None


def print_counts(
    samples: Samples, train: Samples, validation: Samples | None, division: Division, source: Samples | None
) -> None:
    """Windows of each class by what they are for, and the takes they are cut from; classes without any are counted."""
    none = dict.fromkeys(samples.classes, 0)
    columns = {
        "windows to train on": train.counts(),
        "to choose the epoch": validation.counts() if validation else none,
        "held out": division.held_out.counts() if division.held_out else none,
        "takes": unit_counts(samples),
        "held-out takes": unit_counts(division.held_out) if division.held_out else none,
    }
    if source is not None:
        columns = {"windows of the source": source.counts(), **columns}
    if validation is None:
        del columns["to choose the epoch"]
    rows = [(name, *(column[name] for column in columns.values())) for name in samples.classes]
    shown = [row for row in rows if any(row[1:])]
    print_table([("class", *columns), *(tuple(map(str, row)) for row in shown)])
    if len(shown) < len(rows):
        print(f"{len(rows) - len(shown)} of {len(rows)} classes have no example and are not in the table.")


def _print_result(
    result: Mapping[str, Any], learner: ContinualSkeletonLearner, division: Division, config: TrainConfig
) -> None:
    print(f"{result['epochs']} epochs, loss {result['loss']:.3f}; used: epoch {result['best_epoch']}.")
    if division.held_out is None:
        return
    judged = judge(learner, division.held_out, division.by, config)
    print(f"Held out: accuracy {judged.accuracy:.3f}; {judged.words()}.")
    figures, shown = learner.eval(division.held_out, config=config), sum(map(bool, division.held_out.counts().values()))
    balanced = f"balanced accuracy {figures['balanced_accuracy']:.3f} (chance {1 / shown:.3f})"
    print(f"Held out: {balanced}, F1 {figures['f1']:.3f}.")
