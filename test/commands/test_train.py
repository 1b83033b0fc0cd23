"""`co-perception train` as a user calls it, on recordings of drawn figures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from co_perception import cli
from co_perception.data.annotations import read_annotations, write_annotations
from co_perception.learners.metadata import Metadata
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.training.config import TrainConfig


def saved(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model" / Metadata.read(out / "model").weights)


def test_the_model_knows_its_classes_and_answers(trained: Path, recordings: list[Path]) -> None:
    learner = ContinualSkeletonLearner("costgcn_short")
    learner.load(trained / "model")
    assert learner.labels == ("squat", "wave")
    assert Metadata.read(trained / "model").rate_hz == 15.0


def test_it_tells_what_it_is_trained_on_and_how_to_use_the_result(
    recordings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert cli.main(["train", str(recordings[0]), "--out", str(out), "--epochs", "1", "--step", "8"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["class", "windows", "to", "train", "on", "held", "out", "intervals"]
    # 45 frames of 3 s give windows at 0, 8, 16 and 24; two of three intervals are trained on
    assert [line.split() for line in lines[1:3]] == [["squat", "8", "4", "3"], ["wave", "8", "4", "3"]]
    assert lines[3].startswith("1 epochs, loss ")
    assert lines[4].startswith("Held out, and used to choose the epoch: accuracy ")
    assert lines[6].endswith(f"skeleton_activity_node --ros-args -p model_path:={out.resolve() / 'model'}")


def test_an_activity_that_was_marked_once_is_trained_but_not_judged(
    recordings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few.csv"
    write_annotations(few, read_annotations(recordings[0] / "annotations.csv")[:3])
    assert cli.main(["train", str(recordings[0]), "--annotations", str(few), "--out", str(tmp_path / "out"),
                     "--epochs", "1", "--step", "8"]) == 0  # fmt: skip
    told = capsys.readouterr()
    assert "one interval only of: squat. Nothing is held out" in told.err
    assert "Held out, and" not in told.out


def test_fine_tuning_begins_with_all_but_the_classifier(trained: Path, recordings: list[Path], tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("lr: 1.0e-12\nepochs: 9\nweight_decay: 0.0\n")
    renamed = tmp_path / "renamed.csv"
    said = read_annotations(recordings[0] / "annotations.csv")
    new = ["hello" if interval.label == "wave" else f"thing_{n % 4}" for n, interval in enumerate(said)]
    write_annotations(renamed, [type(i)(i.start_ns, i.end_ns, label) for i, label in zip(said, new, strict=True)])
    arguments = ["--annotations", str(renamed), "--from", str(trained), "--config", str(settings), "--set", "epochs=1"]
    assert cli.main(["train", str(recordings[0]), "--out", str(tmp_path / "out"), *arguments]) == 0
    assert TrainConfig.from_yaml(tmp_path / "out/config.yaml") == TrainConfig(lr=1e-12, epochs=1, weight_decay=0.0)
    before, after = saved(trained), saved(tmp_path / "out")
    assert before.keys() == after.keys()
    learned = [name for name in before if "running" not in name and "num_batches" not in name]
    classifier = [name for name in learned if before[name].shape != after[name].shape]
    assert {before[name].shape[0] for name in classifier} == {2}
    assert {after[name].shape[0] for name in classifier} == {3}
    for name in set(learned) - set(classifier):
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-6)


def test_mistakes_are_told_in_one_line(
    recordings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "out")]
    assert cli.main(["train", str(tmp_path / "nowhere"), *out]) == 1
    assert "there is nothing at" in capsys.readouterr().err
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("start_ns,end_ns,label\n5,9,wave\n")
    assert cli.main(["train", str(recordings[0]), "--annotations", str(wrong), *out]) == 1
    assert "Do the annotations' times lie inside the recordings" in capsys.readouterr().err
    assert cli.main(["train", str(recordings[0]), *out, "--network", "cost"]) == 1
    assert "costgcn_short" in capsys.readouterr().err
