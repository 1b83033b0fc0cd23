"""Commands, options, parameters, signatures and figures that the documentation names are those of the code."""

from __future__ import annotations

import argparse
import inspect
import json
import re
import shlex
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from co_perception.cli import COMMANDS
from co_perception.commands import train_settings
from co_perception.data.bags.labeled_bags import bag_samples
from co_perception.data.datasets.kinetics_skeleton import kinetics_samples
from co_perception.data.datasets.ntu import ntu_samples
from co_perception.data.datasets.pyskl import pyskl_samples
from co_perception.data.datasets.video_folder import video_samples
from co_perception.data.samples import Samples
from co_perception.engine.settings import table_of
from fuzz.registry import TARGETS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MAKE = (ROOT / "Makefile").read_text()


def parser() -> argparse.ArgumentParser:
    """That of `co-perception`."""
    made = argparse.ArgumentParser()
    commands = made.add_subparsers(required=True, dest="command")
    for command in COMMANDS:
        command.add(commands)
    return made


def printed_lines() -> Iterator[str]:
    """Lines of all blocks without a language, where a backslash joins lines; comments of the shell are left out."""
    for page in PAGES:
        for block in re.findall(r"^```\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
            for line in block.replace("\\\n", " ").splitlines():
                yield line.partition(" #")[0].strip()


LINES = [line for line in printed_lines() if line]
OWN = sorted({part.strip() for line in LINES for part in line.split("&&") if part.strip().startswith("co-perception ")})
NODES = sorted({line for line in LINES if line.startswith("ros2 run co_perception ")})


@pytest.mark.parametrize("line", OWN)
def test_a_printed_command_has_arguments_that_there_are(line: str) -> None:
    parser().parse_args(shlex.split(line)[1:])


@pytest.mark.parametrize("line", NODES)
def test_a_printed_node_starts_with_the_parameters_that_are_set(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rclpy = pytest.importorskip("rclpy")
    from co_perception.nodes.camera import CameraNode, CameraSettings
    from co_perception.nodes.pose import PoseNode, PoseNodeSettings
    from co_perception.nodes.score import ScoreNode, ScoreSettings
    from co_perception.nodes.skeleton_activity import SkeletonActivityNode, SkeletonNodeSettings

    kinds: dict[str, tuple[type, type]] = {
        "camera_node": (CameraNode, CameraSettings),
        "pose_node": (PoseNode, PoseNodeSettings),
        "score_node": (ScoreNode, ScoreSettings),
        "skeleton_activity_node": (SkeletonActivityNode, SkeletonNodeSettings),
    }
    _, _, _, name, *arguments = shlex.split(line.rstrip(" &"))
    node, settings = kinds[name]
    given = dict(re.findall(r"-p (\w+):=(\S+)", line))
    assert (ROOT / "scripts" / name).is_file()
    assert given.keys() <= {setting.name for setting in table_of(settings)} | {"use_sim_time"}
    monkeypatch.chdir(tmp_path)
    Path("rules").mkdir()
    Path("rules/event_rules.yaml").write_text("/**:\n  ros__parameters:\n    event_on: 0.7\n")
    rclpy.init()
    try:
        made = node(cli_args=[each.replace("$PWD", str(tmp_path)) for each in arguments])
        assert {key: str(made.get_parameter(key).value) for key in given} == {
            key: value.replace("$PWD", str(tmp_path)).replace("true", "True") for key, value in given.items()
        }
        made.destroy_node()
    finally:
        rclpy.try_shutdown()


def test_a_printed_launch_has_the_arguments_that_are_set() -> None:
    declared = set(re.findall(r'^    \("(\w+)", ', (ROOT / "launch/activity.launch.py").read_text(), re.MULTILINE))
    launched = [line for page in PAGES for line in re.findall(r"ros2 launch co_perception.*", page.read_text())]
    named = {name for line in launched for name in re.findall(r"(\w+):=", line)}
    assert len(launched) >= 5 and named and named <= declared | {"params_file"}


def test_a_printed_make_target_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKE, re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE)}
    assert {"demo", "test", "soak", "fuzz"} <= named <= targets


def test_every_option_of_evaluate_is_in_its_table() -> None:
    commands = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    options = {name for name in commands.choices["evaluate"]._option_string_actions if name.startswith("--")}
    page = (ROOT / "docs/evaluation.md").read_text()
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", page.split("ros2 run")[0]))
    assert options - {"--help", "--json"} <= named <= options


@pytest.mark.parametrize("reader", [ntu_samples, kinetics_samples, pyskl_samples, video_samples, bag_samples])
def test_a_reader_has_the_arguments_of_its_table(reader: Callable[..., object]) -> None:
    page = (ROOT / "docs/data.md").read_text()
    [printed] = re.findall(rf"\| `{reader.__name__}\((.*?)\)` \|", page)
    parameters = inspect.signature(reader).parameters.values()
    required = [each.name for each in parameters if each.default is each.empty]
    all_of_them = [each.name if each.default is each.empty else f"{each.name}={each.default!r}" for each in parameters]
    words = ["folder" if word == "path" and reader is video_samples else word for word in all_of_them]
    assert printed.split(", ") in (words, required)


def test_every_operation_on_samples_is_in_the_table() -> None:
    table = (ROOT / "docs/data.md").read_text().split("## Operations on samples")[1]
    operations = {name for name, value in vars(Samples).items() if not name.startswith("_") and callable(value)}
    cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`(\w+)\(", cell)}
    assert operations - {"units"} <= named <= operations


def test_every_command_that_takes_data_is_in_the_table_of_them() -> None:
    table = (ROOT / "docs/data.md").read_text().split("## Which command takes what")[1]
    cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    commands = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert named == commands.choices.keys() - {"bundle", "networks", "weights"}


def test_the_settings_of_the_command_are_told_where_they_are_not_those_of_the_class() -> None:
    page = (ROOT / "docs/training.md").read_text()
    told = dict(re.findall(r"`(\w+): ([\w.-]+)`", page.split("own settings")[1].split("\n\n")[0]))
    [given] = re.findall(r"own = TrainConfig\((.*?)\)", inspect.getsource(train_settings))
    assert told == {name: value.lower() for name, value in (pair.split("=") for pair in given.split(", "))}


def test_every_fuzz_target_is_in_the_table_and_counted() -> None:
    page = (ROOT / "docs/security.md").read_text()
    rows = dict(re.findall(r"\| (\w+) \| ([\d,]+) (?=\|)", page))
    assert rows.keys() == TARGETS.keys()
    total = sum(int(count.replace(",", "")) for count in rows.values())
    assert f"each of the {len(TARGETS)} targets" in page
    assert int(re.findall(r"after (\d+) million\s+inputs", page)[0]) == round(total / 1e6)


def speed_rows() -> dict[str, tuple[str, str]]:
    """Ratio to the reference and to the clip, as the first table of docs/speed.md has them, by network."""
    rows = [line.strip("| ").split(" | ") for line in (ROOT / "docs/speed.md").read_text().splitlines()]
    return {
        row[0]: (row[5], row[7]) for row in rows if len(row) == 14 and row[5].endswith(("x", "-")) and row[0][0] == "c"
    }


def test_what_is_said_of_the_speed_is_in_the_table() -> None:
    rows = speed_rows()
    ratios = [float(ratio.rstrip("x")) for ratio, _ in rows.values() if ratio != "-"]
    assert "takes a fifth of the time that the reference library takes, or less" in " ".join(
        PAGES[0].read_text().split()
    )
    assert statistics.median(ratios) > 5 and sum(ratio >= 5 for ratio in ratios) > 0.6 * len(ratios)
    published = [float(clip.rstrip("x")) for name, (_, clip) in rows.items()
                 if name.startswith(("costgcn", "coagcn", "costr")) and not name.endswith("short")]  # fmt: skip
    page = " ".join((ROOT / "docs/speed.md").read_text().split())
    assert f"take {min(published):.0f} to {max(published):.0f} times less time than their clips" in page


def policy_topics(node: str) -> dict[str, set[str]]:
    """Topics that the SROS 2 policy lets a node subscribe to and publish; test_policy.py compares it with the nodes."""
    root = ElementTree.parse(ROOT / "security/sros2_policy.xml").getroot()
    found: dict[str, set[str]] = {"subscribe": set(), "publish": set()}
    for group in root.findall(f".//profile[@node='{node}']/topics"):
        for act in found.keys() & group.attrib.keys():
            found[act] |= {(each.text or "").lstrip("/") for each in group}
    return found


def test_topics_in_the_table_of_nodes_are_theirs() -> None:
    page = (ROOT / "docs/nodes.md").read_text().split("## Topics")[1].split("## Quality")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    nodes = {file.name.removesuffix("_node") for file in (ROOT / "scripts").glob("*_node")}
    assert len(rows) >= 6 and {row[0] for row in rows} <= nodes
    for node, *cells in rows:
        for act, cell in zip(("subscribe", "publish"), cells, strict=True):
            # Topics that need a setting are not in the policy; the others of these are names of parameters.
            words = {word.lstrip("/") for word in re.findall(r"`([~/\w]+)`", cell)}
            words -= {"position", "subject", "input", "detections", "camera_info", "depth", "compressed"}
            assert words <= policy_topics(node)[act], f"{node} does not {act}: {words - policy_topics(node)[act]}"


def test_keys_in_the_table_of_diagnostics_are_in_the_code() -> None:
    page = (ROOT / "docs/nodes.md").read_text().split("## Diagnostics")[1].split("## What a threshold")[0]
    cells = re.findall(r"^\| (`.*?) \| .* \| .* \|$", page, re.MULTILINE)
    keys = {key for cell in cells for key in re.findall(r"`(.*?)`", cell)}
    files = [file for room in ("nodes", "online") for file in (ROOT / "co_perception" / room).rglob("*.py")]
    code = "\n".join(file.read_text() for file in files)
    durations = {key for key in keys if re.fullmatch(r"(step|latency) p(50|95) \(ms\)", key)}
    assert len(keys) > 25 and len(durations) == 4
    starts = {key: key.removesuffix("...").strip(" ,") for key in keys - durations}
    unknown = [key for key, start in starts.items()
               if f'"{start}' not in code and f'"{start.removeprefix("frames ")}"' not in code]  # fmt: skip
    assert not unknown


def test_every_field_in_the_table_of_activity_is_one() -> None:
    text = (ROOT / "README.md").read_text()
    table = text.split("## What /activity carries")[1].split("The stream follows")[0]
    named = {name.rpartition(".")[2] for row in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
             for name in re.findall(r"`([\w\[\].]+)`", row)}  # fmt: skip
    fields = {name for file in ("Activity", "ActivityArray")
              for name in re.findall(r"^\S+ (\w+) ", (ROOT / f"msg/{file}.msg").read_text(), re.MULTILINE)}  # fmt: skip
    assert named and named <= fields
    statuses = set(re.findall(r"STATUS_(\w+)=", (ROOT / "msg/Activity.msg").read_text()))
    assert set(re.findall(r"`([A-Z_]+)`", table)) == statuses


def test_the_activities_that_readme_names_are_those_of_the_default_model() -> None:
    text = (ROOT / "README.md").read_text().partition("the default model `cotcn_everyday`")[2]
    told = re.findall(r"^- (\w+): (.+)$", text.partition("\n\nTwo ")[0], re.MULTILINE)
    model = json.loads((ROOT / "co_perception/models/cotcn_everyday/metadata.json").read_text())
    pairs = sorted(zip(model["groups"], model["labels"], strict=True))
    assert sorted((group, label) for group, line in told for label in re.split(", (?:or )?", line)) == pairs
