"""The soak: two minutes of the real graph, and what it makes of nodes that do not come up or end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("matplotlib")
pytest.importorskip("ai_edge_litert")

from co_perception.nodes import soak
from co_perception.nodes.budgets import BUDGETS
from co_perception.nodes.processes import Part

MINUTES = 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_minutes_of_the_whole_graph(tmp_path: Path, capfd: Any) -> None:
    """What depends on the machine, processor time and latency, is told and decides nothing here."""
    status = soak.main(["--minutes", str(MINUTES), "--out", str(tmp_path)])
    said = capfd.readouterr()
    assert "of    5.00" in said.out, said.err
    kept = json.loads((tmp_path / "soak.json").read_text())
    broken = [verdict for verdict in kept["verdicts"] if not verdict["kept"]]
    assert [verdict for verdict in broken if not verdict["timing"]] == []
    assert status == (1 if broken else 0)
    assert set(kept["series"]) == set(BUDGETS)
    for name, series in kept["series"].items():
        assert len(series["time_s"]) > MINUTES * 30, name
        assert {len(values) for values in series.values()} == {len(series["time_s"])}
        assert min(series["memory_mb"]) > 10 and min(series["threads"]) > 1
    assert kept["answers"] > 60
    assert kept["labelled"] > 0
    assert kept["subjects"] > 2, "people come and go"
    rows = (tmp_path / "soak.md").read_text().splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == [f"| {name}" for name in kept["series"]]
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")


def test_a_node_that_does_not_come_up_is_named(tmp_path: Path) -> None:
    wrong = Part("camera", {"source": "/nowhere.mp4"})
    with pytest.raises(RuntimeError, match="camera ended by itself with status 1.*camera.log"):
        soak.watch([wrong], 5.0, tmp_path)


def test_the_graph_is_the_one_that_the_launch_file_starts() -> None:
    parts = {part.module: part for part in soak.parts(soak._parse(["--source", "x.mp4"]))}
    assert set(parts) == set(BUDGETS)
    assert parts["video_activity"].remappings["activity"] == "activity_video"
    assert parts["skeleton_activity"].remappings["~/label_info"] == "label_info_skeleton"
    assert not parts["video_activity"].parameters["events"]
    assert parts["camera"].parameters["loop"]
