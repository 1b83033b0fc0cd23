"""`co-perception evaluate`: recordings through a model as a robot would see them, frame by frame."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from co_perception.commands.models import model_folder
from co_perception.commands.output import Commands, print_table
from co_perception.commands.sources import add_sources, read_takes

if TYPE_CHECKING:
    from co_perception.data.takes import Take
    from co_perception.evaluation.frame_scores import FrameScores, Judged
    from co_perception.learners.skeleton import ContinualSkeletonLearner

MAX_GAP_S = 1.0  # the node's own


def add(commands: Commands) -> None:
    about = "measure a skeleton model on annotated recordings, frame by frame"
    parser = commands.add_parser(
        "evaluate",
        help=about,
        description=f"{about.capitalize()}, as the node would have answered live. Frames in which a model has seen too "
        "little to answer are counted apart.",
    )
    add_sources(parser)
    parser.add_argument("--model", required=True, help="folder of a model, or the name of a shipped one")
    parser.add_argument("--json", action="store_true", help="everything as JSON")
    parser.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> int:
    from co_perception.data.skipped import Skipped
    from co_perception.evaluation.frame_scores import score

    learner, skipped = _learner(chosen.model), Skipped()
    takes = list(read_takes(chosen, learner.variant, skipped))
    judged = [frame for take in takes for frame in judge(take, learner)]
    if skipped:
        print(skipped.report(), file=sys.stderr)
    if not judged:
        raise ValueError("no frame could be judged: do the annotations' times lie inside the recordings?")
    scores = score(judged, learner.labels)
    if chosen.json:
        print(json.dumps({"model": learner.name, "recordings": len(takes), **scores.as_dict()}, indent=2))
    else:
        _print(scores, learner, len(takes))
    return 0


def judge(take: Take, learner: ContinualSkeletonLearner) -> Iterator[Judged]:
    """Every answer to a frame of which the truth is known; each recording begins with a fresh state."""
    from co_perception.engine.target import Status
    from co_perception.evaluation.frame_scores import Judged
    from co_perception.learners.pacing import Pacer
    from co_perception.learners.people import People, Policy, replay

    people = People(learner, Policy(max_gap_s=MAX_GAP_S, max_people=learner.capacity))
    for stamp_ns, answers in replay(people, Pacer(learner.rate_hz, MAX_GAP_S), take.frames):
        for answer in answers:
            truth = take.truth_of(answer.subject, stamp_ns)
            if truth is not None and answer.category.status != Status.STALE:
                warm = answer.category.data >= 0 and answer.category.status != Status.WARMING_UP
                yield Judged(truth, learner.labels[answer.category.data] if warm else None)


def _learner(model: str) -> ContinualSkeletonLearner:
    from co_perception.learners.metadata import Metadata, SkeletonMetadata
    from co_perception.learners.skeleton import ContinualSkeletonLearner

    folder = model_folder(model)
    saved = Metadata.read(folder)
    if not isinstance(saved, SkeletonMetadata):
        raise ValueError(f"{folder} holds {saved.network}, which looks at no skeletons: it cannot be measured here.")
    learner = ContinualSkeletonLearner(saved.network)
    learner.load(folder)
    return learner


def _print(scores: FrameScores, learner: ContinualSkeletonLearner, takes: int) -> None:
    print(
        f"{learner.name} on {takes} recording(s): {scores.frames} frames, {scores.warm_up} of them "
        f"({scores.warm_up_share:.1%}) before it had seen enough."
    )
    print(
        f"accuracy {scores.accuracy:.3f} ({scores.accuracy_of_all:.3f} with the warm-up counted as wrong), "
        f"macro F1 {scores.macro_f1:.3f}"
    )
    rows = [
        (name, *(f"{row[key]:.3f}" for key in ("precision", "recall", "f1")), f"{row['frames']:.0f}")
        for name, row in scores.per_class.items()
    ]
    print_table([("class", "precision", "recall", "f1", "frames"), *rows])
    print("What it was (rows), and what was said (columns):")
    counts = [(name, *map(str, row)) for name, row in zip(scores.classes, scores.confusion, strict=True)]
    print_table([("", *scores.classes), *counts])
