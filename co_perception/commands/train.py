"""`co-perception train`: trains a skeleton network, or a head on a video network, for a node to load."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from co_perception.commands.clips import add_who, is_video_source, record_clips
from co_perception.commands.held_out import (
    HELD_OUT,
    Division,
    HoldOut,
    add_hold_out,
    divide,
    held_out_confusion,
    judge,
    print_confusion,
    unit_counts,
)
from co_perception.commands.output import Bar, Commands, add_strict, print_losses, print_table
from co_perception.commands.source_domain import SourceDomain, add_source_domain, read_domains
from co_perception.commands.sources import (
    SampleSources,
    add_sources,
    model_folder,
    options_of,
    print_start_command,
)
from co_perception.commands.train_settings import cut_of, skeleton_settings
from co_perception.commands.train_video import HEAD, NETWORK, VideoSources, head_settings, read_videos, video_learner
from co_perception.engine.arguments import HELD_OUT_SHARE, CountArgument
from co_perception.engine.paths import expanded, user_path
from co_perception.engine.stage_counts import StageCounts
from co_perception.networks.variants import CENTER, CROPS, HEADS

if TYPE_CHECKING:
    from co_perception.data.parsing import Skipped
    from co_perception.data.samples import Samples
    from co_perception.learners.trainable import TrainableLearner
    from co_perception.training.config import TrainConfig

CLIPS = "clip_recordings"  # folder of recordings of the videos that were trained on


def add(commands: Commands) -> None:
    about = "train a network on recordings of your own activities"
    parser = commands.add_parser(
        "train", help=about, description=f"{about.capitalize()}. Ends with the line that starts the node with it."
    )
    videos = "folders with a folder of videos for each activity, tables path,label,start,end,subject,who"
    add_sources(parser, more=f"data sets, or videos: {videos}")
    parser.add_argument(
        "--out", type=user_path, required=True, metavar="DIR", help="folder of the training and its model"
    )
    parser.add_argument(
        "--recognizer", choices=("skeleton", "video"), default="skeleton",
        help="what is trained: a network of joints (default), or a head on a network of pictures; sources are then "
        "recordings with pictures, or videos",
    )  # fmt: skip
    parser.add_argument("--network", help=f"skeleton or video network (default: costgcn_short, {NETWORK})")
    parser.add_argument("--head", choices=HEADS, help=f"on a video network (default: {HEAD})")
    parser.add_argument(
        "--crop", choices=CROPS,
        help="what of a picture a video network sees: its middle (default), all of it squashed, or all with black bars",
    )  # fmt: skip
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
        help="from window to window (default: a quarter of one, a half where answers of streams are trained)",
    )
    add_hold_out(parser)
    parser.add_argument(
        "--validate", type=HELD_OUT_SHARE, default=0.0, metavar="SHARE",
        help="share of the takes to train on that chooses the epoch instead (default: 0, the last epoch is used)",
    )  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="go on with the training in DIR after it was interrupted")
    add_source_domain(parser)
    add_who(parser)
    add_strict(parser)
    parser.set_defaults(run=_run, extras="train,ros")


@dataclass(frozen=True)
class TrainOptions:
    """Options of the command, as its arguments of these names."""

    out: Path
    recognizer: str
    network: str | None
    head: str | None
    crop: str | None
    start: str | None
    config: Path | None
    settings: list[str]
    epochs: int | None
    step: int | None
    validate: float
    resume: bool
    strict: bool
    who: str | None
    pose_settings: list[str]


def _run(arguments: argparse.Namespace) -> int:
    from co_perception.learners.metadata import MODEL

    options, counts = options_of(TrainOptions, arguments), StageCounts()
    if options.recognizer == "video":
        _train_video(options, arguments)
        print_start_command(options.out / MODEL, "video_activity_node")
        return 0
    for name, value in {"head": options.head, "crop": options.crop}.items():
        if value is not None:
            raise ValueError(f"--{name} is for --recognizer video, and a skeleton network is trained: leave it out.")
    _train_skeleton(options, arguments, counts)
    print_start_command(options.out / MODEL, "skeleton_activity_node")
    return print_losses(counts, options.strict)


def _train_skeleton(options: TrainOptions, arguments: argparse.Namespace, counts: StageCounts) -> None:
    from co_perception.learners.skeleton import ContinualSkeletonLearner
    from co_perception.networks.variants_skeleton import skeleton_variant

    network = options.network or (_network_of(options.start) if options.start else "costgcn_short")
    variant = skeleton_variant(network)
    sources, unfit = _with_recorded_clips(options_of(SampleSources, arguments), options)
    domain = options_of(SourceDomain, arguments)
    own = skeleton_settings(variant, started=options.start is not None, adapted=bool(domain.source))
    config = _settings(options, own.config)
    adaptation, cut = domain.settings(), cut_of(variant, config)
    read_as, step = replace(variant, clip=cut.window), options.step or cut.step
    samples, source, skipped = read_domains(sources, domain.source, read_as, step, counts, cut.shortest)
    if skipped := unfit + skipped:
        print(skipped.report(), file=sys.stderr)
    learner = ContinualSkeletonLearner(network, classes=samples.classes, **own.limits_in(config))
    if options.start:
        learner.start_from(model_folder(options.start))
    division = divide(samples, options_of(HoldOut, arguments))
    train, validation = _validation(division, options.validate, config)
    print_counts(samples, train, validation, division, source)
    result = learner.fit(
        train, validation, config=config, folder=options.out,
        resume=options.resume, source=source, adaptation=adaptation, on_epoch=_epoch_lines(config),
    )  # fmt: skip
    _print_result(result, learner, division, config, options.out)


def _network_of(model: str) -> str:
    """The network of a model that is begun with."""
    from co_perception.learners.metadata import Metadata

    return Metadata.read(model_folder(model)).network


def _with_recorded_clips(sources: SampleSources, options: TrainOptions) -> tuple[SampleSources, Skipped]:
    """The sources, recordings of their people instead of videos, and what of these cannot be used.

    Raises ValueError for options that are for videos where there are none, and for annotations where there are some.
    """
    from co_perception.data.parsing import Skipped

    skipped = Skipped()
    videos = [path for path in sources.sources if path.exists() and sources.kind is None and is_video_source(path)]
    if not videos:
        if options.who or options.pose_settings:
            raise ValueError("--who and --pose-set are for folders and tables of videos, and no source is one.")
        return sources, skipped
    if sources.annotations is not None:
        raise ValueError(
            "--annotations is for recordings, and videos have their labels in folders or tables: make recordings of "
            "the videos first (co-perception clips), or keep an annotations.csv beside each recording."
        )
    folder = options.out / CLIPS
    shutil.rmtree(folder, ignore_errors=True)
    bags = record_clips(videos, folder, options.who or "most", options.pose_settings, skipped)
    others = [path for path in sources.sources if path not in videos]
    return replace(sources, sources=[*others, *bags]), skipped


def _train_video(options: TrainOptions, arguments: argparse.Namespace) -> None:
    from co_perception.networks.variants import video_variant

    given = {"step": options.step, "source": arguments.source, "kind": arguments.kind, "rate": arguments.rate,
             "aspect": arguments.aspect, "coordinates": arguments.coordinates, "strict": options.strict,
             "who": options.who, "pose-set": options.pose_settings}  # fmt: skip
    if unused := [f"--{name}" for name, value in given.items() if value]:
        raise ValueError(f"{', '.join(unused)} is for --recognizer skeleton: leave it out.")
    network, config = options.network or NETWORK, _settings(options, head_settings())
    samples, skipped = read_videos(options_of(VideoSources, arguments), video_variant(network).rate_hz)
    if skipped:
        print(skipped.report(), file=sys.stderr)
    division = divide(samples, options_of(HoldOut, arguments))
    train, validation = _validation(division, options.validate, config)
    print_counts(samples, train, validation, division, None, "clips")
    start = model_folder(options.start) if options.start else None
    with Bar(lambda done, whole: f"{100 * done // whole} %") as bar:
        learner = video_learner(network, options.head or HEAD, options.crop or CENTER, start, samples, bar)
        result = learner.fit(
            train, validation, config=config, folder=options.out, resume=options.resume, on_epoch=_epoch_lines(config)
        )
        _print_result(result, learner, division, config, options.out)


def _settings(options: TrainOptions, own: TrainConfig) -> TrainConfig:
    """The settings of the command's arguments, over those of its file or its own."""
    from co_perception.training.config import TrainConfig, from_arguments

    config = TrainConfig.from_yaml(options.config) if options.config else own
    config = from_arguments([f"--train.{setting}" for setting in options.settings], config)
    return config if options.epochs is None else config.replace(epochs=options.epochs)


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
    samples: Samples,
    train: Samples,
    validation: Samples | None,
    division: Division,
    source: Samples | None,
    what: str = "windows",
) -> None:
    """Windows of each class by what they are for, and the takes they are cut from; classes without any are counted."""
    none = dict.fromkeys(samples.classes, 0)
    columns = {
        f"{what} to train on": train.counts(),
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


def _epoch_lines(config: TrainConfig) -> Callable[[int, Mapping[str, float]], None] | None:
    """Prints a line for each epoch where no terminal shows a bar."""
    if sys.stderr.isatty():
        return None

    def show(done: int, measures: Mapping[str, float]) -> None:
        figures = ", ".join(f"{name} {value:.3f}" for name, value in measures.items())
        share = 100 * done // config.epochs
        print(f"epoch {done} of {config.epochs}, {figures}: {share} %", file=sys.stderr, flush=True)

    return show


def _print_result(
    result: Mapping[str, Any], learner: TrainableLearner, division: Division, config: TrainConfig, out: Path
) -> None:
    """Prints the figures of what is held out, and writes them beside the model. Raises: OSError."""
    from co_perception.engine.files import write_files

    print(f"{result['epochs']} epochs, loss {result['loss']:.3f}; used: epoch {result['best_epoch']}.")
    if division.held_out is None:
        return
    judged = judge(learner, division.held_out, division.by, config)
    print(f"Held out: accuracy {judged.accuracy:.3f}; {judged.words()}.")
    figures, shown = learner.eval(division.held_out, config=config), sum(map(bool, division.held_out.counts().values()))
    balanced = f"balanced accuracy {figures['balanced_accuracy']:.3f} (chance {1 / shown:.3f})"
    print(f"Held out: {balanced}, F1 {figures['f1']:.3f}.")
    counts = held_out_confusion(learner, division.held_out, config)
    print_confusion(counts)
    found = {"classes": counts.classes, "confusion": counts.rows, "judged": judged.as_dict(), "words": judged.words()}
    text = json.dumps(found | {"balanced_accuracy": figures["balanced_accuracy"], "f1": figures["f1"]}, indent=1)
    write_files({out / HELD_OUT: (text + "\n").encode()})
