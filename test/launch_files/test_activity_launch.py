"""`ros2 launch co_perception activity.launch.py` as a process, where ROS 2 has a launch; its nodes by rclpy.

The wheels of `make env` have no launch: there these tests are skipped, and test/nodes/test_launch.py has stand-ins.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")
pytest.importorskip("launch_ros")
if shutil.which("ros2") is None:
    pytest.skip("no ros2 command", allow_module_level=True)

from lifecycle_msgs.srv import GetState  # noqa: E402
from rclpy.node import Node  # noqa: E402

from co_perception.msg import ActivityArray, LabelInfo, SkeletonArray  # noqa: E402
from co_perception.nodes.core.qos import latched_qos  # noqa: E402

START_S = 90.0


@pytest.fixture
def node() -> Iterator[Node]:
    rclpy.init()
    made = rclpy.create_node("observer")
    yield made
    made.destroy_node()
    rclpy.try_shutdown()


@contextmanager
def launched(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The launch file with these arguments; interrupted at the end, as by Ctrl-C."""
    command = ["ros2", "launch", "co_perception", "activity.launch.py", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


def wait(node: Node, found: Callable[[], Any]) -> None:
    end = time.monotonic() + START_S
    while not found():
        assert time.monotonic() < end, f"not in {START_S} s"
        rclpy.spin_once(node, timeout_sec=0.05)


def state_of(node: Node, name: str) -> str:
    client = node.create_client(GetState, f"{name}/get_state")
    wait(node, client.service_is_ready)
    future = client.call_async(GetState.Request())
    wait(node, future.done)
    return str(future.result().current_state.label)


@pytest.mark.timeout(200)
def test_the_recognizer_of_skeletons_starts_and_answers_them(node: Node) -> None:
    labels: list[LabelInfo] = []
    answers: list[ActivityArray] = []
    node.create_subscription(LabelInfo, "skeleton_activity/label_info", labels.append, latched_qos())
    node.create_subscription(ActivityArray, "activity", answers.append, 10)
    publisher = node.create_publisher(SkeletonArray, "skeletons", 10)
    with launched("recognizer:=skeleton", "pose:=none"):
        wait(node, lambda: labels)
        assert "raising_right" in labels[0].labels
        wait(node, lambda: state_of(node, "skeleton_activity") == "active")

        def answered() -> bool:
            message = SkeletonArray(coordinates=SkeletonArray.COORDINATES_PIXELS, image_width=640, image_height=480)
            message.header.stamp = node.get_clock().now().to_msg()
            publisher.publish(message)
            return bool(answers)

        wait(node, answered)


@pytest.mark.timeout(200)
def test_a_namespace_holds_all_nodes_and_a_manager_may_activate_them(node: Node) -> None:
    with launched("recognizer:=skeleton", "pose:=none", "namespace:=robot1", "autostart:=false"):
        assert state_of(node, "robot1/skeleton_activity") == "unconfigured"


@pytest.mark.timeout(100)
def test_a_misspelt_argument_ends_the_launch_with_the_nearest_name() -> None:
    command = ["ros2", "launch", "co_perception", "activity.launch.py", "recogniser:=skeleton"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90)
    assert done.returncode != 0 and "meant: 'recognizer'?" in done.stdout + done.stderr
