"""The protocol between a benchmark and the process of a contestant, on both sides."""

from __future__ import annotations

import io
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bench.clock import LEAD
from bench.contestants import RATE, Contestant
from bench.remote import Gone, Remote
from bench.worker import serve


def stand_in(folder: Path, script: str) -> Path:
    """An interpreter that is a shell script, whatever it is told to run."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_a_worker_tells_its_facts_and_then_each_block() -> None:
    steps, answers = [], list[dict[str, Any]]()
    serve(Contestant(lambda: steps.append(1), {"dtype": "float32"}), io.StringIO("3\n2\n"), answers.append)
    assert answers[0] == {"dtype": "float32"}
    assert [len(block["ns"]) for block in answers[1:]] == [3, 2]
    assert len(steps) == 3 + 2 + 2 * LEAD
    assert answers[1]["peak_memory_bytes"] >= answers[1]["memory_bytes"] > 0


def test_a_contestant_is_asked_and_answers_over_a_pipe(tmp_path: Path) -> None:
    python = stand_in(
        tmp_path,
        """read asked; printf '{"asked": "%s", "told": "%s"}\\n' "$asked" "$*"
        while read n; do echo '{"ns": ['$n', 7], "joules": 6.0, "memory_bytes": 5, "peak_memory_bytes": 9}'; done""",
    )
    with closing(Remote("eager", "costgcn_short", threads=1, python=python)) as remote:
        facts = remote.ready()
        assert facts == {"asked": "build", "told": "-m bench.worker eager costgcn_short 1 cpu"}
        assert remote.steps(2) == [2, 7]
        assert (remote.joules, remote.memory_bytes, remote.peak_memory_bytes) == ([6.0 / (2 + LEAD)], 5, 9)


@pytest.mark.parametrize(
    ("script", "longest_s", "reason"),
    [
        ("""read asked; echo '{"error": "ImportError: no openvino"}'""", 60.0, "ImportError: no openvino"),
        ("echo 'Killed by the kernel' >&2; exit 3", 60.0, r"ended \(3\): Killed by the kernel"),
        ("exec sleep 100", 0.5, r"ended \(-9\)"),
        ("read asked; echo '{}'; exit 4", 60.0, r"ended \(4\)"),
    ],
    ids=["cannot be built", "dies", "hangs", "dies on the way"],
)
def test_a_contestant_that_fails_says_why(tmp_path: Path, script: str, longest_s: float, reason: str) -> None:
    remote = Remote("openvino", "costgcn_short", python=stand_in(tmp_path, script), longest_s=longest_s)
    with closing(remote), pytest.raises(Gone, match=reason):
        assert remote.ready() == {}, "only the last of them is built"
        remote.steps(1)
        remote.steps(1)


def test_a_real_process_multiplies_matrices() -> None:
    with closing(Remote(RATE, threads=1, python=sys.executable)) as remote:
        assert remote.ready()["macs"] == 1024**3
        assert len(remote.steps(2)) == 2


def test_an_unknown_network_is_named_with_those_there_are() -> None:
    remote = Remote("eager", "coxyz", threads=1)
    with closing(remote), pytest.raises(Gone, match="no network 'coxyz'; there are: .*cox3d_s"):
        remote.ready()
