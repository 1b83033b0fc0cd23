"""Nodes as processes: what starts them, how they end, and what the kernel says of them."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from co_perception.nodes.processes import Part, Running, usage


def test_usage_is_what_a_process_takes_hold_of(tmp_path: Path) -> None:
    before = usage(os.getpid())
    held = mmap.mmap(-1, 50_000_000)  # pages of its own, not such as were free in this process already
    held.write(b"1" * 50_000_000)
    files = [(tmp_path / str(n)).open("w") for n in range(7)]
    release = threading.Event()
    threads = [threading.Thread(target=release.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    began = time.process_time()
    while time.process_time() - began < 0.2:
        pass
    after = usage(os.getpid())
    release.set()
    for file in files:
        file.close()
    for thread in threads:
        thread.join()
    assert after.memory_mb - before.memory_mb == pytest.approx(50, abs=5)
    assert after.descriptors - before.descriptors == 7
    assert after.threads - before.threads == 3
    assert 0.15 < after.cpu_s - before.cpu_s < 2.0
    held.close()


def test_a_process_that_is_gone_has_no_usage() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(OSError):
        usage(process.pid)


def test_parameters_and_topics_are_given_as_ros_reads_them() -> None:
    part = Part("camera", {"source": "0", "loop": True, "rate": 0.5}, {"image_raw": "eye"}, name="left")
    assert part.command[1:4] == ["-m", "co_perception.nodes.entry", "camera"]
    assert part.command[4:] == [
        "--ros-args", "-r", "image_raw:=eye", "-r", "__node:=left",
        "-p", 'source:="0"', "-p", "loop:=true", "-p", "rate:=0.5",
    ]  # fmt: skip


def test_a_node_is_started_ended_and_killed(tmp_path: Path) -> None:
    pytest.importorskip("rclpy")
    waiting = Part("fusion", {"autostart": False})
    with Running(waiting, tmp_path / "log") as first:
        time.sleep(0.5)
        assert first.alive
        assert usage(first.pid).memory_mb > 5
    assert first.process.returncode == 0
    with Running(waiting, tmp_path / "log") as second:
        second.kill()
        assert not second.alive
    assert second.process.returncode == -signal.SIGKILL


def test_what_a_node_says_is_kept(tmp_path: Path) -> None:
    pytest.importorskip("rclpy")
    with Running(Part("camera", {"source": "/nowhere.mp4"}), tmp_path / "log") as running:
        assert running.process.wait(60) == 1
    assert "/nowhere.mp4" in running.log.read_text()
