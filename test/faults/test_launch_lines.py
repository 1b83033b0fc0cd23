"""The launch lines of docs/namespaces.md: the nodes that each starts, as processes in the graph it is meant for."""

from __future__ import annotations

import os
import re
import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

from helpers.ros_domain import has_participants
from nodes.test_launch import launch_file as launch_file
from nodes.test_launch import started

from co_perception.nodes.soak.processes import NodeCommand, NodeProcess

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"^((?:[A-Z_]+=\S+ )*)ros2 launch co_perception activity\.launch\.py(.*)$", re.MULTILINE)


def launched(page: str) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Environment and launch arguments of each line."""
    text = (ROOT / "docs" / page).read_text()
    return [
        (dict(word.split("=", 1) for word in before.split()), dict(word.split(":=", 1) for word in shlex.split(after)))
        for before, after in LINE.findall(text)
    ]


def command(node: dict[str, Any], video: Path) -> NodeCommand:
    """What launch_ros runs for a node; a file is played in place of a camera."""
    given = {**node["parameters"][1], "threads": 1}
    if node["executable"] == "camera_node":
        given = {**node["parameters"][1], "source": str(video), "loop": True}
    space = {"__ns": f"/{node['namespace']}"} if node["namespace"] else {}
    remappings = {old: new for old, new in node["remappings"] if old != new}
    return NodeCommand(node["executable"].removesuffix("_node"), given, {**remappings, **space}, node["name"])


@pytest.mark.slow
def test_the_lines_of_the_page_start_graphs_that_stay_apart(
    bench: Any, launch_file: Any, make_video: Any, tmp_path: Path
) -> None:
    lines = launched("namespaces.md")
    assert [sorted({**before, **arguments}) for before, arguments in lines] == [
        ["image_topic", "namespace", "recognizer"],
        ["image_topic", "namespace", "recognizer"],
        ["ROS_DOMAIN_ID", "recognizer", "source"],
        ["ROS_AUTOMATIC_DISCOVERY_RANGE", "recognizer", "source"],
    ]
    own = int(os.environ["ROS_DOMAIN_ID"])
    other = next(number for number in range(101, 200) if number != own and not has_participants(number))
    with ExitStack() as stack:
        for number, (before, arguments) in enumerate(lines):
            environment = {**before, **({"ROS_DOMAIN_ID": str(other)} if "ROS_DOMAIN_ID" in before else {})}
            for name, node in started(launch_file, **arguments).items():
                log = tmp_path / f"{number}_{name}.log"
                stack.enter_context(NodeProcess(command(node, make_video()), log, environment))
        names = {
            *(f"/{side}/{name}" for side in ("left", "right") for name in ("pose", "skeleton_activity")),
            *("/camera", "/pose", "/skeleton_activity"),
        }

        def present() -> list[str]:
            found = bench.node.get_node_names_and_namespaces()
            return sorted(f"{space.rstrip('/')}/{name}" for name, space in found if name != "bench")

        def publishers(topic: str) -> list[str]:
            found = bench.node.get_publishers_info_by_topic(topic)
            return [f"{each.node_namespace.rstrip('/')}/{each.node_name}" for each in found]

        bench.until(lambda: present() == sorted(names), "the nodes of three lines, and none of the other domain")
        bench.until(lambda: has_participants(other), "the nodes of the other domain")
        for space in ("/left", "/right", ""):
            bench.until(lambda space=space: publishers(f"{space}/activity") == [f"{space}/skeleton_activity"])
            bench.until(lambda space=space: publishers(f"{space}/skeletons") == [f"{space}/pose"])
        for side in ("left", "right"):
            topic = f"/camera_{side}/image_raw"
            bench.until(lambda topic=topic: bench.node.count_subscribers(topic) == 1, f"a reader of {topic}")
        bench.spin(3.0)
        assert present() == sorted(names)
    for log in tmp_path.glob("*.log"):
        assert "another node is called" not in log.read_text() and "several publish" not in log.read_text()
