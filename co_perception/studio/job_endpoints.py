"""Endpoints of jobs: training, evaluation, tuning and examination from a page, watched and stopped in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

from co_perception.studio.endpoints import Endpoint, Question
from co_perception.studio.fields import in_thread, is_true, number_of, numbers_of, text_of
from co_perception.studio.jobs import MOST_LINES, JobQueue
from co_perception.studio.recording_annotations import AnnotatedRecording
from co_perception.studio.results_folder import FINDINGS, ResultsFolder

STARTS = {"": (), **{name: ("--from", name) for name in ("cotcn_everyday", "costgcn_short_poses")}}
"""Models that a training may begin from, with the options of each."""
REST = "other"
"""Label of all time without annotation, where that is wanted."""
BY = ("auto", "group", "recording", "subject")
EPOCHS, PER_HOUR, SECONDS = (1, 1000), (0.01, 3600), (2, 600)
Words: TypeAlias = tuple[list[str], Path | None]


class JobEndpoints:
    """What a page may have done.

    Args:
        recordings: that it may choose from, by number.
        results: where it is written.
        queue: of the jobs.
    """

    def __init__(self, recordings: Sequence[AnnotatedRecording], results: ResultsFolder, queue: JobQueue) -> None:
        self._recordings, self._results, self._queue = recordings, results, queue
        self._starting = Lock()
        self._commands: dict[str, Callable[[Question, Path], Words]] = {
            "train": self._train, "evaluate": self._evaluate, "tune": self._tune, "doctor": self._doctor,
        }  # fmt: skip

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("/api/jobs", in_thread(lambda _: [job.as_dict() for job in self._queue.all()])),
            Endpoint("/api/jobs", in_thread(self._start), "POST"),
            Endpoint("/api/jobs/{number:int}", in_thread(self._one)),
            Endpoint("/api/jobs/{number:int}/stop", in_thread(self._stop), "POST"),
        ]

    def _start(self, question: Question) -> dict[str, Any]:
        """Puts a job into the queue. Raises: LookupError for another kind, ValueError for what is wrong with it."""
        kind, name = text_of(question, "kind"), text_of(question, "name")
        command = self._commands[kind]
        arguments, report = command(question, self._results.new(kind, name))
        with self._starting:  # of two pages that start the same at once, one is refused
            if any((each.kind, each.name) == (kind, name) and each.ended_s is None for each in self._queue.all()):
                raise ValueError(f"{name!r} is being made already")
            return self._queue.add(kind, name, arguments, report).as_dict()

    def _one(self, question: Question) -> dict[str, Any]:
        return self._queue.job(int(question.path["number"])).as_dict(MOST_LINES)

    def _stop(self, question: Question) -> dict[str, Any]:
        return self._queue.stop(int(question.path["number"])).as_dict()

    def _paths(self, question: Question) -> list[str]:
        """The recordings that were chosen. Raises: ValueError where none was."""
        chosen = numbers_of(question, "recordings", len(self._recordings))
        return [str(self._recordings[number].path.resolve()) for number in chosen]

    def _train(self, question: Question, out: Path) -> Words:
        start, by = text_of(question, "start"), text_of(question, "by", "auto")
        if by not in BY:
            raise ValueError(f"by is one of {', '.join(BY)}, got {by!r}")
        epochs = round(number_of(question, "epochs", *EPOCHS, default=30))
        options = ["--out", str(out), "--epochs", str(epochs), "--by", by, *STARTS[start]]
        options += ["--background", REST] if is_true(question, "rest") else []
        options += ["--resume"] if out.exists() else []  # what was stopped goes on
        return ["train", *self._paths(question), *options], None

    def _evaluate(self, question: Question, out: Path) -> Words:
        model = self._results.model(text_of(question, "model"))
        return ["evaluate", *self._paths(question), "--model", model, "--out", str(out)], out / "summary.json"

    def _tune(self, question: Question, out: Path) -> Words:
        model, rate = self._results.model(text_of(question, "model")), number_of(question, "per_hour", *PER_HOUR)
        options = ["--model", model, "--false-alarms-per-hour", f"{rate:g}", "--out", str(out)]
        return [
            "tune",
            *self._paths(question),
            *options,
            *(["--nothing"] if is_true(question, "nothing") else []),
        ], None

    def _doctor(self, question: Question, out: Path) -> Words:
        """Of one recording, or of the graph where none is chosen."""
        report = out / FINDINGS
        if question.content.get("recordings"):
            source = self._paths(question)[:1]
        else:
            source = ["--seconds", f"{number_of(question, 'seconds', *SECONDS, default=20):g}"]
        return ["doctor", *source, "--out", str(report)], report
