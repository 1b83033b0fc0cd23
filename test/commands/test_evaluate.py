"""`co-perception evaluate` as a user calls it: on a recording that was not trained on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from co_perception import cli
from co_perception.data.annotations import Interval, read_annotations, write_annotations
from co_perception.data.bags import recordings as read_recordings
from co_perception.data.skipped import Skipped
from co_perception.data.takes import take_of_recording
from co_perception.engine.target import Status
from co_perception.learners.skeleton import ContinualSkeletonLearner


def test_figures_of_a_recording_never_seen(
    trained: Path, recordings: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", str(recordings[2]), "--model", str(trained), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["recordings"], found["classes"]) == (1, ["squat", "wave"])
    assert found["accuracy"] > 0.8
    assert found["accuracy_of_all"] < found["accuracy"]
    assert 0 < found["warm_up_share"] < 0.2
    assert sum(map(sum, found["confusion"])) + found["warm_up_frames"] == found["frames"]

    assert cli.main(["evaluate", str(recordings[2]), "--model", str(trained / "model")]) == 0
    told = capsys.readouterr().out
    assert f"accuracy {found['accuracy']:.3f}" in told
    assert f"macro F1 {found['macro_f1']:.3f}" in told


def test_frames_are_judged_as_a_plain_loop_would(
    trained: Path, recordings: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """At the network's own rate, without gaps, the command says what one `infer` per frame says."""
    folder = trained / "model"
    only = read_annotations(recordings[2] / "annotations.csv")[0]
    said = recordings[2].parent / "only.csv"
    write_annotations(said, [only])
    assert cli.main(["evaluate", str(recordings[2]), "--annotations", str(said), "--model", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)

    learner = ContinualSkeletonLearner("costgcn_short")
    learner.load(folder)
    (recording,) = read_recordings([recordings[2]], [only], learner.layout, Skipped())
    inside = [poses for stamp, poses in take_of_recording(recording).frames if only.start_ns <= stamp < only.end_ns]
    answers = [learner.infer(poses)[0] for poses in inside]
    warm = [answer for answer in answers if answer.status != Status.WARMING_UP]
    right = sum(answer.description == only.label for answer in warm)
    assert (found["frames"], found["warm_up_frames"]) == (len(answers), len(answers) - len(warm))
    assert found["accuracy"] == pytest.approx(right / len(warm), abs=1e-4)


def test_a_label_the_model_does_not_know_counts_as_wrong(
    trained: Path, recordings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [Interval(i.start_ns, i.end_ns, "fly") for i in read_annotations(recordings[2] / "annotations.csv")]
    write_annotations(tmp_path / "fly.csv", said)
    arguments = ["--annotations", str(tmp_path / "fly.csv"), "--model", str(trained), "--json"]
    assert cli.main(["evaluate", str(recordings[2]), *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["accuracy"], found["classes"]) == (0.0, ["squat", "wave", "fly"])


def test_what_is_no_model_is_refused(
    recordings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["evaluate", str(recordings[2]), "--model", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("co-perception: ")
