"""The benchmark of clips that some pairs show: who teaches, who is asked, with which commands, and what is printed."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import shown_clips
from benchmarks.clips import FIGURES


def test_halves_of_the_pairs_teach_and_are_asked_both_ways() -> None:
    found = shown_clips.splits(range(1, 11), 2)
    assert len(found) == 4 and found[0] != found[2]
    for (teach, asked), (back, forth) in zip(found[::2], found[1::2], strict=True):
        assert (teach, asked) == (forth, back) and len(teach) == len(asked) == 5
        assert sorted(teach + asked) == list(range(1, 11))


def test_both_ways_are_taught_and_asked_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called = list[list[str]]()

    def main(arguments: list[str]) -> int:
        called.append(arguments)
        if arguments[0] == "evaluate":
            run = Path(arguments[-1])
            run.mkdir(parents=True)
            overall = dict.fromkeys(FIGURES, 0.75 if "train" in str(run) else 0.5)
            recall = {label: {"recall": value} for label, value in (("kick", 0.4), ("push", 0.8), ("other", 0.1))}
            figures = {"overall": overall, "chance": {"balanced_accuracy": 0.2}, "per_class": recall}
            (run / "summary.json").write_text(json.dumps({"figures": figures}))
        return 0

    bags = {pair: [tmp_path / f"{act}_{pair}_{act}" for act in range(6)] for pair in (1, 2)}
    monkeypatch.setattr(shown_clips, "recorded", lambda *_: bags)
    labels = {0: "other", 1: "other", 2: "kick", 3: "point", 4: "punch", 5: "push"}
    monkeypatch.setattr(
        shown_clips, "annotations_beside", lambda bag: [SimpleNamespace(label=labels[int(bag.name[-1])])]
    )
    monkeypatch.setattr("co_perception.cli.main", main)
    assert shown_clips.main(["--data", str(tmp_path), "--out", str(tmp_path)]) == 0
    assert [arguments[0] for arguments in called] == ["show", "evaluate", "show", "evaluate", "train", "evaluate"] * 2
    for way, teach, ask in zip(["acts", "show", "train"] * 2, called[::2], called[1::2], strict=True):
        shown, asked = ({Path(word).name for word in words if word.count("_") >= 2} for words in (teach, ask))
        pairs = [{name.split("_")[1] for name in names if name[0].isdigit()} for names in (shown, asked)]
        assert pairs[0] | pairs[1] == {"1", "2"} and not pairs[0] & pairs[1]
        assert Path(ask[ask.index("--model") + 1]).name.split("_")[0] == way
        others = {name for name in shown if name[0].isdigit() and labels[int(name[-1])] == "other"}
        assert bool(others) == (way != "acts")
    assert called[4][-2:] == ["--from", "cotcn_everyday"]
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["show", *["0.500"] * 4, "0.200", "0.600", "0.100"] in [line[:8] for line in lines]
    assert ["train", *["0.750"] * 4, "0.200", "0.600", "0.100"] in [line[:8] for line in lines]
