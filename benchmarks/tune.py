"""Thresholds chosen from recordings of some people: is the rate of false alarms that was promised kept with others?

    python benchmarks/tune.py --data DATA [--draws 200]

DATA/test has the sets of docs/recipes.md, none of whose people the shipped model was trained on. Each person is a
recording: takes one after the other, everybody who comes next being somebody else, recognized by the shipped model as a
node would; time that leaves open what a group of labels should say is not judged. So often as asked, half
of the people of each set are drawn, rules are chosen from their recordings as `co-perception tune` does, and counted is
the rate in the recordings of all others. It prints how often that is within the promised one, and writes
out/bench/tune.json.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.results import write_json
from co_perception.data.annotations.intervals import Interval
from co_perception.data.messages.people import DetectedPeople
from co_perception.engine.label_groups import is_none
from co_perception.engine.settings import values_of
from co_perception.engine.target import Pose
from co_perception.engine.time import NANO
from co_perception.evaluation.ground_truth import LabeledRecording, Protocol, Replayed, ground_truth, sightings
from co_perception.evaluation.judged_groups import JudgedGroup, judged_groups
from co_perception.evaluation.provenance import machine
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.rule_trials import TrialTable, joined, trials
from co_perception.evaluation.threshold_choice import choose
from co_perception.learners.recognizers import KINDS
from recipes.everyday.labels import GROUPS, NONE, UNKNOWN
from recipes.everyday.measure import Stream, streams
from recipes.everyday.sets import test_takes

OUT = Path("out/bench")
SETS = ("utkinect", "nw_ucla", "msr_action3d", "sbu", "up_fall")
RATE_HZ, SIZE = 15.0, 200.0  # SIZE: pixels of a body height
GAP = 20  # frames between two takes
RATES = (60.0, 120.0, 240.0, 480.0)  # false alarms an hour
NOTHING = "(nothing of it)"


@dataclass(frozen=True, eq=False)
class Person:
    """A recording: answers and annotations, and for each group the time in which it is not known what is true."""

    dataset: str
    replayed: Replayed
    unknown: dict[str, dict[str, tuple[Interval, ...]]]  # by group and subject

    def of(self, group: JudgedGroup) -> LabeledRecording:
        """The answers of one group, joined with what is true."""
        own = group.of(self.replayed)
        truth = ground_truth(own.annotations, sightings(own.records), group.protocol.background)
        truth = replace(truth, unknown=self.unknown[group.name])
        records = [replace(each, truth=truth.label(each.subject, each.stamp_ns)) for each in own.records]
        return group.narrowed(LabeledRecording(own.name, records, truth))


def spans(goals: NDArray[np.int8], begin: int) -> Iterator[tuple[int, int, int]]:
    """Runs of one target (T,) as (target, start [ns], end [ns]), where frame `begin` of the recording is the first."""
    edges = [0, *(np.flatnonzero(np.diff(goals)) + 1), len(goals)]
    for first, last in itertools.pairwise(edges):
        yield int(goals[first]), stamp(begin + int(first)), stamp(begin + int(last))


def stamp(frame: int) -> int:
    """Stamp of a frame of a recording [ns]."""
    return round((frame + 1) / RATE_HZ * NANO)


def person(dataset: str, name: str, rows: Sequence[Stream]) -> Person:
    """The takes of a person, answered by the shipped model."""
    kind = KINDS["skeleton"]
    values = values_of(kind.settings, {"threads": 1})
    recognizer: Any = kind.recognizer(kind.loaded(values), values)
    records, truth, begin = list[FrameRecord](), list[Interval](), 0
    unknown: dict[str, dict[str, tuple[Interval, ...]]] = {group: {} for group in GROUPS}
    for number, row in enumerate(rows):
        subject = f"p{number}"
        for column, (group, classes) in enumerate(GROUPS.items()):
            open_ = list[Interval]()
            for goal, start, end in spans(row.goals[:, column], begin):
                if goal == UNKNOWN:
                    open_.append(Interval(start, end, "unknown", subject))
                elif classes[goal] != NONE:
                    truth.append(Interval(start, end, classes[goal], subject, group=group))
            unknown[group][subject] = tuple(open_)
        for frame, joints in enumerate(row.joints):
            records += answers(recognizer, joints, stamp(begin + frame), subject, name)
        begin += len(row.joints) + GAP
    return Person(dataset, Replayed(name, records, truth), unknown)


def answers(recognizer: Any, joints: Any, stamp_ns: int, subject: str, recording: str) -> list[FrameRecord]:
    """The answers about somebody in one frame, joints (13, 3) as of `recipes.everyday.measure`."""
    data = joints.astype(np.float32)
    data[:, :2] = data[:, :2] * SIZE + 320
    people = DetectedPeople([Pose(data, "body13", id=subject)], {}, [])
    answered = recognizer.answer(people, stamp_ns, recognizer.admit(stamp_ns))
    return [
        FrameRecord.of(each.category, stamp_ns, stamp_ns, subject=each.subject, recording=recording)
        for each in answered.answers
        if each.subject == subject
    ]


def table_of(one: Person, groups: Sequence[JudgedGroup]) -> TrialTable:
    """All rules tried on a person's recording."""
    labels = [[label for label in each.classes if not is_none(label, each.name)] for each in groups]
    return joined([trials([one.of(each)], own, each.classes) for each, own in zip(groups, labels, strict=True)])


def whole(tables: Sequence[TrialTable]) -> TrialTable:
    """The parts of several recordings as those of one table."""
    first = tables[0]
    names = "hours", "false", "missed", "delay_s", "true"
    parts: list[Any] = [np.concatenate([getattr(each, name) for each in tables], axis=-1) for name in names]
    return TrialTable(first.labels, first.rules, *parts)


def halves(people: Sequence[Person], rng: np.random.Generator) -> tuple[list[int], list[int]]:
    """Half of the people of each set, in random order, and all others."""
    chosen, others = list[int](), list[int]()
    for dataset in sorted({each.dataset for each in people}):
        own = rng.permutation([n for n, each in enumerate(people) if each.dataset == dataset])
        chosen += [int(n) for n in own[: len(own) // 2]]
        others += [int(n) for n in own[len(own) // 2 :]]
    return [int(n) for n in rng.permutation(chosen)], others


def promise(tables: Sequence[TrialTable], people: Sequence[Person], per_hour: float, draws: int) -> dict[str, Any]:
    """How often the rate that rules were chosen for is kept in the recordings of other people."""
    rng, kept, refused, rates, missed = np.random.default_rng(0), 0, 0, list[float](), list[float]()
    for _ in range(draws):
        mine, others = halves(people, rng)
        try:
            result = choose(whole([tables[n] for n in mine]), per_hour)
        except ValueError:
            refused += 1
            continue
        held_out = whole([tables[n] for n in others])
        rules = [held_out.rules.index(each.rules) for each in result.choices]
        false = sum(int(held_out.false[k, g].sum()) for k, g in enumerate(rules))
        rates.append(false / float(held_out.hours.sum()))
        missed.append(sum(int(held_out.missed[k, g].sum()) for k, g in enumerate(rules)) / held_out.true.sum())
        kept += rates[-1] <= per_hour
    return {
        "per_hour": per_hour, "draws": draws, "refused": refused, "kept": kept,
        "rate": float(np.mean(rates)) if rates else None, "missed": float(np.mean(missed)) if missed else None,
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with test/")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--most", type=int, default=0, help="people of each set; 0: all")
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args(arguments)
    learner = KINDS["skeleton"].loaded(values_of(KINDS["skeleton"].settings, {"threads": 1}))
    groups = judged_groups(learner.labels, learner.groups, Protocol(background=NOTHING))
    people, tables = list[Person](), list[TrialTable]()
    for dataset in SETS:
        rows = streams(test_takes(chosen.data, dataset), 0)
        for who in sorted({row.take.person for row in rows})[: chosen.most or None]:
            people.append(person(dataset, f"{dataset}/{who}", [row for row in rows if row.take.person == who]))
            tables.append(table_of(people[-1], groups))
            print(f"{people[-1].replayed.name}: {60 * float(tables[-1].hours.sum()):.1f} min", flush=True)
    hours = float(sum(table.hours.sum() for table in tables))
    print(f"{len(people)} people, {hours:.2f} h. Half of the people of each set for choosing, {chosen.draws} times:")
    rows_ = [promise(tables, people, per_hour, chosen.draws) for per_hour in RATES]
    for row in rows_:
        print(row)
    write_json(chosen.out / "tune.json", {"machine": machine(), "people": len(people), "hours": hours, "rows": rows_})
    return 0


if __name__ == "__main__":
    sys.exit(main())
