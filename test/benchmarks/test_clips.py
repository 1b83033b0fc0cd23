"""The benchmark of video clips: which clip is whose and shows what, and which figures are reported."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import clips


def test_the_table_has_the_label_and_who_acts(tmp_path: Path) -> None:
    names = ["0_1_4.avi", "1_1_2.avi", "3_1_3.avi", "5_2_5.avi", "9_10_0.avi", "10_2_1.avi"]
    clips.write_table(tmp_path / "t.csv", [tmp_path / name for name in names], {"5_2_5": "left"})
    rows = list(csv.DictReader((tmp_path / "t.csv").open()))
    assert [(row["label"], row["who"]) for row in rows] == [
        ("punch", "most"), ("kick", "most"), ("point", "most"), ("push", "left"), ("other", "two"), ("other", "two"),
    ]  # fmt: skip
    assert [clips.pair_of(Path(row["path"])) for row in rows] == [1, 1, 1, 2, 10, 2]


def test_each_pair_is_judged_by_a_model_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands as they are called, with a `summary.json` as `evaluate` writes it."""
    data, called = tmp_path / "data", list[list[str]]()
    data.mkdir()
    for name in ("0_1_4", "1_1_2", "2_2_4", "3_2_2"):
        (data / f"{name}.avi").touch()

    def record(sources: Sequence[Path], out: Path, *_: object) -> list[Path]:
        return [out / Path(row["path"]).stem for row in csv.DictReader(sources[0].open())]

    def main(arguments: list[str]) -> int:
        called.append(arguments)
        if arguments[0] == "evaluate":
            run = Path(arguments[-1])
            run.mkdir(parents=True)
            value = 0.5 + 0.25 * ("pair_1" in str(run))
            overall = dict.fromkeys(clips.FIGURES, value)
            figures = {"overall": overall, "chance": {"balanced_accuracy": 0.2}}
            (run / "summary.json").write_text(json.dumps({"figures": figures}))
        return 0

    monkeypatch.setattr(clips, "record_clips", record)
    monkeypatch.setattr("co_perception.cli.main", main)
    assert clips.main(["--data", str(data), "--out", str(tmp_path / "out"), "--epochs", "3"]) == 0
    for train, evaluate, pair in zip(called[::2], called[1::2], (1, 2), strict=True):
        trained = {Path(word).name for word in train if "recordings" in word}
        judged = {Path(word).name for word in evaluate if "recordings" in word}
        assert {name.split("_")[1] for name in judged} == {str(pair)} and len(judged) == 2
        assert not trained & judged and len(trained) == 2
        assert train[-2:] == ["--epochs", "3"] and "--held-out" in evaluate
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[-5] == ["pair", "balanced_accuracy", "segment_f1_50", "event_f1_50", "top1", "chance"]
    assert ["1", *["0.750"] * 4, "0.200"] in lines and ["mean", *["0.625"] * 4, "0.200"] in lines
    assert ["deviation", *["0.177"] * 4, "0.000"] in lines
