"""`co-perception train`: from a handful of recordings to a model that a node loads."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from co_perception.commands.models import model_folder
from co_perception.commands.output import Commands, print_table
from co_perception.commands.sources import add_sources, read_samples

if TYPE_CHECKING:
    from co_perception.data.samples import Samples
    from co_perception.training.config import TrainConfig


def add(commands: Commands) -> None:
    about = "train a skeleton network on recordings of your own activities"
    parser = commands.add_parser(
        "train",
        help=about,
        description=f"{about.capitalize()}. Ends with the line that starts the node with it.",
    )
    add_sources(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the training and its model")
    parser.add_argument("--network", default="costgcn_short", help="skeleton network (default: %(default)s)")
    parser.add_argument("--from", dest="start", metavar="MODEL", help="keep all but the classifier of this model")
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML of training settings")
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="NAME=VALUE",
        help="one training setting, over the file's (lr=1e-4, mode=step, ...); may be given again",
    )  # fmt: skip
    parser.add_argument("--epochs", type=int, help="passes over the data, instead of the settings'")
    parser.add_argument("--step", type=int, metavar="FRAMES", help="from window to window (default: a quarter of one)")
    parser.add_argument(
        "--hold-out", type=float, default=0.25, metavar="SHARE", help="share that is not trained on (default: 0.25)"
    )
    parser.add_argument(
        "--by", choices=("group", "subject"), default="group",
        help="hold out whole annotated intervals, or whole people (default: group)",
    )  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="go on with the training in DIR after it was interrupted")
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    from co_perception.learners.skeleton import ContinualSkeletonLearner
    from co_perception.networks.variants_skeleton import skeleton_variant

    variant, config = skeleton_variant(chosen.network), _config(chosen)
    samples, skipped = read_samples(chosen, variant, chosen.step or max(variant.clip // 4, 1))
    if skipped:
        print(skipped.report(), file=sys.stderr)
    learner = ContinualSkeletonLearner(chosen.network, classes=samples.classes)
    if chosen.start:
        learner.start_from(model_folder(chosen.start))
    train, held_out = _split(samples, chosen)
    _print_samples(samples, train, held_out)
    result = learner.fit(train, held_out, config=config, folder=chosen.out, resume=chosen.resume)
    _print_result(result, chosen.out)
    return 0


def _config(chosen: argparse.Namespace) -> TrainConfig:
    """Of the file, or what suits a few recordings: many small steps, and classes drawn equally often, however long
    each was shown."""
    from co_perception.training.config import TrainConfig, from_arguments

    own = TrainConfig(batch_size=16, lr=3e-3, balance=True)
    config = TrainConfig.from_yaml(chosen.config) if chosen.config else own
    config = from_arguments([f"--train.{setting}" for setting in chosen.settings], config)
    return config.replace(epochs=chosen.epochs) if chosen.epochs is not None else config


def _split(samples: Samples, chosen: argparse.Namespace) -> tuple[Samples, Samples | None]:
    """What to train on, and what to judge by; nothing for the latter where a class was recorded once only."""
    if chosen.hold_out <= 0:
        return samples, None
    once = [name for name, groups in _groups(samples, chosen.by).items() if groups < 2]
    if once:
        what = "interval" if chosen.by == "group" else "person"
        print(
            f"There is one {what} only of: {', '.join(once)}. Nothing is held out, so nobody can tell how good the "
            f"model will be: mark each activity several times.",
            file=sys.stderr,
        )
        return samples, None
    train, held_out = samples.split(1 - chosen.hold_out, by=chosen.by)
    return train, held_out


def _groups(samples: Samples, by: str = "group") -> dict[str, int]:
    """Number of intervals (or people) of each class."""
    found = defaultdict(set)
    for number, item in enumerate(samples.items):
        found[samples.classes[item.label]].add(getattr(item, by) or number)
    return {name: len(found[name]) for name in samples.classes}


def _print_samples(samples: Samples, train: Samples, held_out: Samples | None) -> None:
    used, kept, groups = train.counts(), held_out.counts() if held_out else {}, _groups(samples)
    header = ("class", "windows to train on", "held out", "intervals")
    rows = [(name, str(used[name]), str(kept.get(name, 0)), str(groups[name])) for name in samples.classes]
    print_table([header, *rows])


def _print_result(result: dict[str, Any], out: Path) -> None:
    from co_perception.learners.trainable import MODEL

    print(f"{result['epochs']} epochs, loss {result['loss']:.3f}; kept: epoch {result['best_epoch']}.")
    if "val_accuracy" in result:
        print(
            f"Held out, and used to choose the epoch: accuracy {result['val_accuracy']:.3f}, balanced "
            f"{result['val_balanced_accuracy']:.3f}, F1 {result['val_f1']:.3f}."
        )
    model = (out / MODEL).resolve()
    print(f"The model is in {model}. To recognise with it:")
    print(f"  ros2 run co_perception skeleton_activity_node --ros-args -p model_path:={model}")
