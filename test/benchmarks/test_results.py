"""Records, tables and plots of results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.image
import pytest

from bench import plot, results
from co_perception.networks.variants import COX3D_S


def row(**changes: Any) -> results.Row:
    figures: dict[str, Any] = dict(
        network="cox3d_s", backend="eager", dtype="float32", frames_per_step=1, samples=20, ms_p50=25.0, ms_min=20.0,
        ms_p95=31.25, reference_ms_p50=50.0, reference_ms_min=48.0, ratio=2.0, clip_ms_p50=300.0, clip_ratio=12.0,
        published_clip_ratio=12.1, state_bytes=4_000_000, reference_state_bytes=8_000_000, peak_memory_bytes=3 * 10**8,
        reference_peak_memory_bytes=None, macs_per_step=150_000_000, gmacs_per_s=6.0, peak_share=None,
        energy_j_per_step=None, reference_energy_j_per_step=None,
    )  # fmt: skip
    return results.Row(**(figures | changes))


def test_rows_become_json_with_nulls_and_few_digits(tmp_path: Path) -> None:
    results.write_json(tmp_path / "new/steps.json", results.with_peak([row(gmacs_per_s=100 / 3)], 80.0))
    [found] = json.loads((tmp_path / "new/steps.json").read_text())
    assert found["gmacs_per_s"] == 33.333 and found["peak_share"] == 0.41667
    assert found["energy_j_per_step"] is None and found["state_bytes"] == 4_000_000
    assert results.read_rows(tmp_path / "new/steps.json") == [row(gmacs_per_s=33.333, peak_share=0.41667)]
    assert results.read_rows(tmp_path / "nowhere.json") == []


def test_ratios_are_there_where_both_figures_are() -> None:
    assert results.over(50.0, 25.0) == 2 and results.over(None, 25.0) is None and results.over(1.0, None) is None
    assert results.published_clip_ratio(COX3D_S.published) == pytest.approx(2.06 / 0.17)


def test_a_table_tells_what_is_not_known() -> None:
    found = dict(
        zip(results.HEADER, results.cells(row(reference_ms_p50=None, ratio=None, dtype="bfloat16")), strict=False)
    )
    assert (found["backend"], found["of peak"], found["J"]) == ("eager bfloat16", "-", "-")
    assert len(results.cells(row())) == len(results.HEADER)
    assert results.markdown(("a", "b"), [("x", "1")]).splitlines() == ["| a | b |", "| --- | ---: |", "| x | 1 |"]


def test_numbers_have_three_digits_and_sizes_a_unit() -> None:
    assert [*map(results.number, (None, 0.01234, 7.05, 99.96, 1234.4))] == ["-", "0.0123", "7.05", "100", "1234"]
    assert [*map(results.size, (None, 12, 77_600, 3.2e9))] == ["-", "12 B", "77.6 kB", "3.2 GB"]


def test_bars_are_of_each_network_and_name_the_fastest() -> None:
    rows = [row(), row(backend="onnxruntime", ms_p50=8.0), row(network="costgcn_short", reference_ms_p50=None)]
    bars = plot.bars_of(rows)
    assert list(bars) == ["cox3d_s", "costgcn_short"]
    assert bars["cox3d_s"]["fastest backend"] == (8.0, "8, onnxruntime")
    assert bars["cox3d_s"]["reference"] == (50.0, "50")
    assert "reference" not in bars["costgcn_short"] and "fastest backend" not in bars["costgcn_short"]


def test_pictures_are_written(tmp_path: Path) -> None:
    plot.steps([row(), row(backend="onnxruntime", ms_p50=8.0)], tmp_path / "a/steps.png", "a machine")
    plot.lines({"one": {1: 1.0, 2: 0.7}}, tmp_path / "lines.png", ("people", "share"), "a machine", even=True)
    for picture in map(matplotlib.image.imread, (tmp_path / "a/steps.png", tmp_path / "lines.png")):
        assert picture.shape[0] > 100 and picture[..., :3].std() > 0.01
