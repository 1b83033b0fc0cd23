"""launch/activity.launch.py: with the real launch where it is installed, else with stand-ins that remember."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("rclpy")

from co_perception.nodes import camera, skeleton_activity, video_activity

FILE = Path(__file__).parent.parent.parent / "launch/activity.launch.py"
TABLES = {
    "video_activity": video_activity.SETTINGS,
    "skeleton_activity": skeleton_activity.SETTINGS,
    "camera": camera.SETTINGS,
}


class Remembered:
    """Whatever launch offers, as the arguments it was made with."""

    def __init__(self, *args: Any, **named: Any) -> None:
        self.args, self.named = args, named

    def perform(self, context: Any) -> str:
        return str(context.launch_configurations[self.args[0]])


class Context:
    """The part of LaunchContext that the file asks for."""

    def __init__(self, **configurations: str) -> None:
        self.launch_configurations = configurations


@pytest.fixture
def launch_file(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("launch", "launch.actions", "launch.substitutions", "launch_ros.actions", "launch_ros.substitutions"):
        monkeypatch.setitem(sys.modules, name, _stand_in(name))
    spec = importlib.util.spec_from_file_location("activity_launch", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _stand_in(name: str) -> ModuleType:
    module = ModuleType(name)
    module.__getattr__ = lambda wanted: type(wanted, (Remembered,), {})  # type: ignore[method-assign]
    return module


def defaults(launch_file: Any) -> dict[str, str]:
    (entities,) = launch_file.generate_launch_description().args
    declared = [entity for entity in entities if "default_value" in entity.named]
    return {entity.args[0]: entity.named["default_value"] for entity in declared}


def started(launch_file: Any, **chosen: str) -> dict[str, dict[str, Any]]:
    """Arguments of the nodes that these launch arguments start."""
    context = Context(**{**defaults(launch_file), "params_file": "/params.yaml", **chosen})
    return {node.named["name"]: node.named for node in launch_file.start_nodes(context)}


def test_every_argument_is_described(launch_file: Any) -> None:
    (entities,) = launch_file.generate_launch_description().args
    arguments = [entity for entity in entities if "default_value" in entity.named]
    assert len(arguments) == len(entities) - 1
    assert all(argument.named["description"].endswith(".") for argument in arguments)


def test_only_the_recogniser_starts_where_a_driver_publishes(launch_file: Any) -> None:
    nodes = started(launch_file, image_topic="/cam/color", activity_topic="what", device="cuda")
    assert set(nodes) == {"video_activity"}
    node = nodes["video_activity"]
    assert node["executable"] == "video_activity_node"
    assert node["parameters"] == ["/params.yaml", {"use_sim_time": False, "autostart": True, "device": "cuda"}]
    assert dict(node["remappings"]) == {
        "image_raw": "/cam/color",
        "image_raw/compressed": "/cam/color/compressed",
        "skeletons": "skeletons",
        "activity": "what",
    }


def test_an_empty_argument_leaves_the_word_to_the_params_file(launch_file: Any) -> None:
    (_, given) = started(launch_file)["video_activity"]["parameters"]
    assert set(given) == {"use_sim_time", "autostart"}


def test_a_source_starts_the_camera_on_the_same_topic(launch_file: Any) -> None:
    nodes = started(launch_file, source="0", image_transport="compressed", autostart="false", namespace="robot")
    assert set(nodes) == {"video_activity", "camera"}
    (_, given) = nodes["camera"]["parameters"]
    assert given == {"use_sim_time": False, "autostart": False, "source": "0", "image_transport": "compressed"}
    assert nodes["camera"]["remappings"] == nodes["video_activity"]["remappings"]
    assert nodes["camera"]["namespace"] == "robot"


def test_the_skeleton_recogniser_hears_skeletons_and_no_images(launch_file: Any) -> None:
    nodes = started(launch_file, recognizer="skeleton", skeletons_topic="/poses", image_reliability="reliable")
    assert set(nodes) == {"skeleton_activity"}
    node = nodes["skeleton_activity"]
    assert dict(node["remappings"])["skeletons"] == "/poses"
    assert set(node["parameters"][1]) == {"use_sim_time", "autostart"}


def test_two_recognisers_do_not_publish_on_one_topic(launch_file: Any) -> None:
    nodes = started(launch_file, recognizer="both", activity_topic="what")
    topics = {name: dict(node["remappings"])["activity"] for name, node in nodes.items()}
    assert topics == {"video_activity": "what/video", "skeleton_activity": "what/skeleton"}


def test_what_it_sets_the_nodes_know(launch_file: Any) -> None:
    chosen = {
        "source": "0",
        "recognizer": "both",
        "image_transport": "raw",
        "image_reliability": "reliable",
        "device": "cpu",
    }
    for name, node in started(launch_file, **chosen).items():
        known = {setting.name for setting in TABLES[name]} | {"use_sim_time"}
        assert set(node["parameters"][1]) <= known
        assert (FILE.parent.parent / "scripts" / node["executable"]).is_file()


def test_the_real_launch_reads_it() -> None:
    pytest.importorskip("launch.actions")
    pytest.importorskip("launch_ros.actions")
    from launch.launch_description_sources import get_launch_description_from_python_launch_file

    description = get_launch_description_from_python_launch_file(str(FILE))
    names = {argument.name for argument in description.get_launch_arguments()}
    assert {"source", "image_topic", "params_file", "namespace", "use_sim_time"} <= names
