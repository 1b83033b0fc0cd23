"""`co-perception adapt` as a user calls it, on recordings of drawn figures."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch_pruning")

from co_perception import cli
from co_perception.engine.node_command import node_command
from co_perception.learners.adaptation import ADAPTER, AdapterTasks
from co_perception.learners.skeleton import ContinualSkeletonLearner


@pytest.mark.slow
def test_a_small_model_comes_out_beside_what_it_is_compared_with(
    trained: Path, recordings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tasks" / "drawn"
    arguments = ["adapt", str(trained), "--data", str(recordings[2]), "--out", str(out), "--epochs", "3", "--rank", "2"]
    assert cli.main([*arguments, "--density", "0.3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["accuracy", "learned"]
    rows = {line.split()[0]: line.split() for line in lines[1:4]}
    assert list(rows) == ["source", "finetune", "splora"]
    source, finetune, splora = (float(rows[name][2]) for name in rows)
    assert source > finetune > splora
    assert lines[-1].strip() == node_command("skeleton_activity_node", model_path=out.resolve() / "model")
    learner = ContinualSkeletonLearner("costgcn_short")
    learner.load(out / "model")
    assert learner.pruned and learner.labels == ("squat", "wave")
    whole = ContinualSkeletonLearner("costgcn_short")
    whole.load(trained / "model")
    assert AdapterTasks.read(whole, out.parent).names == ("drawn",)
    assert (out / ADAPTER).stat().st_size < 100_000


@pytest.mark.slow
def test_an_earlier_run_is_replaced_whole_and_a_training_is_left_alone(
    trained: Path, recordings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["adapt", str(trained), "--data", str(recordings[2]), "--epochs", "3", "--no-baseline", "--out"]
    (out / "model").mkdir(parents=True)
    (out / "model" / "of_another_run").touch()
    (out / "notes.txt").write_text("mine")
    assert cli.main([*arguments, str(out), "--rank", "2"]) == 0
    assert {path.name for path in out.iterdir()} == {"model", ADAPTER, "notes.txt"}
    assert not (out / "model" / "of_another_run").exists()
    before = sorted(trained.rglob("*"))
    assert cli.main([*arguments, str(trained)]) == 1
    assert "holds a training, whose model would be replaced" in capsys.readouterr().err
    assert sorted(trained.rglob("*")) == before


def test_what_cannot_be_done_is_said(
    trained: Path, recordings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["adapt", str(trained), "--data", str(recordings[2]), "--out", str(tmp_path)]
    with pytest.raises(SystemExit, match="2"):
        cli.main([*arguments, "--density", "0"])
    assert "density" in capsys.readouterr().err
    assert cli.main([*arguments, "--epochs", "1"]) == 1
    assert "give more epochs" in capsys.readouterr().err
