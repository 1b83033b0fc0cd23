"""Two evaluations compared: differences, which is better, agreement, and runs that cannot be compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from co_perception.evaluation.records import FrameRecord, write_records
from co_perception.studio.run_comparison import compared_runs

SCORES = np.eye(2, dtype=np.float32)


def run(folder: Path, answers: list[int], overall: dict[str, float | None], name: str = "net/a", digest: str = "d",
        classes: tuple[str, ...] = ("wave", "squat")) -> Path:  # fmt: skip
    folder.mkdir()
    records = [FrameRecord(n, "p", recording="monday", probabilities=SCORES[each]) for n, each in enumerate(answers)]
    write_records(folder, classes, records)
    recordings = {"monday": {"files_digest": digest, "frames_digest": ""}}
    content: dict[str, Any] = {"recognizer": name, "recordings": recordings, "figures": {"overall": overall}}
    (folder / "summary.json").write_text(json.dumps(content))
    return folder


def test_differences_and_which_is_better(tmp_path: Path) -> None:
    one = run(tmp_path / "a", [0, 0, 1, 1], {"top1": 0.5, "ece": 0.2, "map": None, "top5": 1.0})
    other = run(tmp_path / "b", [0, 1, 1, 1], {"top1": 0.75, "ece": 0.3, "map": None, "top5": 1.0}, "net/b")
    found = compared_runs(one, other)
    assert found["models"] == ["net/a", "net/b"] and found["agreement"] == 0.75 and not found["notes"]
    rows = {row["name"]: (row["difference"], row["better"]) for row in found["rows"]}
    assert rows == {"top1": (0.25, 1), "ece": (pytest.approx(0.1), 0), "top5": (0.0, None)}


def test_runs_over_other_recordings_are_refused(tmp_path: Path) -> None:
    one = run(tmp_path / "a", [0], {"top1": 0.5})
    other = run(tmp_path / "b", [0], {"top1": 0.5}, digest="another")
    with pytest.raises(ValueError, match="monday was another recording then"):
        compared_runs(one, other)


def test_models_of_other_labels_are_compared_with_a_note(tmp_path: Path) -> None:
    one = run(tmp_path / "a", [0], {"top1": 0.5})
    other = run(tmp_path / "b", [0], {"top1": 0.5}, classes=("wave", "other"))
    found = compared_runs(one, other)
    assert found["agreement"] is None and "different labels" in found["notes"][0] and len(found["rows"]) == 1


def test_a_damaged_summary_is_told(tmp_path: Path) -> None:
    one, other = run(tmp_path / "a", [0], {"top1": 0.5}), run(tmp_path / "b", [0], {"top1": 0.5})
    (other / "summary.json").write_text('{"recognizer": "x"}')
    with pytest.raises(ValueError, match="evaluate it again"):
        compared_runs(one, other)
