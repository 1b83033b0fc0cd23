"""`co-perception doctor --out`: the findings as JSON are those that are printed."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import SECOND, T0, Frame, write_bag

from co_perception import cli
from co_perception.doctor import advice
from co_perception.engine import node_command


@pytest.mark.parametrize("ros2", [True, False])
def test_findings_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ros2: bool
) -> None:
    for module in (node_command, advice):
        monkeypatch.setattr(module, "has_command", lambda: ros2)
    frames = [Frame(T0 + n * SECOND // 15, []) for n in range(90)]
    bag, out = write_bag(tmp_path / "monday", {"/skeletons": frames}), tmp_path / "new" / "findings.json"
    status = cli.main(["doctor", str(bag), "--no-costs", "--out", str(out)])
    printed = capsys.readouterr().out
    found = json.loads(out.read_text())
    faults = [each["fault"] for each in found["findings"]]
    assert "people/nobody" in faults and status == int(any(each["severity"] == "fault" for each in found["findings"]))
    for each in found["findings"]:
        assert f"{each['severity']} ({each['fault']})" in printed and each["words"] in printed
        assert f"Remedy: {each['remedy']}" in printed
    assert found["commands"] and found["delay"] in printed and all(line in printed for line in found["commands"])
    assert found["streams"][1][0] == "/skeletons" and f"ros2 bag play {bag} --clock" in found["commands"]
    starts = "ros2 launch co_perception " if ros2 else f"{shlex.quote(sys.executable)} -m co_perception.nodes.entry "
    assert found["commands"][0].startswith(starts)
    assert any(line.startswith("co-perception studio ") for line in found["commands"]) != ros2
