"""Evaluation of a plan: its tasks are performed, their figures and problems collected, written and shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from itertools import chain, combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from co_perception.commands.evaluation_plan import EvaluationPlan
from co_perception.commands.output import (
    Bar,
    print_comparison,
    print_conditions,
    print_losses,
    print_recordings,
    print_summary,
)
from co_perception.data.annotations.intervals import Interval, checked, of_recording
from co_perception.data.annotations.sources import TOPIC, annotations_for, read_any
from co_perception.data.bags.bag_file import Bag
from co_perception.data.bags.labeled_bags import annotations_beside, check_origins
from co_perception.data.known_content import LEAST_SHARED
from co_perception.engine.settings import values_of
from co_perception.engine.stage_counts import StageCounts
from co_perception.evaluation.activity_topic import too_few_hypotheses
from co_perception.evaluation.comparison import Comparison, compare, shared_share
from co_perception.evaluation.ground_truth import Replayed, usable_annotations
from co_perception.evaluation.judged_groups import JudgedRun, by_group, judge, judged_groups, with_groups
from co_perception.evaluation.provenance import digest_of_contents, digests, surroundings
from co_perception.evaluation.records import first_of_each, read_records, read_run, write_records
from co_perception.evaluation.report.html import ReportPart, write_report
from co_perception.evaluation.result_folder import CONDITIONS, REPORT, RESULTS, SUMMARY, replaced_results, writing
from co_perception.evaluation.run_identity import RecordingDigests, RunIdentity, frames_digest
from co_perception.evaluation.summary import Bootstrap, Summary
from co_perception.learners.recognizers import KINDS
from co_perception.learners.replay import EvaluationTask, TaskResult, run_task, run_task_remotely, store_result
from co_perception.online.events import label_rules_text
from co_perception.pose.finder import PoseSettings
from co_perception.runtime.workers import in_order, on_ray

REPEATED = "answers for a stamp that has one"


def evaluate(plan: EvaluationPlan, jobs: int, ray: str | None, as_json: bool, strict: bool = False) -> int:
    """Performs a plan, prints its figures, and gives the exit status: 1 where there is a problem.

    Args:
        plan: what is evaluated.
        jobs: processes at a time.
        ray: address of a Ray cluster that performs the tasks instead.
        as_json: prints summary.json instead of tables.
        strict: whether a stage that lost much is a problem.
    """
    folder: AbstractContextManager[Path | str]
    folder = replaced_results(plan.out) if plan.out else TemporaryDirectory(prefix="co_perception_")
    with folder as out:
        results = run_tasks(list(plan.tasks(Path(out, "parts"))), jobs, ray)
        evaluation = Evaluation(plan, results, Path(out))
    if as_json:
        print(evaluation.summary_json(), end="")
    else:
        evaluation.show()
        if plan.out:
            print(f"{plan.out} has {', '.join(sorted(name for name in RESULTS if (plan.out / name).exists()))}.")
    for line in (*evaluation.warnings, *evaluation.problems):
        print(f"co-perception: {line}", file=sys.stderr)
    # Without a summary the problems have told it.
    status = 0 if not evaluation.summaries else print_losses(evaluation.counts, strict)
    return 1 if evaluation.problems else status


def _counts(results: Iterable[TaskResult]) -> StageCounts:
    """What became of the messages, frames and people of several recordings."""
    counts = StageCounts()
    for each in results:
        counts += each.stages
    return counts


def _figures(summaries: Mapping[str, Summary]) -> Mapping[str, Any] | None:
    """Those of the labels, or by group where there are groups; None where nothing could be judged."""
    return by_group({group: summary.as_dict() for group, summary in summaries.items()}) or None


def run_tasks(tasks: Sequence[EvaluationTask], jobs: int, ray: str | None) -> list[TaskResult]:
    """The results of tasks in their order, with a progress bar; other arguments as of `evaluate`."""
    results: Iterable[TaskResult]
    performed: list[TaskResult] = []
    with Bar(lambda at, whole: f"{100 * at // whole} %") as bar:

        def show(share: float = 0.0) -> None:
            bar("recordings", round(1000 * (len(performed) + share)), 1000 * len(tasks))

        if ray:
            results = map(store_result, on_ray(run_task_remotely, tasks, ray))
        elif jobs == 1:
            results = (run_task(task, show) for task in tasks)
        else:
            results = in_order(run_task, tasks, jobs)
        for each in results:
            performed.append(each)
            show()
    return performed


def _shared_frames(one: TaskResult, other: TaskResult) -> int:
    """Different frames that both recordings show, whatever their stamps and ids; 0 for fewer than `LEAST_SHARED`."""
    shared = len((one.contents & other.contents) - {b""})
    return shared if shared >= LEAST_SHARED else 0


def _same_frames(one: TaskResult, other: TaskResult) -> bool:
    """Whether the shorter recording shows mostly what the other does; records of the same time are read for that."""
    if 2 * _shared_frames(one, other) > min(len(one.contents), len(other.contents)):
        return True
    first_ns, last_ns = zip(one.frames_ns or (0, 0), other.frames_ns or (0, 0), strict=True)
    if not (one.frames_ns and other.frames_ns) or max(first_ns) > min(last_ns):
        return False
    return shared_share(read_records(one.task.folder), read_records(other.task.folder)) > 0.5


def _not_held_out(result: TaskResult, demanded: bool) -> Iterator[str]:
    """One line where the model was trained on a recording, and where that is demanded and not known."""
    shared, compared = result.trained_on or (0, 0)
    if shared:
        yield (
            f"{result.task.recording}: the model was trained on this recording, or on a copy or a part of it: {shared} "
            f"of {compared} poses that were compared are those of its training. Its figures do not tell how good the "
            "model is on others: evaluate on recordings that were held out."
        )
    elif demanded and result.trained_on is None and not result.error:
        yield (
            f"{result.task.recording}: nothing tells whether the model was trained on it: only models that `train` or "
            "fit() made know what they were trained on, and only recorded skeletons are compared."
        )
    elif demanded and not compared and not result.error:
        yield (
            f"{result.task.recording}: nothing tells whether the model was trained on it: the model keeps a sample of "
            "the poses of its training, and this recording has none that could be in it, because it shows few "
            "different poses or nobody. Evaluate on a longer recording."
        )


def recording_annotations(
    plan: EvaluationPlan, result: TaskResult, classes: Sequence[str], groups: Sequence[str]
) -> tuple[list[Interval] | None, list[str]]:
    """The usable annotations of one recording, and the problems with them; None where they cannot be read."""
    path, sources, problems = plan.recordings[result.task.recording], plan.annotations, list[str]()
    try:
        for source in sources:
            if not source.startswith(TOPIC):
                check_origins(read_any(source), len(plan.recordings))
        with Bag(path) as bag:
            if sources:
                found = [interval for source in sources for interval in annotations_for(source, bag)]
                read = checked(with_groups(found, classes, groups))
            else:
                beside = annotations_beside(path)
                read = checked(with_groups(of_recording(beside, bag.name), classes, groups))
                if others := sorted({row.recording for row in beside} - {"", bag.name}):
                    problems.append(f"{len(beside) - len(read)} of its annotations are of {', '.join(others)}")
    except (OSError, ValueError) as error:
        return None, [str(error)]
    known = [*classes, *filter(None, [plan.protocol.background])]
    usable, unusable = usable_annotations(result.clock.stamped(read), result.clock.origin_ns, result.frames_ns, known)
    return usable, problems + unusable


class Evaluation:
    """The figures of a plan, written as frames.jsonl, summary.json and report.html.

    `problems` is everything that went wrong; it makes the command fail. `warnings` make answers doubtful. `summaries`
    has that of each group of labels in the clean run ("": all labels are one group), without groups of which no frame
    can be judged, and `conditions` those of the runs with a fault. `counts` has what became of messages, frames and
    people in the clean run.

    Args:
        plan: what was evaluated.
        results: of its tasks, in their order.
        out: folder for the files.
    """

    def __init__(self, plan: EvaluationPlan, results: Sequence[TaskResult], out: Path) -> None:
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self._plan = plan
        self._classes = next((each.classes for each in results if each.classes), ())
        self._groups = next((each.groups for each in results if each.classes), ())
        self._judged = judged_groups(self._classes, self._groups, plan.protocol)
        self._recognizer = next((each.recognizer for each in results if each.recognizer), "")
        runs: dict[str, list[TaskResult]] = {}
        for each in results:
            runs.setdefault(each.task.fault.name, []).append(each)
        # With a fault a recording is as broken as without: its problems are those of the clean run.
        clean_name, self._clean = next(iter(runs.items()))
        for each in self._clean:
            others = f"was answered by {each.recognizer}, the first recording by {self._recognizer}: it is left out"
            left_out = bool(each.classes) and not self._same_recognizer(each)
            reasons = [each.error, *each.damage, *([others] if left_out else [])]
            if each.unlisted >= plan.protocol.rules.off:
                reasons.append(too_few_hypotheses(each.unlisted, plan.protocol.rules.off))
            self.problems += [f"{each.task.recording}: {reason}" for reason in reasons if reason]
            self.warnings += [f"{each.task.recording}: {warning}" for warning in each.warnings]
            (self.problems if plan.held_out else self.warnings).extend(_not_held_out(each, plan.held_out))
        self._repeated: set[str] = set()
        self._find_repeated()
        annotations = dict(self._annotations())
        self.counts = _counts(self._clean)
        judged: dict[str, JudgedRun] = {}
        for name, run in runs.items():
            folder = out if name == clean_name else out / CONDITIONS / name.replace(" ", "_")
            counts = self.counts if name == clean_name else _counts(run)
            judged[name] = judge(self._replayed(run, annotations), self._judged, Bootstrap(), counts)
            write_records(folder, self._classes, chain.from_iterable(judged[name].records), self._groups)
            for problem, words in judged[name].words():
                lines = self.problems if problem else self.warnings
                lines.append(f"{name}: {words}" if len(runs) > 1 else words)
        clean = judged.pop(clean_name).results
        self.summaries = {group: each.summary for group, each in clean.items()}
        self.conditions = {
            name: {group: each.summary for group, each in run.results.items()}
            for name, run in judged.items()
            if run.results
        }
        self._digests = {name: digests(path) for name, path in plan.recordings.items() if path.exists()}
        self._comparison = self._compared(plan.compare, out) if plan.compare else None
        for group, summary in self.summaries.items():
            failures = filter(None, (requirement.failure(summary.overall) for requirement in plan.requirements))
            self.problems += [f"{group}: {failure}" if group else failure for failure in failures]
        self._content = self._as_dict()
        with writing(out / SUMMARY):
            (out / SUMMARY).write_text(self.summary_json(), encoding="utf-8")
        if clean:
            first, *more = (
                ReportPart(group, each.summary, each.recordings, self._conditions_of(group))
                for group, each in clean.items()
            )
            write_report(
                out / REPORT, first.summary, first.recordings,
                title=self._recognizer, configuration=self._content["configuration"], inputs=self._content["inputs"],
                versions=self._content["versions"], conditions=first.conditions, counts=self.counts,
                group=first.group, more=more,
            )  # fmt: skip

    def _conditions_of(self, group: str) -> dict[str, Summary]:
        """The summaries of one group under faults."""
        return {name: found[group] for name, found in self.conditions.items() if group in found}

    def _compared(self, earlier: Path, out: Path) -> Comparison | None:
        """The comparison with an earlier run; what makes it impossible is a problem."""
        there = RunIdentity.read(earlier)
        try:
            RunIdentity(self._recognizer, self._recording_digests()).check_same_recordings(there)
            return compare(out, earlier, (self._recognizer, there.recognizer))
        except ValueError as error:
            self.problems.append(f"--compare {earlier}: {error}")
            return None

    def _recording_digests(self) -> dict[str, RecordingDigests]:
        """Of each recording that is judged."""
        found = {}
        for each in filter(self._comparable, self._clean):
            name = each.task.recording
            files = digest_of_contents(self._digests.get(name, {}).values())
            found[name] = RecordingDigests(files, "" if each.error else frames_digest(each.contents))
        return found

    def summary_json(self) -> str:
        """The content of summary.json."""
        return json.dumps(self._content, indent=1, allow_nan=False) + "\n"

    def show(self) -> None:
        """Prints the figures."""
        print_recordings(list(self._content["recordings"].items()))
        for group, summary in self.summaries.items():
            print_summary(f"{self._recognizer}, group {group}," if group else self._recognizer, summary)
            if conditions := self._conditions_of(group):
                print_conditions({"clean": summary, **conditions})
        if self._comparison is not None:
            print_comparison(self._comparison)

    def _find_repeated(self) -> None:
        """Leaves out recordings whose frames another one has, the shorter of two, and tells which overlap."""
        for pair in combinations([each for each in self._clean if self._comparable(each)], 2):
            # Of equally many frames the first is judged; so is the whole where the first is a part of it.
            longer, other = sorted(pair, key=lambda each: -len(each.contents))
            names = longer.task.recording, other.task.recording
            if {*names} & self._repeated:
                continue
            if _same_frames(longer, other):
                self._repeated.add(names[1])
                same = f"has the same frames as {names[0]}, which are judged once: it is left out."
                self.problems.append(f"{names[1]} {same}")
            elif shared := _shared_frames(longer, other):
                self.problems.append(
                    f"{names[1]} shares {shared} of its {len(other.contents)} different frames with {names[0]}: they "
                    "are judged twice, and the two are not independent. Cut one of them, or leave it out."
                )

    def _comparable(self, result: TaskResult) -> bool:
        """Whether a task got as far as to have records, of the same model as the others and of other frames."""
        return self._same_recognizer(result) and result.task.recording not in self._repeated

    def _same_recognizer(self, result: TaskResult) -> bool:
        """Whether the model of the first recording answered, by its name, which has its digest, and its classes."""
        known = self._recognizer, self._classes
        return bool(result.classes) and (result.recognizer, result.classes) == known

    def _annotations(self) -> Iterator[tuple[str, list[Interval]]]:
        """The usable annotations of each recording; those that are not usable are problems."""
        for each in filter(self._comparable, self._clean):
            usable, problems = recording_annotations(self._plan, each, self._classes, self._groups)
            self.problems += [f"{each.task.recording}: {problem}" for problem in problems]
            if usable is not None:
                yield each.task.recording, usable

    def _replayed(self, run: Sequence[TaskResult], annotations: Mapping[str, Sequence[Interval]]) -> list[Replayed]:
        """The recordings of one run with their annotations."""
        replayed: list[Replayed] = []
        for each in filter(self._comparable, run):
            read = read_run(each.task.folder)
            records = first_of_each(read)
            each.counts[REPEATED] = len(read) - len(records)
            replayed.append(Replayed(each.task.recording, records, annotations.get(each.task.recording, ())))
        return replayed

    def _as_dict(self) -> dict[str, Any]:
        """Everything, every setting too, ready for JSON."""
        plan, rules = self._plan, self._plan.protocol.rules
        kind = KINDS.get(plan.recognizer)
        settings = vars(values_of(kind.settings, plan.settings)) if kind else {}
        pose = {} if plan.pose is None else vars(values_of(PoseSettings, plan.pose))
        files = [Path(source) for source in plan.annotations if not source.startswith(TOPIC)]
        others = [path for path in (*files, *filter(None, [plan.weights])) if path.exists()]
        inputs = {name: each for found in self._digests.values() for name, each in found.items()}
        inputs |= {name: digest for path in others for name, digest in digests(path).items()}
        known = {name: asdict(each) for name, each in self._recording_digests().items()}
        return {
            "recognizer": self._recognizer,
            "configuration": {
                "recognizer": plan.recognizer, "topic": plan.topic, "seed": plan.faults[0].seed, **settings,
                **{f"event_{name}": getattr(rules, name) for name in ("on", "off", "min_on_s", "min_off_s")},
                "event_rules": label_rules_text(dict(rules.of_labels)),
                **{f"pose.{name}": value for name, value in pose.items()},
            },
            "input_hash": digest_of_contents(inputs.values()),
            "inputs": inputs,
            "recordings": {
                each.task.recording: {
                    "path": each.task.bag,
                    "records": each.records,
                    **{f"{name}_digest": value for name, value in known.get(each.task.recording, {}).items()},
                    "first_ns": each.frames_ns[0] if each.frames_ns else None,
                    "last_ns": each.frames_ns[1] if each.frames_ns else None,
                    "frames": dict(sorted((+each.counts).items())),
                    "trained_on": each.trained_on[0] > 0 if each.trained_on and each.trained_on[1] else None,
                    "damage": list(each.damage),
                    "warnings": list(each.warnings),
                    "error": each.error,
                }
                for each in self._clean
            },
            "stages": self.counts.as_dict(),
            "figures": _figures(self.summaries),
            "conditions": {name: _figures(found) for name, found in self.conditions.items()},
            "comparison": self._comparison.as_dict() if self._comparison else None,
            "requirements": [asdict(each) for each in plan.requirements],
            "problems": self.problems,
            **surroundings(),
        }  # fmt: skip
