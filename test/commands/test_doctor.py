"""`co-perception doctor --out`: the findings as JSON are those that are printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import SECOND, T0, Frame, write_bag

from co_perception import cli


def test_findings_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
    assert found["delay"] in printed and all(line in printed for line in found["commands"])
    assert found["streams"][1][0] == "/skeletons" and f"ros2 bag play {bag} --clock" in found["commands"]
