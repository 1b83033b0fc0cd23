"""launch/activity.launch.py: with the real launch where it is installed, else with stand-ins that remember."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("rclpy")

from fake_learners import FakeLearner, FakePeopleLearner
from rclpy.parameter import Parameter

from co_perception.nodes import camera, fusion, pose, skeleton_activity, video_activity

FILE = Path(__file__).parent.parent.parent / "launch/activity.launch.py"
TABLES = {
    "video_activity": video_activity.SETTINGS,
    "skeleton_activity": skeleton_activity.SETTINGS,
    "camera": camera.SETTINGS,
    "fusion": fusion.SETTINGS,
    "pose": pose.SETTINGS,
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

    def anything(wanted: str) -> type:
        if wanted.startswith("__"):  # whoever looks through all modules is not to take them for files
            raise AttributeError(wanted)
        return type(wanted, (Remembered,), {})

    module.__getattr__ = anything  # type: ignore[method-assign]
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
    assert set(nodes["camera"]["remappings"]) <= set(nodes["video_activity"]["remappings"])
    assert nodes["camera"]["namespace"] == "robot"


def test_the_skeleton_recogniser_gets_skeletons_of_a_pose_estimator(launch_file: Any) -> None:
    chosen = {"skeleton_topic": "/poses", "image_topic": "/cam", "image_reliability": "reliable"}
    nodes = started(launch_file, recognizer="skeleton", **chosen)
    assert set(nodes) == {"skeleton_activity", "pose"}
    assert {dict(node["remappings"])["skeletons"] for node in nodes.values()} == {"/poses"}
    assert dict(nodes["pose"]["remappings"])["image_raw"] == "/cam"
    (_, given) = nodes["pose"]["parameters"]
    assert given["estimator"] == "movenet"
    assert given["image_reliability"] == "reliable"
    (_, given) = nodes["skeleton_activity"]["parameters"]
    assert set(given) == {"use_sim_time", "autostart"}


@pytest.mark.parametrize(
    ("chosen", "estimator"),
    [
        ({"recognizer": "video"}, None),
        ({"recognizer": "video", "subject": "scene"}, None),
        ({"recognizer": "video", "subject": "person"}, "movenet"),
        ({"recognizer": "video", "subject": "person", "pose": "none"}, None),
        ({"recognizer": "skeleton", "pose": "mediapipe"}, "mediapipe"),
        ({"recognizer": "skeleton", "pose": "none"}, None),
        ({"recognizer": "both"}, "movenet"),
        ({"recognizer": "both", "pose": "none"}, None),
    ],
)
def test_a_pose_estimator_starts_where_skeletons_are_wanted(
    launch_file: Any, chosen: dict[str, str], estimator: str | None
) -> None:
    nodes = started(launch_file, **chosen)
    found = nodes["pose"]["parameters"][1]["estimator"] if "pose" in nodes else None
    assert found == estimator
    if "video_activity" in nodes:
        assert nodes["video_activity"]["parameters"][1].get("subject") == chosen.get("subject")


def test_one_recogniser_tells_its_events_itself(launch_file: Any) -> None:
    for recognizer in ("video", "skeleton"):
        node = started(launch_file, recognizer=recognizer)[f"{recognizer}_activity"]
        assert "events" not in node["parameters"][1]


def test_two_recognisers_speak_to_fusion_alone(launch_file: Any) -> None:
    nodes = started(launch_file, recognizer="both", activity_topic="what")
    assert set(nodes) == {"video_activity", "skeleton_activity", "fusion", "pose"}
    assert dict(nodes["fusion"]["remappings"])["activity"] == "what"
    for kind in ("video", "skeleton"):
        (_, given) = nodes[f"{kind}_activity"]["parameters"]
        assert given["events"] is False


def test_whatever_is_started_activity_has_one_publisher(launch_file: Any, bench: Any) -> None:
    """The names that the launch file gives, on real nodes: fusion hears both recognisers, and speaks alone."""
    makers: dict[str, Callable[..., Any]] = {
        "video_activity": partial(video_activity.VideoActivityNode, lambda settings: FakeLearner()),
        "skeleton_activity": partial(skeleton_activity.SkeletonActivityNode, lambda settings: FakePeopleLearner()),
        "fusion": fusion.FusionNode,
    }
    nodes = {}
    for name, told in started(launch_file, recognizer="both", pose="none", namespace="robot").items():
        rules = [rule for old, new in told["remappings"] for rule in ("-r", f"{old}:={new}")]
        given = [Parameter(key, value=value) for key, value in told["parameters"][1].items() if key != "use_sim_time"]
        given += [Parameter("model", value="")] if name == "skeleton_activity" else []  # a learner without weights
        arguments = ["--ros-args", *rules]
        node = makers[name](namespace=told["namespace"], cli_args=arguments, parameter_overrides=given)
        nodes[name] = bench.add(node)
    for topic in ("activity", "activity_events", "activity_video", "activity_skeleton"):
        bench.until(lambda topic=topic: bench.node.count_publishers(f"/robot/{topic}") == 1, topic)
    assert {info.node_name for info in bench.node.get_publishers_info_by_topic("/robot/activity")} == {"fusion"}
    assert {info.node_name for info in bench.node.get_publishers_info_by_topic("/robot/activity_events")} == {"fusion"}
    bench.until(lambda: nodes["fusion"]._blend.label_info(0.0) is not None, "both label lists")


def test_what_it_sets_the_nodes_know(launch_file: Any) -> None:
    chosen = {
        "source": "0",
        "recognizer": "both",
        "subject": "person",
        "image_transport": "raw",
        "image_reliability": "reliable",
        "device": "cpu",
    }
    nodes = started(launch_file, **chosen)
    assert set(nodes) == set(TABLES)
    for name, node in nodes.items():
        known = {setting.name: setting for setting in TABLES[name]}
        given = {key: value for key, value in node["parameters"][1].items() if key != "use_sim_time"}
        assert set(given) <= set(known)
        assert not any(known[key].objection(value) for key, value in given.items())
        assert (FILE.parent.parent / "scripts" / node["executable"]).is_file()


def test_the_real_launch_reads_it() -> None:
    pytest.importorskip("launch.actions")
    pytest.importorskip("launch_ros.actions")
    from launch.launch_description_sources import get_launch_description_from_python_launch_file

    description = get_launch_description_from_python_launch_file(str(FILE))
    names = {argument.name for argument in description.get_launch_arguments()}
    assert {"source", "image_topic", "params_file", "namespace", "recognizer", "pose", "subject"} <= names
