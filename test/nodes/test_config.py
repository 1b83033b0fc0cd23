"""config/activity.yaml holds every parameter with its default, and the launch file only what the nodes know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")
yaml = pytest.importorskip("yaml")

from co_perception.nodes import camera, fusion, pose, skeleton_activity, video_activity  # noqa: E402
from co_perception.nodes.parameters import Setting  # noqa: E402
from co_perception.nodes.parameters import descriptor as describe  # noqa: E402

ROOT = Path(__file__).parent.parent.parent
TABLES = {
    "video_activity": video_activity.SETTINGS,
    "skeleton_activity": skeleton_activity.SETTINGS,
    "camera": camera.SETTINGS,
    "pose": pose.SETTINGS,
    "fusion": fusion.SETTINGS,
}


@pytest.mark.parametrize("node", TABLES)
def test_the_file_holds_every_parameter_with_its_default(node: str) -> None:
    content = yaml.safe_load((ROOT / "config/activity.yaml").read_text())
    told = content[f"/**/{node}"]["ros__parameters"]
    defaults = {setting.name: setting.default for setting in TABLES[node]}
    assert told == defaults
    assert {name: type(value) for name, value in told.items()} == {name: type(d) for name, d in defaults.items()}


@pytest.mark.parametrize("node", TABLES)
def test_a_live_parameter_is_marked_in_the_file(node: str) -> None:
    text = (ROOT / "config/activity.yaml").read_text()
    begin = text.index(f"/**/{node}:")
    block = text[begin : text.find("\n/**/", begin + 1)]
    for setting in TABLES[node]:
        entry = block[block.index(f"\n    {setting.name}:") + 1 :]
        comment = entry.split("\n    ", 1)[0] + "".join(_continuation(entry))
        assert ("(live)" in comment) == (setting.when == "live"), setting.name


def _continuation(entry: str) -> list[str]:
    lines = entry.splitlines()[1:]
    kept: list[str] = []
    for line in lines:
        if not line.startswith(" " * 20):
            break
        kept.append(line)
    return kept


@pytest.mark.parametrize("node", TABLES)
def test_every_parameter_is_described_with_its_range(node: str) -> None:
    for setting in TABLES[node]:
        check_described(setting)


def check_described(setting: Setting) -> None:
    descriptor: Any = describe(setting)
    assert descriptor.description.endswith("."), setting.name
    if isinstance(setting.default, float):
        assert descriptor.floating_point_range, setting.name
    elif isinstance(setting.default, int) and not isinstance(setting.default, bool):
        assert descriptor.integer_range, setting.name
    assert not setting.objection(setting.default)
