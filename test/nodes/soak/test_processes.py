"""Nodes as processes: what starts them, how they end, and what the kernel says of them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.processes import until_signals_are_handled

from co_perception.nodes.soak.processes import NodeCommand, NodeProcess, usage

TAKES_HOLD = """
import sys, threading, time
print("ready", flush=True)
sys.stdin.readline()
held = bytearray(b"1") * 50_000_000
files = [open(f"{sys.argv[1]}/{n}", "w") for n in range(7)]
for n in range(3):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
while time.process_time() < 0.5:
    pass
print("ready", flush=True)
sys.stdin.readline()
"""


def test_usage_is_what_a_process_takes_hold_of(tmp_path: Path) -> None:
    command = [sys.executable, "-S", "-c", TAKES_HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        before = usage(process.pid)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        after = usage(process.pid)
        process.kill()
    assert after.memory_mb - before.memory_mb == pytest.approx(50, abs=5)
    assert after.descriptors - before.descriptors == 7
    assert after.threads - before.threads == 3
    assert 0.4 < after.cpu_s < 2.0


def test_a_process_that_is_gone_has_no_usage() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(OSError):
        usage(process.pid)


def test_parameters_and_topics_are_given_as_ros_reads_them() -> None:
    part = NodeCommand("camera", {"source": "0", "loop": True, "rate": 0.5}, {"image_raw": "eye"}, name="left")
    assert part.arguments[1:4] == ["-m", "co_perception.nodes.entry", "camera"]
    assert part.arguments[4:] == [
        "--ros-args", "-r", "image_raw:=eye", "-r", "__node:=left",
        "-p", 'source:="0"', "-p", "loop:=true", "-p", "rate:=0.5",
    ]  # fmt: skip


def test_a_node_is_started_ended_and_killed(tmp_path: Path) -> None:
    pytest.importorskip("rclpy")
    waiting = NodeCommand("fusion", {"autostart": False})
    with NodeProcess(waiting, tmp_path / "log") as first:
        until_signals_are_handled(first.process)
        assert first.alive
        assert usage(first.process.pid).memory_mb > 5
        assert first.ending == "has not ended"
    assert first.process.returncode == 0
    assert first.ending == "ended by itself with status 0"
    with NodeProcess(waiting, tmp_path / "log") as second:
        second.kill()
        assert not second.alive
    assert second.process.returncode == -signal.SIGKILL
    assert second.ending == "was ended by SIGKILL"


def test_what_a_node_says_is_kept(tmp_path: Path) -> None:
    pytest.importorskip("rclpy")
    with NodeProcess(NodeCommand("camera", {"source": "/nowhere.mp4"}), tmp_path / "log") as running:
        assert running.process.wait(60) == 1
    assert "/nowhere.mp4" in running.log.read_text()
