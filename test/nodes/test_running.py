"""The executables: up by themselves or by a manager, down by a signal with exit status 0."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

import rclpy
from lifecycle_msgs.srv import GetState
from sensor_msgs.msg import Image

from co_perception.nodes.camera import CameraNode
from co_perception.nodes.qos import image_qos
from co_perception.nodes.running import run

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"


def start(*parameters: str) -> subprocess.Popen[str]:
    wanted = [word for parameter in parameters for word in ("-p", parameter)]
    command = [sys.executable, str(SCRIPTS / "camera_node"), "--ros-args", *wanted]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_playing_node_with_status_zero(
    bench: Any, make_video: Callable[..., Path], number: signal.Signals
) -> None:
    process = start(f"source:={make_video()}", "loop:=true")
    try:
        heard = bench.listen(Image, "image_raw", image_qos("reliable", 10))
        bench.until(lambda: heard or process.poll() is not None, "a frame")
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert heard, err
    assert process.returncode == 0, err
    assert "Traceback" not in err


def test_a_signal_while_the_node_is_being_made_is_no_failure() -> None:
    """ROS is taken away between `rclpy.init` and the end of the node's constructor."""

    def make() -> Any:
        rclpy.shutdown()
        return CameraNode()

    assert run(make) == 0


def test_a_defect_is_not_taken_for_a_signal() -> None:
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 // 0)
    assert not rclpy.ok()


def test_what_cannot_come_up_by_itself_ends_with_status_one() -> None:
    process = start("source:=/nowhere/clip.mp4")
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "/nowhere/clip.mp4" in err
    assert "Traceback" not in err


def test_a_parameter_that_does_not_fit_is_one_line() -> None:
    process = start("source:=clip.mp4", "rate:=fast")
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "rate is a number, got 'fast'" in err
    assert "Traceback" not in err


def test_without_autostart_it_waits_for_a_manager(bench: Any) -> None:
    process = start("source:=/nowhere/clip.mp4", "autostart:=false")
    try:
        assert bench.call(GetState, "camera/get_state").current_state.label == "unconfigured"
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0, err


@pytest.mark.parametrize("name", ["camera_node", "video_activity_node"])
def test_every_node_has_an_executable_of_three_lines(name: str) -> None:
    text = (SCRIPTS / name).read_text()
    assert text.startswith("#!/usr/bin/env python3\n")
    assert (SCRIPTS / name).stat().st_mode & 0o111
    compile(text, name, "exec")
