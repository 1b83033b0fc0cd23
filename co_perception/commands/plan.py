"""What `evaluate` is asked to do: which recogniser with which settings, on which recordings, under which faults."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from co_perception.commands.models import model_folder

if TYPE_CHECKING:
    from co_perception.data.faults import Fault
    from co_perception.engine.settings import Setting, Value
    from co_perception.learners.metadata import Metadata
    from co_perception.learners.scoring import Task

RECOGNISERS = ("skeleton", "video", "activity")
POSE = "pose."  # prefix of a setting of the pose estimator
FAULTS = ("rate_hz", "drop", "jitter_ms", "noise")


def add_plan(parser: argparse.ArgumentParser) -> None:
    """The arguments a plan is made of, besides the recordings."""
    parser.add_argument(
        "--recognizer", choices=RECOGNISERS, default="skeleton",
        help="what answers: people's poses, pictures, or nobody: the bag has /activity (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--model", help="folder of a model, or the name of a shipped one")
    parser.add_argument("--network", help="network with its published weights, instead of a model")
    parser.add_argument(
        "--pose", metavar="ESTIMATOR", help="find people in the bag's pictures with this estimator: movenet, mediapipe"
    )
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="NAME=VALUE",
        help="a parameter of the recogniser's node (max_gap_s=2), or with pose. before it of the pose node",
    )  # fmt: skip
    faults = parser.add_argument_group("faults", "Each makes one more run; given twice, it makes two.")
    faults.add_argument("--drop", type=float, action="append", metavar="SHARE", help="lose this share of the frames")
    faults.add_argument("--jitter-ms", type=float, action="append", metavar="MS", help="deviation of wrong stamps")
    faults.add_argument("--rate", type=float, action="append", metavar="HZ", dest="rate_hz", help="a slower camera")
    faults.add_argument(
        "--noise", type=float, action="append", metavar="SHARE",
        help="deviation of joints, as a share of a person's height, or of brightness",
    )  # fmt: skip
    faults.add_argument("--together", action="store_true", help="one run with all of them, instead of one for each")
    faults.add_argument("--seed", type=int, default=0, help="of all that is drawn (default: %(default)s)")


@dataclass(frozen=True)
class Plan:
    """One recogniser on several recordings.

    Args:
        recogniser: one of RECOGNISERS.
        settings, pose, topic: as in `scoring.Task`.
        recordings: each one's name and where it lies.
        faults: one run each; the first one is clean.
        weights: folder of the weights; None: published ones.
    """

    recogniser: str
    settings: dict[str, Value]
    pose: dict[str, Value] | None
    topic: str | None
    recordings: dict[str, Path]
    faults: tuple[Fault, ...]
    weights: Path | None = None

    def tasks(self, folder: Path) -> Iterator[Task]:
        """Run by run, and in each run recording by recording."""
        from co_perception.learners.scoring import Task

        settings = tuple(sorted(self.settings.items()))
        pose = None if self.pose is None else tuple(sorted(self.pose.items()))
        for run, fault in enumerate(self.faults):
            for number, (name, path) in enumerate(self.recordings.items()):
                place = str(folder / f"{run}_{number}")
                yield Task(str(path.resolve()), name, self.recogniser, place, settings, pose, self.topic, fault)


def plan_of(chosen: argparse.Namespace, recordings: Sequence[Path]) -> Plan:
    """The plan of parsed arguments. Raises ValueError for what does not fit together, or cannot be set."""
    settings, pose = _settings(chosen)
    weights = None
    if chosen.recognizer == "activity":
        if chosen.model or chosen.network or chosen.pose or settings:
            raise ValueError("--recognizer activity scores what was said when the bag was recorded: it takes no model.")
    else:
        weights = model_folder(chosen.model).resolve() if chosen.model else None
        settings = _model(chosen, weights) | settings
    if chosen.pose and chosen.recognizer == "video" and settings.get("subject") != "person":
        raise ValueError("--pose finds people, and --recognizer video looks at whole pictures: --set subject=person.")
    faults = tuple(_faults(chosen))
    if len(faults) > 1 and chosen.recognizer == "activity":
        raise ValueError("--recognizer activity answered long ago: faults cannot be added to it.")
    named = dict(zip(_names(recordings), recordings, strict=True))
    return Plan(chosen.recognizer, settings, pose, chosen.topic, named, faults, weights)


def _settings(chosen: argparse.Namespace) -> tuple[dict[str, Value], dict[str, Value] | None]:
    from co_perception.learners.recognisers import KINDS
    from co_perception.pose.finder import FINDING

    pairs = [text.partition("=")[::2] for text in chosen.settings]
    kind = KINDS.get(chosen.recognizer)
    own = _parsed([pair for pair in pairs if not pair[0].startswith(POSE)], kind.table if kind else ())
    others = [(name.removeprefix(POSE), value) for name, value in pairs if name.startswith(POSE)]
    if others and not chosen.pose:
        raise ValueError(f"{POSE}{others[0][0]} is set, and nobody looks for people: --pose names the estimator.")
    pose = {"estimator": chosen.pose, "threads": 1} | _parsed(others, FINDING) if chosen.pose else None
    return own, pose


def _parsed(pairs: Sequence[tuple[str, str]], table: Sequence[Setting]) -> dict[str, Value]:
    known = {setting.name: setting for setting in table}
    for name, _ in pairs:
        if name not in known:
            raise ValueError(f"there is no setting {name!r}; there are: {', '.join(sorted(known)) or 'none'}.")
    return {name: known[name].parse(text) for name, text in pairs}


def _model(chosen: argparse.Namespace, weights: Path | None) -> dict[str, Value]:
    """Settings that name the weights. One thread: how a sum is shared out changes its last digits."""
    from co_perception.learners.metadata import Metadata

    if weights is None and not chosen.network:
        raise ValueError("which model? --model names a folder or a shipped one, --network published weights.")
    settings: dict[str, Value] = {"threads": 1, "network": chosen.network or ""}
    if chosen.recognizer == "skeleton":
        settings["model"] = ""
    if weights is not None:
        saved = Metadata.read(weights)
        _check_kind(saved, weights, chosen.recognizer)
        settings |= {"model_path": str(weights), "network": chosen.network or saved.network}
    return settings


def _check_kind(saved: Metadata, folder: Path, recogniser: str) -> None:
    from co_perception.learners.metadata import SkeletonMetadata, VideoMetadata

    kind = {"skeleton": SkeletonMetadata, "video": VideoMetadata}[recogniser]
    if not isinstance(saved, kind):
        raise ValueError(f"{folder} holds {saved.network}, which is no network for --recognizer {recogniser}.")


def _faults(chosen: argparse.Namespace) -> Iterator[Fault]:
    from co_perception.data.faults import Fault

    clean = Fault(seed=chosen.seed)
    yield clean
    given = {name: getattr(chosen, name) or [] for name in FAULTS}
    if chosen.together:
        if several := [name for name, values in given.items() if len(values) > 1]:
            raise ValueError(f"--together makes one run of all faults, and there are several values of {several[0]}.")
        yield replace(clean, **{name: values[0] for name, values in given.items() if values})
    else:
        yield from (replace(clean, **{name: value}) for name, values in given.items() for value in values)


def _names(recordings: Sequence[Path]) -> list[str]:
    """What annotations call them; with their folder where two have one name."""
    from co_perception.data.bag_file import recording_name

    names = [recording_name(path) for path in recordings]
    counts = Counter(names)
    longer = [
        f"{path.resolve().parent.name}/{name}" if counts[name] > 1 else name
        for path, name in zip(recordings, names, strict=True)
    ]
    if len(set(longer)) < len(longer):
        raise ValueError(f"two recordings are called {Counter(longer).most_common(1)[0][0]!r}: rename one of them.")
    return longer
