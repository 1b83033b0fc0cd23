"""`co-perception bundle`: makes of a model the folder with which a robot runs it without torch."""

from __future__ import annotations

import argparse
from pathlib import Path

from co_perception.commands.output import Commands
from co_perception.engine.paths import expanded, user_path


def add(commands: Commands) -> None:
    about = "make a bundle of a skeleton model: all that a robot needs to run it"
    parser = commands.add_parser("bundle", help=about, description=f"{about.capitalize()}.")
    parser.add_argument(
        "model", type=expanded, metavar="MODEL", help="name of a shipped model, or a folder that save() or train wrote"
    )
    parser.add_argument(
        "--out", type=user_path, metavar="DIR", help="folder to write; default: bundle/ in the model's folder"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from co_perception.learners.bundle_file import FOLDER, Bundle
    from co_perception.learners.metadata import Metadata, shipped, shipped_names
    from co_perception.learners.skeleton import ContinualSkeletonLearner

    folder = shipped(arguments.model) if arguments.model in shipped_names() else Path(arguments.model)
    saved = Metadata.read(folder)
    if saved.kind != "skeleton":
        raise ValueError(f"{folder} is a model of kind {saved.kind!r}; bundles are made of skeleton models")
    learner = ContinualSkeletonLearner(saved.network)
    learner.load(folder)
    out = arguments.out or folder / FOLDER
    learner.bundle(out)
    bundle = Bundle.read(out)
    size = sum(file.stat().st_size for file in out.iterdir())
    print(f"{bundle.name}: {out}, {size / 1e6:.1f} MB")
    print("largest difference from the network, as a share of the largest number, by program and number of streams:")
    print("\n".join(f"  {name}: {off:.1e}" for name, off in bundle.parity.items()))
    return 0
