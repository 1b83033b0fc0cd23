"""SIGINT and SIGTERM at moments all over start-up: the process ends within 2 s, with status 0 and without a word."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("rclpy")

from helpers.processes import running, until_signals_are_handled

from co_perception.nodes.soak.processes import usage

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"
MOMENTS = 12
ENDS_S, TRIES = 2.0, 2
UP = "Listening on"


@contextmanager
def started(node: str) -> Iterator[subprocess.Popen[str]]:
    """The executable, from its first line on."""
    command = [sys.executable, str(SCRIPTS / f"{node}_node")]
    command += ["--ros-args", "-p", "threads:=1"] if node == "skeleton_activity" else []
    with running(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        until_signals_are_handled(process)
        yield process


class StartUp(NamedTuple):
    """How long the node takes to come up here; how many times longer that is than the processor time it takes."""

    up_s: float
    slowed: float


@pytest.fixture(scope="module")
def start_up() -> StartUp:
    with started("skeleton_activity") as process:
        began = time.monotonic()
        assert process.stderr is not None
        assert any(UP in line for line in process.stderr)
        up_s = time.monotonic() - began
        return StartUp(up_s, max(up_s / usage(process.pid).cpu_s, 1.0))


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_signal_at_any_moment_of_start_up_ends_the_process(start_up: StartUp, moment: int) -> None:
    """The last moments lie after start-up. A machine that is busy with something else gets more time, and two tries."""
    number = (signal.SIGINT, signal.SIGTERM)[moment % 2]
    for _ in range(TRIES):
        took_s, status, said = ended("skeleton_activity", start_up.up_s * 1.2 * moment / (MOMENTS - 1), number)
        assert status == 0, said
        assert "Traceback" not in said and "rror" not in said, said
        if took_s < ENDS_S * start_up.slowed:
            return
    raise AssertionError(f"{took_s:.1f} s")


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.5, 2.0, 4.0, 12.0])
@pytest.mark.parametrize("node", sorted(path.name.removesuffix("_node") for path in SCRIPTS.glob("*_node")))
def test_every_node_ends_so_and_a_second_signal_changes_nothing(start_up: StartUp, node: str, after_s: float) -> None:
    """Without a source or annotations `camera` and `score` have ended by then, with status 1."""
    for _ in range(TRIES):
        took_s, status, said = ended(node, after_s, signal.SIGINT, again=signal.SIGTERM)
        assert "Traceback" not in said, said
        assert status == 0 or (status == 1 and "Cannot be configured" in said), said
        if took_s < ENDS_S * start_up.slowed:
            return
    raise AssertionError(f"{took_s:.1f} s")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_node_without_a_network_too(number: signal.Signals) -> None:
    _, status, said = ended("fusion", 0.3, number)
    assert status == 0, said


def ended(
    node: str, after_s: float, number: signal.Signals, again: signal.Signals | None = None
) -> tuple[float, int, str]:
    """Sends the signal, and another one at once; time until the end [s], exit status, and what was said."""
    with started(node) as process:
        time.sleep(after_s)
        sent = time.monotonic()
        process.send_signal(number)
        if again is not None:
            process.send_signal(again)
        _, said = process.communicate(timeout=60)
        return time.monotonic() - sent, process.returncode, said
