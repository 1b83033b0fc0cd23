"""Jobs of the studio: in order, with progress and last words, stopped, refused where too many wait, ended with it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from co_perception.studio import jobs
from co_perception.studio.jobs import MOST_LINES, MOST_WAITING, FullQueueError, Job, JobQueue

PATIENCE_S = 20.0
FOREVER = "import time, sys; print('begun', flush=True)\nwhile True: time.sleep(0.02)"


@pytest.fixture
def queue() -> Iterator[JobQueue]:
    """Its jobs are Python code."""
    made = JobQueue((sys.executable, "-c"))
    yield made
    made.close()


def until(done: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def ended(job: Job) -> str:
    until(lambda: job.ended_s is not None)
    return job.state


def test_jobs_run_one_after_another_with_progress_and_words(queue: JobQueue, tmp_path: Path) -> None:
    note = f"open({str(tmp_path / 'order')!r}, 'a').write"
    added = [
        queue.add("train", str(n), [f"{note}('{n} begins '); print('epoch 1: {n}0 %'); {note}('{n} ends ')"])
        for n in (1, 2, 3)
    ]
    assert [ended(job) for job in added] == ["done"] * 3
    assert (tmp_path / "order").read_text() == "".join(f"{n} begins {n} ends " for n in (1, 2, 3))
    assert [job.progress for job in added] == [0.1, 0.2, 0.3] and added[1].lines[-1] == "epoch 1: 20 %"
    assert [job.number for job in queue.all()] == [3, 2, 1]


def test_a_job_that_fails_says_why(queue: JobQueue) -> None:
    job = queue.add("tune", "a", ["import sys; print('too little data', file=sys.stderr); sys.exit(1)"])
    assert ended(job) == "failed" and job.as_dict()["lines"] == ["too little data"]


def test_status_one_beside_a_report_is_no_failure(queue: JobQueue, tmp_path: Path) -> None:
    report = tmp_path / "findings.json"
    with_report = queue.add("doctor", "a", [f"open({str(report)!r}, 'w'); raise SystemExit(1)"], report)
    without = queue.add("doctor", "b", ["raise SystemExit(1)"], tmp_path / "none.json")
    broken = queue.add("doctor", "c", ["raise SystemExit(2)"], report)
    assert [ended(job) for job in (with_report, without, broken)] == ["done", "failed", "failed"]


def test_a_job_is_stopped_while_it_runs_and_the_next_one_begins(queue: JobQueue) -> None:
    first, second = queue.add("train", "a", [FOREVER]), queue.add("train", "b", ["print('mine')"])
    until(lambda: list(first.lines) == ["begun"])
    stopping = queue.stop(first.number).as_dict()["state"]
    assert stopping == ("stopping" if first.ended_s is None else "stopped"), "it may write until it has ended"
    assert ended(second) == "done" and first.as_dict()["state"] == "stopped"


def test_a_job_is_stopped_while_it_starts(queue: JobQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process is there, and the queue does not know it yet."""
    start: Any = subprocess.Popen

    def slow(*arguments: Any, **options: Any) -> Any:
        process = start(*arguments, **options)
        queue.stop(1)
        return process

    monkeypatch.setattr("co_perception.studio.jobs.subprocess.Popen", slow)
    job = queue.add("train", "a", [FOREVER])
    assert ended(job) == "stopped" and job.status not in (None, 0)


def test_jobs_that_ended_long_ago_are_forgotten(queue: JobQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MOST_ENDED", 2)
    for _ in range(4):
        assert ended(queue.add("train", "a", ["pass"])) == "done"
    assert [job.number for job in queue.all()] == [4, 3, 2]


def test_a_job_is_stopped_while_it_waits(queue: JobQueue, tmp_path: Path) -> None:
    first, second = queue.add("train", "a", [FOREVER]), queue.add("train", "b", [f"open({str(tmp_path / 'x')!r}, 'w')"])
    queue.stop(second.number)
    until(lambda: first.lines)
    queue.stop(first.number)
    last = queue.add("train", "c", ["pass"])
    assert ended(last) == "done" and second.state == "stopped" and not (tmp_path / "x").exists()


def test_what_a_job_has_started_ends_with_it(queue: JobQueue, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = (
        f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {FOREVER!r}])\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid)); child.wait()"
    )
    job = queue.add("train", "a", [code])
    until(lambda: pid.exists() and pid.read_text())
    queue.stop(job.number)
    assert ended(job) == "stopped"
    until(lambda: not _runs(int(pid.read_text())))


def test_what_outlives_its_job_and_holds_the_output_is_killed(
    queue: JobQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "PATIENCE_S", 0.3)
    pid, stubborn = tmp_path / "pid", f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{FOREVER}"
    code = (
        f"import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', {stubborn!r}])\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid)); time.sleep(60)"
    )
    first, second = queue.add("train", "a", [code]), queue.add("train", "b", ["pass"])
    until(lambda: list(first.lines) == ["begun"])
    queue.stop(first.number)
    assert ended(second) == "done" and first.state == "stopped" and not _runs(int(pid.read_text()))


def _runs(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_of_too_many_jobs_one_is_refused(queue: JobQueue) -> None:
    first = queue.add("train", "0", [FOREVER])
    until(lambda: first.state == "running")
    for n in range(MOST_WAITING):
        queue.add("train", str(n), ["pass"])
    with pytest.raises(FullQueueError, match="20 jobs wait already"):
        queue.add("train", "one more", ["pass"])


def test_words_are_bounded(queue: JobQueue) -> None:
    job = queue.add("train", "a", ["print('x' * 10_000_000)\nfor n in range(2000): print(n)"])
    assert ended(job) == "done"
    assert len(job.lines) == MOST_LINES and job.lines[-1] == "1999"
    long = queue.add("train", "b", ["print('x' * 10_000_000)"])
    assert ended(long) == "done" and max(map(len, long.lines)) <= 2000


def test_the_studio_ends_with_all_of_its_jobs() -> None:
    queue = JobQueue((sys.executable, "-c"))
    added = [queue.add("train", "a", [FOREVER]), queue.add("train", "b", ["pass"])]
    until(lambda: added[0].lines)
    queue.close()
    assert [job.state for job in added] == ["stopped", "stopped"]
    with pytest.raises(FullQueueError, match="ends"):
        queue.add("train", "c", ["pass"])


def test_a_command_that_is_not_there_is_told() -> None:
    queue = JobQueue(("/nowhere/at/all",))
    job = queue.add("train", "a", [])
    assert ended(job) == "failed" and "No such file" in job.lines[-1]
    queue.close()
