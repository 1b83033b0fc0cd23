"""What came of an evaluation: figures of each run, everything that went wrong, and the files that tell of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from co_perception.commands.figures import print_comparison, print_conditions, print_recordings, print_summary
from co_perception.commands.plan import Plan
from co_perception.data.annotation_formats import TOPIC, annotations_for, read_any
from co_perception.data.annotations import Interval, checked, of_recording
from co_perception.data.bag_file import Bag
from co_perception.data.bags import annotations_beside, check_origins
from co_perception.engine.settings import values_of
from co_perception.evaluation.comparison import Comparison, compare
from co_perception.evaluation.gathering import gather, records_in, usable_annotations
from co_perception.evaluation.metrics.summary import Summary, summarise
from co_perception.evaluation.provenance import digest_of_all, digests, surroundings
from co_perception.evaluation.report import write_report
from co_perception.evaluation.requirements import Requirement, failures
from co_perception.evaluation.tracks import Protocol, Replayed
from co_perception.learners.recognisers import KINDS
from co_perception.learners.scoring import Done
from co_perception.pose.finder import FINDING

CONDITIONS = "conditions"


@dataclass(frozen=True, eq=False)
class Run:
    """All recordings under one fault; without a summary where no frame can be judged."""

    replayed: Sequence[Replayed]
    summary: Summary | None


class Scored:
    """The results of a plan. `problems` are told at the end, and make the command fail."""

    def __init__(self, plan: Plan, done: Sequence[Done]) -> None:
        self.problems: list[str] = []
        self.runs: dict[str, Run] = {}
        self._plan = plan
        self._all: dict[str, list[Done]] = {}
        for each in done:
            self._all.setdefault(each.task.fault.name, []).append(each)
        # With a fault a recording is as broken as without: what is wrong is told of the clean ones.
        self._done = next(iter(self._all.values()))
        self._classes = next((each.classes for each in done if each.classes), ())
        self._recogniser = next((each.recogniser for each in done if each.recogniser), "")
        self._annotations: Sequence[str] = ()
        self._comparison: Comparison | None = None
        self._requirements: Sequence[Requirement] = ()
        for each in self._done:
            strange = each.classes not in ((), self._classes)
            others = "was answered by a recogniser with other classes than the first recording" if strange else ""
            self._note(each.task.recording, [each.error, *each.damage, others])

    def judge(self, annotations: Sequence[str], protocol: Protocol, out: Path) -> None:
        """Joins what was said with what was true, run by run, and writes the records into `out`."""
        self._annotations = annotations
        known = [*self._classes, *filter(None, [protocol.background])]
        told = dict(self._told_of_each(known))
        for name, done in self._all.items():
            folder = out if done[0] is self._done[0] else out / CONDITIONS / name.replace(" ", "_")
            parts = (_replayed(each, told.get(each.task.recording, [])) for each in done if self._fits(each))
            replayed = gather(parts, self._classes, folder, protocol)
            self.runs[name] = Run(replayed, self._summary(name, replayed, protocol))

    def compare(self, out: Path, other: Path) -> None:
        """Holds the records in `out` against those of an earlier run."""
        self._comparison = compare(out, other)

    def require(self, requirements: Sequence[Requirement]) -> None:
        """Unmet ones are problems."""
        self._requirements = requirements
        summary = self.clean.summary
        if requirements and summary is not None:
            self.problems += failures(requirements, summary.overall)

    @property
    def clean(self) -> Run:
        """The run without a fault."""
        return next(iter(self.runs.values()))

    @property
    def conditions(self) -> dict[str, Summary]:
        """The runs with one."""
        return {name: run.summary for name, run in list(self.runs.items())[1:] if run.summary is not None}

    @cached_property
    def told(self) -> dict[str, Any]:
        """Everything, ready for JSON; asked for when all is done."""
        summary = self.clean.summary
        return {
            "recognizer": self._recogniser,
            "configuration": self.configuration(),
            "input_hash": digest_of_all([path for path in self._inputs() if path.exists()]),
            "inputs": self.inputs(),
            "recordings": {each.task.recording: _of_recording(each) for each in self._done},
            "figures": summary.as_dict() if summary else None,
            "conditions": {name: found.as_dict() for name, found in self.conditions.items()},
            "comparison": self._comparison.as_dict() if self._comparison else None,
            "requirements": [asdict(each) for each in self._requirements],
            "problems": self.problems,
            **surroundings(),
        }

    def configuration(self) -> dict[str, Any]:
        """Every setting, the defaults too."""
        plan = self._plan
        kind = KINDS.get(plan.recogniser)
        settings = vars(values_of(kind.table, plan.settings)) if kind else {}
        pose = {} if plan.pose is None else vars(values_of(FINDING, plan.pose))
        return {
            "recogniser": plan.recogniser, "topic": plan.topic, "seed": plan.faults[0].seed, **settings,
            **{f"pose.{name}": value for name, value in pose.items()},
        }  # fmt: skip

    def inputs(self) -> dict[str, str]:
        """Digest of each file: of the recordings, the annotations and the model."""
        return {name: digest for path in self._inputs() if path.exists() for name, digest in digests(path).items()}

    def write(self, out: Path) -> None:
        """summary.json and report.html."""
        told = self.told
        (out / "summary.json").write_text(json.dumps(told, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        if self.clean.summary is not None:
            write_report(
                out / "report.html", self.clean.summary, self.clean.replayed, self._classes,
                title=self._recogniser, configuration=told["configuration"], inputs=told["inputs"],
                versions=told["versions"], conditions=self.conditions,
            )  # fmt: skip

    def show(self) -> None:
        """The figures, on the terminal."""
        print_recordings([(each.task.recording, _of_recording(each)) for each in self._done])
        if self.clean.summary is not None:
            print_summary(self._recogniser, self.clean.summary)
        if self.conditions and self.clean.summary is not None:
            print_conditions({"clean": self.clean.summary, **self.conditions})
        if self._comparison is not None:
            print_comparison(self._comparison)

    # Inside

    def _note(self, recording: str, reasons: Iterable[str]) -> None:
        self.problems += [f"{recording}: {reason}" for reason in reasons if reason]

    def _told_of_each(self, known: Sequence[str]) -> Iterator[tuple[str, list[Interval]]]:
        for each in filter(self._fits, self._done):
            name = each.task.recording
            try:
                said = self._said_of(self._plan.recordings[name])
            except (OSError, ValueError) as error:
                self._note(name, [str(error)])
                continue
            usable, wrong = usable_annotations(said, each.origin_ns, each.span_ns, known)
            self._note(name, wrong)
            yield name, usable

    def _said_of(self, path: Path) -> list[Interval]:
        if not self._annotations:
            with Bag(path) as bag:
                return of_recording(annotations_beside(path), bag.name)
        for source in self._annotations:
            if not source.startswith(TOPIC):
                check_origins(read_any(source), len(self._plan.recordings))
        with Bag(path) as bag:
            return checked(interval for source in self._annotations for interval in annotations_for(source, bag))

    def _fits(self, done: Done) -> bool:
        """Whether it got as far as to have records, and of the same classes as the others."""
        return bool(done.classes) and done.classes == self._classes

    def _summary(self, name: str, replayed: Sequence[Replayed], protocol: Protocol) -> Summary | None:
        try:
            if not replayed:
                raise ValueError("no recording could be read.")
            return summarise(replayed, self._classes, protocol)
        except ValueError as error:
            self.problems.append(f"{name}: {error}" if len(self._all) > 1 else str(error))
            return None

    def _inputs(self) -> list[Path]:
        named = [Path(source) for source in self._annotations if not source.startswith(TOPIC)]
        return [*self._plan.recordings.values(), *named, *filter(None, [self._plan.weights])]


def _replayed(done: Done, annotations: Sequence[Interval]) -> Replayed:
    return Replayed(done.task.recording, records_in(done.task.folder), annotations)


def _of_recording(done: Done) -> dict[str, Any]:
    return {
        "path": done.task.bag,
        "records": done.records,
        "first_ns": done.span_ns[0] if done.span_ns else None,
        "last_ns": done.span_ns[1] if done.span_ns else None,
        "damage": list(done.damage),
        "error": done.error,
    }
