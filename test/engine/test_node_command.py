"""Line that starts a node: it is what runs where it is printed."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from co_perception.engine import node_command as module
from co_perception.engine.node_command import has_ros, node_command

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("ros2, rclpy", [(True, True), (True, False), (False, True), (False, False)])
def test_the_line_is_of_the_ros_that_is_here(monkeypatch: pytest.MonkeyPatch, ros2: bool, rclpy: bool) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/opt/ros/jazzy/bin/ros2" if ros2 else None)
    monkeypatch.setattr(module, "find_spec", lambda name: object() if rclpy else None)
    line = shlex.split(node_command("pose_node", model_path="/home/me/two words"))
    own = [sys.executable, "-m", "co_perception.nodes.entry", "pose"]
    assert line == [
        *(own if rclpy and not ros2 else ["ros2", "run", "co_perception", "pose_node"]),
        "--ros-args", "-p", "model_path:=/home/me/two words",
    ]  # fmt: skip
    assert has_ros() == (ros2 or rclpy)
    assert "--ros-args" not in node_command("pose_node")


def test_every_executable_has_a_module_of_its_name() -> None:
    """So that both forms of the line start the same node."""
    for script in (ROOT / "scripts").glob("*_node"):
        assert f'start("{script.name.removesuffix("_node")}")' in script.read_text()


@pytest.mark.slow
def test_the_line_starts_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rclpy")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    line = shlex.split(node_command("skeleton_activity_node", model_path="/nowhere"))
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0 and "/nowhere" in done.stderr
