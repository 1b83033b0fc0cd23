"""The nightly history of ratios: what is added to it, and what counts as a fall."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def history() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ratio_history", ROOT / "tools/ci/ratio_history.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def results(path: Path, ratio: float) -> Path:
    rows = [{"network": "cox3d_s", "backend": "onnxruntime", "ratio": ratio},
            {"network": "cotrans_short", "backend": "eager", "ratio": None}]  # fmt: skip
    path.write_text(json.dumps(rows))
    return path


def test_a_ratio_that_falls_by_more_than_a_quarter_is_named(
    history: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ratios.csv"
    runs = [history.main(results(tmp_path / "steps.json", ratio), file) for ratio in (10.0, 12.0, 11.0, 8.4, 7.0)]
    assert runs == [0, 0, 0, 0, 1]
    assert "cox3d_s onnxruntime: 7.00 times as fast as the reference, before 10.50" in capsys.readouterr().out
    lines = file.read_text().splitlines()
    assert lines[0] == "date,network,backend,ratio" and len(lines) == 6
    assert lines[1].endswith("cox3d_s,onnxruntime,10.000")


def test_few_values_are_no_history(history: ModuleType) -> None:
    assert history.fallen({"a b": [10.0, 10.0]}, {"a b": 1.0}) == []
    assert len(history.fallen({"a b": [10.0] * 3}, {"a b": 1.0, "new one": 1.0})) == 1
