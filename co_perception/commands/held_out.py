"""Held-out part of a command's samples: how it is divided, what is told before, and the figure it gives."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from co_perception.commands.output import print_table
from co_perception.engine.arguments import HELD_OUT_SHARE

if TYPE_CHECKING:
    from co_perception.data.samples import By, Samples
    from co_perception.evaluation.judged_accuracy import JudgedAccuracy
    from co_perception.learners.trainable import TrainableLearner
    from co_perception.training.config import TrainConfig

HELD_OUT = "held_out.json"  # in the folder of a training: figures and confusions of what it was not trained on
UNITS = {"group": "takes", "recording": "recordings", "subject": "people"}
SPREAD = 3  # recordings of every class from which on whole recordings are held out


@dataclass(frozen=True)
class HoldOut:
    """What is held out, as the arguments of these names.

    Args:
        hold_out: share of the samples.
        by: what is never divided; "auto": recordings where every class is in three of them, else takes.
    """

    hold_out: float
    by: Literal["auto", "group", "recording", "subject"]


def add_hold_out(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `HoldOut`."""
    parser.add_argument(
        "--hold-out",
        type=HELD_OUT_SHARE,
        default=0.25,
        metavar="SHARE",
        help="share that is not trained on (default: 0.25)",
    )
    parser.add_argument(
        "--by", choices=("auto", *UNITS), default="auto",
        help="hold out whole takes (group: annotated intervals, clips), recordings or people (subject); auto: "
        "recordings where every class is in three of them, else takes (default)",
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Division:
    """Samples to train on, those held out (None: nothing is), and what was not divided."""

    train: Samples
    held_out: Samples | None
    by: By


def divide(samples: Samples, wanted: HoldOut) -> Division:
    """Samples to train on and those that are held out; tells on standard error which classes cannot be judged.

    Nothing is held out where a class has one unit only. Raises ValueError where people are wanted and not known, or
    where two names may be one person.
    """
    by: By = wanted.by if wanted.by != "auto" else _widest(samples)
    if by == "subject":
        _check_people(samples)
    if absent := [name for name, count in samples.counts().items() if not count]:
        shown = ", ".join(absent[:10]) + (", ..." if len(absent) > 10 else "")
        print(f"There is no example of {len(absent)} classes, which will not be learned: {shown}.", file=sys.stderr)
    if wanted.hold_out <= 0:
        return Division(samples, None, by)
    once = [name for name, units in unit_counts(samples, by).items() if units == 1]
    if once:
        print(
            f"There is one {_singular(by)} only of: {', '.join(once)}. Nothing is held out, so it stays unknown how "
            "good the model will be: mark each activity several times.",
            file=sys.stderr,
        )
        return Division(samples, None, by)
    train, held_out = samples.split(1 - wanted.hold_out, by=by)
    _tell_absent(samples, train, "trained on")
    _tell_absent(samples, held_out, "held out")
    shared = set(train.units("recording")) & set(held_out.units("recording"))
    if by == "group" and shared and len(shared) < len(samples.items):
        print(
            f"Takes of {len(shared)} recordings are both trained on and held out: how good the model is on another "
            "day, place or person stays unknown. --by recording or --by subject hold out whole ones.",
            file=sys.stderr,
        )
    return Division(train, held_out, by)


def unit_counts(samples: Samples, by: By = "group") -> dict[str, int]:
    """Number of takes, recordings or people of each class."""
    found = defaultdict(set)
    for item, unit in zip(samples.items, samples.units(by), strict=True):
        found[samples.classes[item.label]].add(unit)
    return {name: len(found[name]) for name in samples.classes}


def judge(learner: TrainableLearner, held_out: Samples, by: By, config: TrainConfig | None = None) -> JudgedAccuracy:
    """The accuracy of a learner on held-out samples, beside chance and with an interval over what was not divided."""
    import numpy as np

    from co_perception.evaluation.judged_accuracy import judged_accuracy

    takes, recordings = held_out.units("group"), held_out.units("recording")
    people = [item.subject or recording for item, recording in zip(held_out.items, recordings, strict=True)]
    truth = np.array(held_out.labels, np.int64)
    predicted = learner.predict(held_out, config=config)
    return judged_accuracy(truth, predicted, held_out.units(by), UNITS[by], (people, recordings, takes))


@dataclass(frozen=True)
class HeldOutConfusion:
    """Counts of held-out samples, by true class (rows) and predicted one (columns), of the classes that occur."""

    classes: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]


def held_out_confusion(
    learner: TrainableLearner, held_out: Samples, config: TrainConfig | None = None
) -> HeldOutConfusion:
    """What a learner takes held-out samples for."""
    import numpy as np

    from co_perception.evaluation.metrics.frame import confusion

    truth = np.array(held_out.labels, np.int64)
    counts = confusion(truth, learner.predict(held_out, config=config), len(held_out.classes)).astype(int)
    occur = np.flatnonzero(counts.sum(0) + counts.sum(1))
    rows = tuple(tuple(int(counts[row, column]) for column in occur) for row in occur)
    return HeldOutConfusion(tuple(held_out.classes[number] for number in occur), rows)


def print_confusion(counts: HeldOutConfusion) -> None:
    """Prints the counts as a table."""
    print("Held out, truth (rows) and prediction (columns):")
    rows = zip(counts.classes, counts.rows, strict=True)
    print_table([("", *counts.classes), *((name, *map(str, row)) for name, row in rows)])


def _widest(samples: Samples) -> By:
    """Recordings, where enough of every class remain to train on without some of them."""
    counts = [count for count in unit_counts(samples, "recording").values() if count]
    return "recording" if min(counts) >= SPREAD else "group"


def _check_people(samples: Samples) -> None:
    """Raises ValueError where two names may be one person, or one is no name: both sides would have one person."""
    from co_perception.data.annotations.label_checks import null_labels, similar_labels

    names = {item.subject for item in samples.items if item.subject}
    for alike in similar_labels(names):
        raise ValueError(
            f"{' and '.join(map(repr, alike))} differ in case, space or Unicode form only, and one person must not be "
            "trained on and held out: write the name in one way in the annotations."
        )
    if null := null_labels(names):
        raise ValueError(f"{null[0]!r} is no name of a person: name everybody in the annotations, or leave --by out.")


def _tell_absent(samples: Samples, part: Samples, what: str) -> None:
    every, there = samples.counts(), part.counts()
    if absent := [name for name, count in there.items() if every[name] and not count]:
        print(f"Nothing is {what} of: {', '.join(absent)}. Mark each activity more often.", file=sys.stderr)


def _singular(by: By) -> str:
    return {"group": "take", "recording": "recording", "subject": "person"}[by]
