"""Queue of jobs: commands that run one after another beside the studio, each with its progress and its last words."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any, Literal, TypeAlias

State: TypeAlias = Literal["waiting", "running", "done", "failed", "stopped"]
MOST_WAITING, MOST_ENDED = 20, 50
MOST_LINES, MOST_LETTERS = 500, 2000  # of a job's words
PATIENCE_S = 10.0  # after an interrupt, before a job is killed
SHARE = re.compile(r"(\d{1,3}) %\s*$")
COMMAND = (sys.executable, "-m", "co_perception.cli")


class FullQueueError(ValueError):
    """So many jobs wait that another one is refused."""


@dataclass(eq=False)
class Job:
    """One command.

    Args:
        number: counts up from 1.
        kind: what it does: train, evaluate, ...
        name: of what it makes.
        arguments: of `co-perception`.
        report: file that says what was found, where status 1 is no failure if it was written; None for others.
        status: at its end.
    """

    number: int
    kind: str
    name: str
    arguments: tuple[str, ...]
    report: Path | None = None
    state: State = "waiting"
    progress: float | None = None
    status: int | None = None
    asked_s: float = field(default_factory=time)
    began_s: float | None = None
    ended_s: float | None = None
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_LINES))

    def ended_well(self) -> bool:
        """Whether its status, and its report where that counts, say that it did what it was to do."""
        return self.status == 0 or (self.status == 1 and self.report is not None and self.report.is_file())

    def as_dict(self, lines: int = 1) -> dict[str, Any]:
        """As JSON, with its last lines."""
        shown = list(self.lines)[-lines:] if lines else []
        ends = self.state == "stopped" and self.ended_s is None  # its process may still write
        return {
            "number": self.number, "kind": self.kind, "name": self.name, "state": "stopping" if ends else self.state,
            "progress": self.progress, "status": self.status, "asked_s": self.asked_s, "began_s": self.began_s,
            "ended_s": self.ended_s, "lines": shown,
        }  # fmt: skip


class JobQueue:
    """Jobs of this studio, one at a time; they go on where a page is closed, and end with the studio.

    Args:
        command: what a job's arguments are given to.
    """

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = tuple(command)
        self._jobs: dict[int, Job] = {}
        self._change = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def add(self, kind: str, name: str, arguments: Sequence[str], report: Path | None = None) -> Job:
        """Puts a job at the end of the queue. Raises: FullQueueError."""
        with self._change:
            waiting = sum(each.state == "waiting" for each in self._jobs.values())
            if waiting >= MOST_WAITING:
                raise FullQueueError(f"{waiting} jobs wait already: stop one of them, or wait")
            if self._closed:
                raise FullQueueError("the studio ends")
            job = Job(max(self._jobs, default=0) + 1, kind, name, tuple(arguments), report)
            self._jobs[job.number] = job
            ended = [each.number for each in self._jobs.values() if each.ended_s is not None]
            for number in ended[:-MOST_ENDED]:
                del self._jobs[number]
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
                self._thread.start()
            self._change.notify_all()
            return job

    def all(self) -> list[Job]:
        """The jobs that are known, the newest first."""
        with self._change:
            return sorted(self._jobs.values(), key=lambda each: -each.number)

    def job(self, number: int) -> Job:
        """One of them. Raises: KeyError."""
        return self._jobs[number]

    def stop(self, number: int) -> Job:
        """Ends a job that waits or runs, as Ctrl+C would. Raises: KeyError."""
        with self._change:
            job = self._jobs[number]
            if job.state == "waiting":
                job.state, job.ended_s = "stopped", time()
            elif job.state == "running":
                job.state = "stopped"
                if self._process is not None:
                    _end(self._process)
            return job

    def close(self) -> None:
        """Stops all jobs, and waits for the one that runs."""
        with self._change:
            self._closed = True
            for job in list(self._jobs.values()):
                self.stop(job.number)
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join(2 * PATIENCE_S)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._perform(job)
            except (OSError, ValueError) as error:  # the command could not be started
                job.lines.append(f"co-perception: {error}")
                job.state = "failed"
            job.ended_s = time()

    def _next(self) -> Job | None:
        """The job that has waited longest, as soon as there is one; None at the end."""
        with self._change:
            while True:
                waiting = [each for each in self._jobs.values() if each.state == "waiting"]
                if waiting and not self._closed:
                    waiting[0].state, waiting[0].began_s = "running", time()
                    return waiting[0]
                if self._closed:
                    return None
                self._change.wait()

    def _perform(self, job: Job) -> None:
        process = subprocess.Popen(
            [*self._command, *job.arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        with self._change:
            self._process = process
            if job.state == "stopped":  # meanwhile
                _end(process)
        _read(process, lambda line: _take(job, line))
        job.status = process.wait()
        with self._change:
            self._process = None
            if job.state == "running":
                job.state = "done" if job.ended_well() else "failed"


def _take(job: Job, line: str) -> None:
    job.lines.append(line[:MOST_LETTERS])
    if share := SHARE.search(line):
        job.progress = min(int(share[1]), 100) / 100


def _read(process: subprocess.Popen[bytes], take: Callable[[str], None]) -> None:
    """Gives each line that a process writes; one without an end is cut."""
    stream = process.stdout
    assert stream is not None
    while part := stream.readline(1 << 16):
        take(part.decode("utf-8", "replace").rstrip())
    stream.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupts a process and what it has started, and kills them if they do not end."""
    _signal(process, signal.SIGINT)
    timer = threading.Timer(PATIENCE_S, lambda: _signal(process, signal.SIGKILL))
    timer.daemon = True
    timer.start()


def _signal(process: subprocess.Popen[bytes], what: signal.Signals) -> None:
    """Sends a signal to a process and what it has started, as long as it runs or one of them holds its output open."""
    with suppress(ProcessLookupError, PermissionError):
        if process.poll() is None or (process.stdout is not None and not process.stdout.closed):
            os.killpg(process.pid, what)  # nobody else has this number before the last of the group has ended
