"""launch/activity.launch.py, with the real launch where it is installed, else with stand-ins that remember; and
config/activity.yaml, which holds every parameter with its default."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import takewhile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("rclpy")

from helpers.fake_learners import FakeLearner, FakePeopleLearner
from rclpy.parameter import Parameter

from co_perception.engine.settings import table_of
from co_perception.nodes import camera, fusion, outputs, pose, skeleton_activity, video_activity
from co_perception.nodes.core.parameters import descriptor

ROOT = Path(__file__).parents[2]
CONFIG, FILE = ROOT / "config/activity.yaml", ROOT / "launch/activity.launch.py"
PAGES = [ROOT / "README.md", CONFIG, FILE, *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("examples/*.py"))]
TABLES = {
    "video_activity": table_of(video_activity.VideoNodeSettings),
    "skeleton_activity": table_of(skeleton_activity.SkeletonNodeSettings),
    "camera": table_of(camera.CameraSettings),
    "fusion": table_of(fusion.FusionSettings),
    "pose": table_of(pose.PoseNodeSettings),
    "outputs": table_of(outputs.OutputSettings),
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
        monkeypatch.setitem(sys.modules, name, StandIn(name))
    spec = importlib.util.spec_from_file_location("activity_launch", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class StandIn(ModuleType):
    """A module of launch, which has every name."""

    def __getattr__(self, wanted: str) -> type:
        if wanted.startswith("__"):  # for those who look through all modules for files
            raise AttributeError(wanted)
        return type(wanted, (Remembered,), {})


def declared(launch_file: Any) -> list[Any]:
    """The arguments; besides them the description has the function that starts the nodes."""
    (entities,) = launch_file.generate_launch_description().args
    arguments = [entity for entity in entities if "default_value" in entity.named]
    assert len(arguments) == len(entities) - 1
    return arguments


def started(launch_file: Any, **chosen: str) -> dict[str, dict[str, Any]]:
    """Arguments of the nodes that these launch arguments start."""
    defaults = {argument.args[0]: argument.named["default_value"] for argument in declared(launch_file)}
    context = Context(**{**defaults, "params_file": str(CONFIG), **chosen})
    nodes = launch_file.start_nodes(context)
    return {node.named.get("name", node.named["executable"]): node.named for node in nodes}


def test_every_argument_is_described(launch_file: Any) -> None:
    assert all(argument.named["description"].endswith(".") for argument in declared(launch_file))


@pytest.mark.parametrize("name", ["recogniser", "imge_topic", "params_fle", "use_simtime", "sourc"])
def test_a_misspelt_argument_is_refused_with_the_nearest_name(launch_file: Any, name: str) -> None:
    with pytest.raises(ValueError, match=rf"no launch argument '{name}' \(meant: '[a-z_]+'\?\); .*params_file"):
        started(launch_file, **{name: "x", "params_file": ""})


def test_an_unknown_argument_is_refused_where_this_file_was_launched(
    launch_file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert started(launch_file, robot_model="x"), "of a launch file that includes this one"
    assert started(launch_file, sources="a,b", source="0"), "which has given the similar one too"
    monkeypatch.setattr(sys, "argv", ["ros2", "launch", "co_perception", "activity.launch.py", "robot_model:=x"])
    with pytest.raises(ValueError, match="no launch argument 'robot_model'; there are"):
        started(launch_file, robot_model="x")


def launched_lines() -> list[tuple[str, list[str]]]:
    """Every `ros2 launch` of this package that a page prints: where it stands, and its words."""
    found = []
    for page in PAGES:
        for line in re.findall(r"ros2 launch co_perception activity\.launch\.py([^`\n]*)", page.read_text()):
            found.append((page.name, shlex.split(line, comments=True)))
    return found


def test_every_printed_launch_line_is_one_of_this_file(
    launch_file: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").touch()  # the copy that a line speaks of
    lines = launched_lines()
    assert {"README.md", "greeter.py", "teach.md", "activity.yaml", FILE.name} <= {page for page, _ in lines}
    for page, words in lines:
        arguments = dict(word.split(":=", 1) for word in words if word != "-s")
        choices = {argument.args[0]: argument.named.get("choices") for argument in declared(launch_file)}
        assert set(arguments) <= set(choices), page
        assert all(value in (choices[name] or [value]) for name, value in arguments.items()), page
        assert started(launch_file, **arguments), page


def test_the_model_of_the_launch_line_is_the_one_that_runs(launch_file: Any) -> None:
    given = {
        "model_path": "mine",
        "network": "cotcn",
        "tasks": "adapters",
        "task": "wave",
        "model": "",
        "threshold": "1",
    }
    for recognizer in ("skeleton", "both"):
        nodes = started(launch_file, recognizer=recognizer, **given)
        parameters = nodes["skeleton_activity"]["parameters"][1]
        assert {name: parameters.get(name) for name in ("model_path", "network", "tasks", "task")} == {
            "model_path": "mine", "network": "cotcn", "tasks": "adapters", "task": "wave"
        }  # fmt: skip
        last = nodes["fusion" if recognizer == "both" else "skeleton_activity"]
        assert last["parameters"][1]["threshold"] == 1.0 and type(last["parameters"][1]["threshold"]) is float
    assert "model_path" not in nodes["video_activity"]["parameters"][1], "a skeleton model"
    named = started(launch_file, network="movinet_a0_stream")["video_activity"]["parameters"][1]
    assert (named["network"], named.get("model_path")) == ("movinet_a0_stream", None)
    own = started(launch_file, model_path="mine", threshold="0.5")["video_activity"]["parameters"][1]
    assert (own["model_path"], own["threshold"]) == ("mine", 0.5)


@pytest.mark.parametrize(
    ("given", "teaches"),
    [
        ({"model": "costgcn_short_motions"}, "model: only the recognizer of skeletons has that.*recognizer:=skeleton"),
        ({"recognizer": "skeleton", "threshold": "high"}, "threshold is a number, got 'high'"),
    ],
)
def test_an_argument_that_would_have_no_effect_is_refused(launch_file: Any, given: Any, teaches: str) -> None:
    with pytest.raises(ValueError, match=teaches):
        started(launch_file, **given)


def test_a_parameter_file_is_found_at_home_or_refused(
    launch_file: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """launch_ros starts nodes without a file that is not there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "my.yaml").touch()
    (node,) = started(launch_file, params_file="~/my.yaml").values()
    assert node["parameters"][0] == str(tmp_path / "my.yaml")
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "none.yaml")):
        started(launch_file, params_file="~/none.yaml")


def test_only_the_recognizer_starts_where_a_driver_publishes(launch_file: Any) -> None:
    nodes = started(launch_file, image_topic="/cam/color", activity_topic="what", device="cuda")
    assert set(nodes) == {"video_activity"}
    node = nodes["video_activity"]
    assert node["executable"] == "video_activity_node"
    assert node["parameters"] == [str(CONFIG), {"use_sim_time": False, "autostart": True, "device": "cuda"}]
    assert dict(node["remappings"]) == {
        "image_raw": "/cam/color",
        "image_raw/compressed": "/cam/color/compressed",
        "image_raw/ffmpeg": "/cam/color/ffmpeg",
        "image_raw/foxglove": "/cam/color/foxglove",
        "skeletons": "skeletons",
        "camera_info": "camera_info",
        "depth": "depth",
        "activity": "what",
    }


def test_a_source_starts_the_camera_on_the_same_topic(launch_file: Any) -> None:
    nodes = started(launch_file, source="0", image_transport="compressed", autostart="false", namespace="robot")
    assert set(nodes) == {"video_activity", "camera"}
    (_, given) = nodes["camera"]["parameters"]
    assert given == {"use_sim_time": False, "autostart": False, "source": "0", "image_transport": "compressed"}
    assert set(nodes["camera"]["remappings"]) <= set(nodes["video_activity"]["remappings"])
    assert nodes["camera"]["namespace"] == "robot"


def test_the_skeleton_recognizer_gets_skeletons_of_a_pose_estimator(launch_file: Any) -> None:
    chosen = {"skeleton_topic": "/poses", "image_topic": "/cam", "image_reliability": "reliable"}
    nodes = started(launch_file, recognizer="skeleton", **chosen)
    assert set(nodes) == {"skeleton_activity", "pose"}
    assert {dict(node["remappings"])["skeletons"] for node in nodes.values()} == {"/poses"}
    assert dict(nodes["pose"]["remappings"])["image_raw"] == "/cam"
    (_, given) = nodes["pose"]["parameters"]
    assert given["estimator"] == "movenet"
    assert given["image_reliability"] == "reliable"
    for arguments in (nodes["skeleton_activity"], started(launch_file)["video_activity"]):
        assert set(arguments["parameters"][1]) == {"use_sim_time", "autostart"}, "the rest is left to the params file"


def test_positions_are_found_where_the_joints_are(launch_file: Any) -> None:
    """By the pose estimator, or by who gets the skeletons of another one."""
    chosen = {"recognizer": "skeleton", "position": "depth", "position_frame": "base_link", "depth_topic": "/deep"}
    wanted = {"position": "depth", "position_frame": "base_link"}
    for estimator, finder, other in (("movenet", "pose", "skeleton_activity"), ("none", "skeleton_activity", None)):
        nodes = started(launch_file, pose=estimator, **chosen)
        assert wanted.items() <= nodes[finder]["parameters"][1].items()
        assert dict(nodes[finder]["remappings"])["depth"] == "/deep"
        assert other is None or not wanted.keys() & nodes[other]["parameters"][1].keys()
    with pytest.raises(ValueError, match="looks at the whole scene"):
        started(launch_file, position="depth")


def test_the_cameras_motion_is_taken_out_by_the_pose_estimator(launch_file: Any) -> None:
    nodes = started(launch_file, recognizer="skeleton", camera_motion="tf", camera_info_topic="/eye/info")
    assert nodes["pose"]["parameters"][1]["camera_motion"] == "tf"
    assert dict(nodes["pose"]["remappings"])["camera_info"] == "/eye/info"
    for chosen in ({}, {"recognizer": "skeleton", "pose": "none"}):
        with pytest.raises(ValueError, match="camera_motion:=image is of the package's own pose estimator"):
            started(launch_file, camera_motion="image", **chosen)


@pytest.mark.parametrize("recognizer", ["video", "skeleton", "both"])
def test_outputs_are_made_of_what_everybody_else_gets(launch_file: Any, recognizer: str) -> None:
    """Of the fused answers, where there are two recognizers; without the argument nothing more is started."""
    assert "outputs" not in started(launch_file, recognizer=recognizer)
    chosen = {
        "activity_topic": "what",
        "skeleton_topic": "who",
        "image_topic": "/eye",
        "camera_info_topic": "/eye/info",
    }
    node = started(launch_file, recognizer=recognizer, outputs="markers,humans", **chosen)["outputs"]
    assert node["parameters"][1]["outputs"] == "markers,humans"
    wanted = {"activity": "what", "skeletons": "who", "image_raw": "/eye", "camera_info": "/eye/info"}
    assert wanted.items() <= dict(node["remappings"]).items()


def test_identity_is_the_pose_estimators(launch_file: Any) -> None:
    nodes = started(launch_file, recognizer="skeleton", identity="appearance")
    assert nodes["pose"]["parameters"][1]["identity"] == "appearance"
    assert "identity" not in nodes["skeleton_activity"]["parameters"][1]
    for without in ({}, {"recognizer": "skeleton", "pose": "none"}):
        with pytest.raises(ValueError, match="identity:=appearance is of the package's own pose estimator"):
            started(launch_file, identity="appearance", **without)


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


def test_one_process_has_the_nodes_that_would_be_three(
    launch_file: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    given = {"recognizer": "skeleton", "source": "a b.mp4", "threshold": "0.6", "position": "camera_info",
             "image_topic": "/cam", "activity_topic": "what"}  # fmt: skip
    [(name, node)] = started(launch_file, one_process="true", **given).items()
    assert name == "people_activity_node" and "name" not in node, "a name would be that of all three nodes"
    apart, (file, for_all, own) = started(launch_file, **given), node["parameters"]
    assert file == str(CONFIG), "what is chosen comes after it"
    for section, content in json.loads(Path(own).read_text()).items():
        name = section.removeprefix("/**/")
        assert {**for_all, **content["ros__parameters"]} == apart.pop(name)["parameters"][1], name
    assert not apart and ("activity", "what") in node["remappings"] and ("image_raw", "/cam") in node["remappings"]
    assert node["arguments"] == ["--camera"]
    assert started(launch_file, no_pixels="true", **given)["people_activity_node"]["arguments"] == ["--no-pixels"]
    assert set(started(launch_file, no_pixels="true", outputs="markers", **given)) == {
        "people_activity_node",
        "outputs",
    }
    without = started(launch_file, one_process="true", recognizer="skeleton")
    assert without["people_activity_node"]["arguments"] == [], "pictures of a driver"


@pytest.mark.parametrize(
    ("given", "teaches"),
    [
        ({"no_pixels": "true", "source": "0"}, "add recognizer:=skeleton"),
        ({"one_process": "true", "recognizer": "both", "source": "0"}, "add recognizer:=skeleton"),
        ({"no_pixels": "true", "recognizer": "skeleton", "source": "0", "pose": "none"}, "leave pose"),
        ({"no_pixels": "true", "recognizer": "skeleton"}, "add source:=0"),
        ({"no_pixels": "true", "recognizer": "skeleton", "source": "0", "position": "depth"}, "camera_info needs none"),
        ({"no_pixels": "true", "recognizer": "skeleton", "source": "0", "outputs": "annotated"}, "take markers"),
    ],
)
def test_pictures_of_others_are_refused_where_none_are_to_travel(launch_file: Any, given: Any, teaches: str) -> None:
    with pytest.raises(ValueError, match=teaches):
        started(launch_file, **given)


def test_two_recognizers_speak_to_fusion_alone(launch_file: Any) -> None:
    nodes = started(launch_file, recognizer="both", activity_topic="what")
    assert set(nodes) == {"video_activity", "skeleton_activity", "fusion", "pose"}
    assert dict(nodes["fusion"]["remappings"])["activity"] == "what"
    for kind in ("video", "skeleton"):
        assert nodes[f"{kind}_activity"]["parameters"][1]["events"] is False
        assert "events" not in started(launch_file, recognizer=kind)[f"{kind}_activity"]["parameters"][1]


def test_whatever_is_started_activity_has_one_publisher(launch_file: Any, bench: Any) -> None:
    """The names that the launch file gives, on real nodes: fusion hears both recognizers, and speaks alone."""
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
    bench.until(lambda: nodes["fusion"]._fusion.label_info(0.0) is not None, "both label lists")


def test_what_it_sets_the_nodes_know(launch_file: Any) -> None:
    images = {"image_transport": "raw", "image_reliability": "reliable"}
    own = {"model": "a", "model_path": "b", "network": "c", "tasks": "d", "task": "e", "threshold": "0.5"}
    images |= {"outputs": "annotated,markers", "camera_motion": "image"}
    nodes = started(launch_file, source="0", recognizer="both", subject="person", device="cpu", **images, **own)
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
    assert {"source", "image_topic", "params_file", "namespace", "recognizer", "pose", "subject", "model_path"} <= names
    assert {word.partition(":=")[0] for _, words in launched_lines() for word in words} - {"-s"} <= names


def launched_for_real(monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, list[list[str]]]:
    """Exit status of launch, and the command line of each node, which is not started."""
    pytest.importorskip("launch_ros.actions")
    from launch.actions import ExecuteLocal, IncludeLaunchDescription
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    from launch import LaunchDescription, LaunchService

    commands: list[list[str]] = []

    def execute(action: Any, context: Any) -> None:
        action.prepare(context)
        commands.append(action.process_description.final_cmd)

    monkeypatch.setattr(ExecuteLocal, "execute", execute)
    monkeypatch.setattr(sys, "argv", ["ros2", "launch", "co_perception", FILE.name, *words])
    arguments = [tuple(word.split(":=", 1)) for word in words]
    included = IncludeLaunchDescription(PythonLaunchDescriptionSource(str(FILE)), launch_arguments=arguments)
    service = LaunchService(noninteractive=True)
    service.include_launch_description(LaunchDescription([included]))
    return service.run(), commands


def test_the_real_launch_starts_what_its_arguments_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("recognizer:=both", "source:=0", "namespace:=left", "model_path:=~/mine", "threshold:=0.5")
    status, commands = launched_for_real(monkeypatch, *words)
    assert status == 0
    nodes = {Path(command[0]).name: command for command in commands}
    assert set(nodes) == {
        f"{name}_node" for name in ("video_activity", "skeleton_activity", "fusion", "pose", "camera")
    }
    assert all("__ns:=/left" in command for command in commands)
    own = {
        name: Path(command[len(command) - 1 - command[::-1].index("--params-file") + 1]).read_text()
        for name, command in nodes.items()
    }
    assert "model_path: ~/mine" in own["skeleton_activity_node"] and "threshold: 0.5" in own["fusion_node"]
    assert "source: '0'" in own["camera_node"], "a name, not a number"


@pytest.mark.parametrize("word", ["recogniser:=both", "recognizer:=all", "threshold:=high", "params_file:=/none.yaml"])
def test_the_real_launch_refuses_too(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    assert launched_for_real(monkeypatch, word) == (1, [])


@pytest.mark.parametrize("node", TABLES)
def test_the_file_holds_every_parameter_with_its_default(node: str) -> None:
    content = pytest.importorskip("yaml").safe_load(CONFIG.read_text())
    told = content[f"/**/{node}"]["ros__parameters"]
    defaults = {setting.name: setting.default for setting in TABLES[node]}
    assert told == defaults
    assert {name: type(value) for name, value in told.items()} == {name: type(d) for name, d in defaults.items()}


@pytest.mark.parametrize("node", TABLES)
def test_a_parameter_that_names_files_is_a_path(node: str) -> None:
    """So ~ is the home directory in it; a source may be several, see `resolve`."""
    texts = [row for row in TABLES[node] if isinstance(row.default, str) and row.name != "source"]
    assert {row.name for row in texts if row.path} == {
        row.name for row in texts if re.search(r"(?i)\b(file|folder)\b(?! frame)", row.description)
    }


@pytest.mark.parametrize("node", TABLES)
def test_a_live_parameter_is_marked_in_the_file(node: str) -> None:
    text = CONFIG.read_text()
    begin = text.index(f"/**/{node}:")
    block = text[begin : text.find("\n/**/", begin + 1)]
    for setting in TABLES[node]:
        entry, *following = block[block.index(f"\n    {setting.name}:") + 1 :].splitlines()
        comment = entry + "".join(takewhile(lambda line: line.startswith(" " * 20), following))
        assert ("(live)" in comment) == (setting.when == "live"), setting.name


@pytest.mark.parametrize("node", TABLES)
def test_every_parameter_is_described_with_its_range(node: str) -> None:
    for setting in TABLES[node]:
        described: Any = descriptor(setting)
        assert described.description.endswith("."), setting.name
        if isinstance(setting.default, float):
            assert described.floating_point_range, setting.name
        elif isinstance(setting.default, int) and not isinstance(setting.default, bool):
            assert described.integer_range, setting.name
        assert not setting.objection(setting.default)
