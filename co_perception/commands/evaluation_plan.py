"""Plan of an evaluation: which recognizer with which settings, on which recordings, under which faults, judged how."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from co_perception.commands.sources import model_folder

if TYPE_CHECKING:
    from co_perception.data.bags.bag_frames import Fault
    from co_perception.engine.settings import Setting, Value
    from co_perception.evaluation.ground_truth import Protocol
    from co_perception.evaluation.summary import Requirement
    from co_perception.learners.replay import EvaluationTask

RECOGNIZERS = ("skeleton", "video", "activity")
POSE = "pose."  # prefix of a setting of the pose estimator
FAULTS = ("rate_hz", "drop", "jitter_ms", "noise")


@dataclass(frozen=True)
class EvaluationPlan:
    """One recognizer on several recordings.

    Args:
        recognizer: one of RECOGNIZERS.
        settings, pose, topic: as in `replay.EvaluationTask`.
        recordings: path of each, by its name.
        faults: one run each; the first one is clean.
        weights: folder of the weights; None: published ones.
        annotations: files, or topics of the recordings; none: annotations.csv beside each recording.
        protocol: counting rules.
        requirements: figures of the clean run that have to be reached.
        compare: folder of an earlier run; None: without a comparison.
        out: folder of the results; None: they are only printed.
        held_out: whether a recording that the model was trained on is a problem.
    """

    recognizer: str
    settings: dict[str, Value]
    pose: dict[str, Value] | None
    topic: str | None
    recordings: dict[str, Path]
    faults: tuple[Fault, ...]
    weights: Path | None
    annotations: tuple[str, ...]
    protocol: Protocol
    requirements: tuple[Requirement, ...]
    compare: Path | None
    out: Path | None
    held_out: bool = False

    def tasks(self, folder: Path) -> Iterator[EvaluationTask]:
        """Run by run, and in each run recording by recording; each has a folder of its own in `folder`."""
        from co_perception.learners.replay import EvaluationTask

        settings = tuple(sorted(self.settings.items()))
        pose = None if self.pose is None else tuple(sorted(self.pose.items()))
        for run, fault in enumerate(self.faults):
            for number, (name, path) in enumerate(self.recordings.items()):
                place = str(folder / f"{run}_{number}")
                yield EvaluationTask(
                    str(path.resolve()), name, self.recognizer, place, settings, pose, self.topic, fault
                )


def plan_of(arguments: argparse.Namespace) -> EvaluationPlan:
    """The plan of parsed arguments of `co-perception evaluate`; files it names are read once, before all else.

    Raises:
        OSError: for a file that cannot be read.
        ValueError: for what does not fit together, or cannot be set.
    """
    from co_perception.data.annotations.sources import TOPIC, read_any
    from co_perception.data.bags.recorded_file import recording_name
    from co_perception.engine.settings import values_of
    from co_perception.evaluation.ground_truth import Protocol
    from co_perception.evaluation.records import read_classes
    from co_perception.evaluation.run_identity import RunIdentity
    from co_perception.evaluation.summary import Requirement
    from co_perception.online.events import EventRuleSettings

    requirements = tuple(Requirement.parse(text) for text in arguments.require)
    for source in arguments.annotations:
        if not source.startswith(TOPIC):
            given = {"", *map(recording_name, arguments.bags)}
            if absent := sorted({interval.recording for interval in read_any(source)} - given):
                print(f"{source} also has annotations of recordings that are not given: {absent}.", file=sys.stderr)
    if arguments.compare:
        read_classes(arguments.compare)
        RunIdentity.read(arguments.compare)
    settings, pose, events = _settings(arguments.settings, arguments.recognizer, arguments.pose)
    weights = None
    if arguments.recognizer == "activity":
        if arguments.model or arguments.network or arguments.pose or settings:
            raise ValueError("--recognizer activity scores the recorded topic activity: it takes no model.")
    else:
        weights = model_folder(arguments.model, bundles=True).resolve() if arguments.model else None
        settings = _model_settings(arguments.recognizer, arguments.network, weights) | settings
    if arguments.pose and arguments.recognizer == "video" and settings.get("subject") != "person":
        raise ValueError("--pose finds people, and --recognizer video looks at whole pictures: --set subject=person.")
    faults = _faults(arguments)
    if len(faults) > 1 and arguments.recognizer == "activity":
        raise ValueError("--recognizer activity answered long ago: faults cannot be added to it.")
    max_gap_s = float(settings.get("max_gap_s", Protocol.max_gap_s))
    return EvaluationPlan(
        recognizer=arguments.recognizer,
        settings=settings,
        pose=pose,
        topic=arguments.topic,
        recordings=dict(zip(_recording_names(arguments.bags), arguments.bags, strict=True)),
        faults=faults,
        weights=weights,
        annotations=tuple(arguments.annotations),
        protocol=Protocol(
            arguments.background,
            arguments.described,
            rules=values_of(EventRuleSettings, events).rules(max_gap_s),
            max_gap_s=max_gap_s,
        ),
        requirements=requirements,
        compare=arguments.compare,
        out=arguments.out,
        held_out=arguments.held_out,
    )


def _settings(
    texts: Sequence[str], recognizer: str, estimator: str | None
) -> tuple[dict[str, Value], dict[str, Value] | None, dict[str, Value]]:
    """Settings of recognizer, pose estimator and events, from max_gap_s=2, pose.tiles=2, event_on=0.6."""
    from co_perception.engine.settings import table_of
    from co_perception.learners.recognizers import KINDS
    from co_perception.online.events import EventRuleSettings
    from co_perception.pose.finder import PoseSettings

    pairs = [text.partition("=")[::2] for text in texts]
    kind, of_events = KINDS.get(recognizer), table_of(EventRuleSettings)
    table = (*(table_of(kind.settings) if kind else ()), *of_events)
    own = parsed_settings([pair for pair in pairs if not pair[0].startswith(POSE)], table)
    events = {each.name: own.pop(each.name) for each in of_events if each.name in own}
    others = [(name.removeprefix(POSE), value) for name, value in pairs if name.startswith(POSE)]
    if others and not estimator:
        raise ValueError(f"{POSE}{others[0][0]} is set, and nobody looks for people: --pose names the estimator.")
    if not estimator:
        return own, None, events
    return own, {"estimator": estimator, "threads": 1, **parsed_settings(others, table_of(PoseSettings))}, events


def parsed_settings(pairs: Sequence[tuple[str, str]], table: Sequence[Setting]) -> dict[str, Value]:
    """Settings by name, of the texts they were given as. Raises ValueError for an unknown name, and what is refused."""
    from co_perception.engine.names import no_such

    known = {setting.name: setting for setting in table}
    for name, _ in pairs:
        if name not in known:
            raise ValueError(f"{no_such('setting', name, known)}.")
    return {name: known[name].parse(text) for name, text in pairs}


def _model_settings(recognizer: str, network: str | None, weights: Path | None) -> dict[str, Value]:
    """Settings that name the weights. One thread: how a sum is shared out changes its last digits."""
    from co_perception.learners.metadata import SkeletonMetadata, VideoMetadata
    from co_perception.learners.recognizers import saved_metadata

    if weights is None and not network:
        raise ValueError("which model? --model names a folder or a shipped one, --network published weights.")
    settings: dict[str, Value] = {"threads": 1, "network": network or ""}
    if recognizer == "skeleton":
        settings["model"] = ""
    if weights is not None:
        saved = saved_metadata(weights)
        if not isinstance(saved, {"skeleton": SkeletonMetadata, "video": VideoMetadata}[recognizer]):
            raise ValueError(f"{weights} holds {saved.network}, which is no network for --recognizer {recognizer}.")
        settings |= {"model_path": str(weights), "network": network or saved.network}
    return settings


def _faults(arguments: argparse.Namespace) -> tuple[Fault, ...]:
    """No fault, then one for each value, or one of all values `--together`."""
    from co_perception.data.bags.bag_frames import Fault

    clean = Fault(seed=arguments.seed)
    given = {name: values for name in FAULTS if (values := getattr(arguments, name))}
    if not arguments.together:
        for name, values in given.items():
            if len(set(values)) < len(values):
                raise ValueError(f"each value of {name} makes one run, and one is given twice: {values}.")
        return clean, *(replace(clean, **{name: value}) for name, values in given.items() for value in values)
    if several := [name for name, values in given.items() if len(values) > 1]:
        raise ValueError(f"--together makes one run of all faults, and there are several values of {several[0]}.")
    return clean, replace(clean, **{name: values[0] for name, values in given.items()})


def _recording_names(recordings: Sequence[Path]) -> list[str]:
    """The names that annotations use; with their folder where two have one name, numbered where one is given again.

    Raises ValueError where two recordings have the same name and the same name of their folder.
    """
    from co_perception.data.bags.recorded_file import recording_name

    names = [recording_name(path) for path in recordings]
    counts = Counter(names)
    longer = [
        f"{path.resolve().parent.name}/{name}" if counts[name] > 1 else name
        for path, name in zip(recordings, names, strict=True)
    ]
    first: dict[str, Path] = {}
    for name, path in zip(longer, recordings, strict=True):
        if first.setdefault(name, path).resolve() != path.resolve():
            raise ValueError(f"two recordings are called {name!r}: rename one of them.")
    earlier = (longer[:place].count(name) for place, name in enumerate(longer))
    return [f"{name} ({count + 1})" if count else name for name, count in zip(longer, earlier, strict=True)]
