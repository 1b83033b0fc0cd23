"""A network that is cut for three seconds between pose estimator and recognizer: two namespaces and a cable."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from faults.conftest import DEADLINE_S, with_helpers

pytest.importorskip("rclpy")

from faults.far_side import RATE_HZ
from helpers.processes import running

from co_perception.msg import Activity
from co_perception.nodes.soak.processes import NodeCommand, NodeProcess

CUT_S, RECOVERY_S = 3.0, 2.0
# Over the cable: with shared memory the two would not notice that it is cut.
NETWORKED = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET", "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4"}
NAMES = (f"co{os.getpid()}a", f"co{os.getpid()}b")


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def sides() -> Iterator[tuple[str, str]]:
    """Two network namespaces with a cable between them, of which each end is called `cable`."""
    if shutil.which("ip") is None:
        pytest.skip("there is no ip command here (Debian: iproute2)")
    with ExitStack() as stack:
        for number, name in enumerate(NAMES):
            try:
                ip("netns", "add", name)
            except subprocess.CalledProcessError as error:
                pytest.skip(f"network namespaces need privileges: {error.stderr.strip()}")
            stack.callback(ip, "netns", "del", name)
            ip("-n", name, "link", "set", "lo", "up")
            if number:
                ip("link", "add", "cable", "netns", NAMES[0], "type", "veth", "peer", "name", "cable", "netns", name)
        for number, name in enumerate(NAMES, 1):
            ip("-n", name, "addr", "add", f"10.77.0.{number}/24", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")
        for name in NAMES:  # a participant that comes up before its cable has settled listens to itself alone
            until(partial(settled, name), "a cable")
        yield NAMES


def settled(name: str) -> bool:
    addresses = ip("-n", name, "addr", "show", "cable")
    return "state UP" in addresses and "tentative" not in addresses


@contextmanager
def cut(side: str) -> Iterator[None]:
    """The cable is unplugged meanwhile."""
    ip("-n", side, "link", "set", "cable", "down")
    try:
        yield
    finally:
        ip("-n", side, "link", "set", "cable", "up")


@contextmanager
def far(side: str, role: str, path: Path) -> Iterator[Callable[[], list[Any]]]:
    """Runs one end; gives what it has noted so far."""
    script = Path(__file__).parent / "far_side.py"
    command = ["ip", "netns", "exec", side, sys.executable, str(script), role, str(path)]

    def notes() -> list[Any]:
        lines = path.read_text().splitlines(True) if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    with running(command, env={**with_helpers(), **NETWORKED}):
        yield notes


def until(predicate: Callable[[], object], what: str) -> None:
    end = time.monotonic() + DEADLINE_S
    while not predicate():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def said(notes: Sequence[Any]) -> list[Any]:
    return [note for note in notes if "epoch" in note]


def told(notes: Sequence[Any]) -> list[Any]:
    return [note for note in notes if "values" in note]


def valid(notes: Sequence[Any], since_ns: int = 0) -> list[int]:
    return [n["stamp"] for n in said(notes) if n["stamp"] > since_ns and Activity.STATUS_VALID in n["statuses"]]


@pytest.mark.slow
def test_three_seconds_without_a_network(sides: tuple[str, str], tmp_path: Path) -> None:
    here, there = sides
    part = NodeCommand("skeleton_activity", {"threads": 1, "silence_s": 1.0, "threshold": 0.0})
    with ExitStack() as stack:
        enter = ["ip", "netns", "exec", there]
        stack.enter_context(NodeProcess(part, tmp_path / "log", NETWORKED, enter))
        heard = stack.enter_context(far(there, "hear", tmp_path / "heard"))
        sent = stack.enter_context(far(here, "send", tmp_path / "sent"))
        until(lambda: len(valid(heard())) > 5, "a label before the cut")
        with cut(here):
            cut_ns = time.time_ns()
            time.sleep(CUT_S)
            back_ns = time.time_ns()
            during = heard()
        until(lambda: len(valid(heard(), back_ns)) > 5, "a label after the cut")
        until(lambda: told(heard())[-1]["at"] > back_ns + 3e9 and not told(heard())[-1]["warns"], "well again")
        known = told(heard())[-1]["values"]
        notes, frames = heard(), [note["stamp"] for note in sent()]

    assert said(during)[-1]["stamp"] < cut_ns, "nothing is said of frames that did not come"
    assert any("No skeleton on /skeletons" in note["message"] for note in told(notes) if note["warns"])
    stamps = [note["stamp"] for note in said(notes)]
    assert stamps == sorted(set(stamps))
    assert set(stamps) <= set(frames)
    # Frames, not time, for a busy machine: the sender is one of its processes.
    until_valid = [frame for frame in frames if back_ns < frame <= valid(notes, back_ns)[0]]
    assert len(until_valid) <= RECOVERY_S * RATE_HZ
    assert [epoch for epoch, _ in itertools.groupby(note["epoch"] for note in said(notes))] == [0, 1]
    first = next(note for note in said(notes) if note["stamp"] > back_ns)
    assert set(first["statuses"]) == {Activity.STATUS_WARMING_UP}
    unheard = sum(cut_ns < frame < first["stamp"] for frame in frames)
    assert first["dropped"] >= unheard - 2, "those under way when the cable was pulled are counted before"
    assert int(known["frames lost on the way"]) >= unheard - 2
