"""A process that forbids dumps leaves no core file, and its memory is not to be read by others of its user."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import ctypes, os, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
if sys.argv[1] == "forbid":
    from co_perception.nodes.core.memory_dumps import forbid_memory_dumps
    forbid_memory_dumps()
print(*resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), os.getpid(), flush=True)
os.abort()
"""


def ended(word: str, folder: Path) -> tuple[list[int], bool]:
    """What a process says of itself, and whether the kernel dumped it when it was aborted."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, word], stdout=subprocess.PIPE, text=True, cwd=folder,
                               env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])})  # fmt: skip
    assert process.stdout is not None
    with process.stdout:
        told = [int(number) for number in process.stdout.readline().split()]
        _, status = os.waitpid(process.pid, 0)
    process.returncode = status
    assert os.WTERMSIG(status) == signal.SIGABRT
    return told, os.WCOREDUMP(status)


def test_no_core_is_dumped(tmp_path: Path) -> None:
    (soft, hard, dumpable, _), dumped = ended("forbid", tmp_path)
    assert (soft, hard, dumpable) == (0, 0, 0)
    assert not dumped and not list(tmp_path.iterdir())


def test_one_is_dumped_otherwise(tmp_path: Path) -> None:
    """Where this machine dumps at all: else the test above shows less."""
    if (
        os.path.exists("/proc/sys/kernel/core_pattern")
        and not Path("/proc/sys/kernel/core_pattern").read_text().strip()
    ):
        pytest.skip("this machine writes no core files")
    try:
        (_, _, dumpable, _), dumped = ended("allow", tmp_path)
    except ValueError:
        pytest.skip("this machine lets nobody raise the limit of core files")
    assert dumpable == 1 and dumped
