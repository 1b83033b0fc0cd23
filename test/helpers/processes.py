"""Processes of a test that end with it, and with their own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def own_scheduling() -> Iterator[None]:
    """Gives the thread its scheduling back afterwards.

    SVT-AV1's encoder, where root runs it, makes its caller a real-time thread of the highest priority (SCHED_FIFO 99).
    Everything that is started later inherits that: two busy nodes on two cores then keep everybody else from running.
    """
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameter)


@contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A process, killed at the end where it has not ended; `options` as of Popen."""
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def until_signals_are_handled(process: subprocess.Popen[Any]) -> None:
    """Waits for the first line of a node's executable: before that it is Python that a signal ends."""
    while True:
        assert process.poll() is None
        (line,) = (one for one in Path(f"/proc/{process.pid}/status").read_text().splitlines() if one[:6] == "SigCgt")
        if int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.001)


def run_or_dump(command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; fails after `seconds` with the Python stacks of all its threads.

    In a process of its own, a call of the middleware that never returns ends one test and not the run: it leaves the
    interpreter no chance to handle the signal by which a test's time is limited.
    """
    options: dict[str, Any] = dict(text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    with subprocess.Popen(command, env={**os.environ, "PYTHONFAULTHANDLER": "1"}, **options) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # its fault handler writes the stacks, whatever it waits for
            time.sleep(1.0)
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"{command} did not end in {seconds:.0f} s.\n{out}\n{err}") from None
    return subprocess.CompletedProcess(command, process.returncode, out, err)
