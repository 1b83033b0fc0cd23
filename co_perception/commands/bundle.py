"""`co-perception bundle`: makes of a model the folder with which a robot runs it without torch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from co_perception.commands.output import Commands
from co_perception.engine.paths import expanded, user_path

if TYPE_CHECKING:
    from co_perception.learners.skeleton import ContinualSkeletonLearner
    from co_perception.learners.video import ContinualVideoLearner


def add(commands: Commands) -> None:
    about = "make a bundle of a model: all that a robot needs to run it"
    parser = commands.add_parser("bundle", help=about, description=f"{about.capitalize()}.")
    parser.add_argument(
        "model",
        type=expanded,
        metavar="MODEL",
        help="name of a shipped model, a folder that save() or train wrote, or a network with published weights",
    )
    parser.add_argument(
        "--out",
        type=user_path,
        metavar="DIR",
        help="folder to write; default: bundle/ in the model's folder, of published weights one in the local store",
    )
    parser.set_defaults(run=_run, extras="onnx")


def _run(arguments: argparse.Namespace) -> int:
    from co_perception.learners.bundle_file import Bundle

    learner, default = _learner(arguments.model)
    out = arguments.out or default
    learner.bundle(out)
    bundle = Bundle.read(out)
    size = sum(file.stat().st_size for file in out.iterdir())
    print(f"{bundle.name}: {out}, {size / 1e6:.1f} MB")
    print("largest difference from the network, as a share of the largest number, by program and number of streams:")
    print("\n".join(f"  {name}: {off:.1e}" for name, off in bundle.parity.items()))
    return 0


def _learner(model: str) -> tuple[ContinualSkeletonLearner | ContinualVideoLearner, Path]:
    """The learner with its weights, and where its bundle goes. Raises: ValueError for another kind of model."""
    from co_perception.learners.bundle_file import FOLDER
    from co_perception.learners.metadata import Metadata, saved_folder
    from co_perception.learners.skeleton import ContinualSkeletonLearner
    from co_perception.learners.video import ContinualVideoLearner
    from co_perception.learners.weights import bundle_path_of
    from co_perception.networks.variants import VIDEO_VARIANTS

    published = VIDEO_VARIANTS.get(model)
    if published is not None and published.weights and not Path(model).is_dir():
        video = ContinualVideoLearner(model)
        video.load()
        return video, bundle_path_of(model, published.weights)
    folder = saved_folder(model)
    saved = Metadata.read(folder)
    kinds = {"skeleton": ContinualSkeletonLearner, "video": ContinualVideoLearner}
    if saved.kind not in kinds:
        raise ValueError(f"{folder} is a model of kind {saved.kind!r}; bundles are made of: {', '.join(kinds)}")
    learner: ContinualSkeletonLearner | ContinualVideoLearner = kinds[saved.kind](saved.network)
    learner.load(folder)
    return learner, folder / FOLDER
