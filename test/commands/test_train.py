"""`co-perception train` as a user calls it, on recordings of drawn figures."""

from __future__ import annotations

import argparse
import json
import pickle
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from co_perception import cli
from co_perception.commands.held_out import Division
from co_perception.commands.sources import SampleSources, add_sources, options_of, read_samples
from co_perception.commands.train import print_counts
from co_perception.data.annotations.intervals import Interval, read_annotations, write_annotations
from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import SkeletonSequence
from co_perception.learners.metadata import Metadata
from co_perception.learners.preprocess_pose import network_clip
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.networks.variants_skeleton import COSTGCN_SHORT
from co_perception.training.config import TrainConfig

Capture = pytest.CaptureFixture[str]


def saved(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model" / Metadata.read(out / "model").weights)


def test_the_model_knows_its_classes_and_answers(trained: Path, recordings: list[Path]) -> None:
    learner = ContinualSkeletonLearner("costgcn_short")
    learner.load(trained / "model")
    assert learner.labels == ("squat", "wave")
    assert Metadata.read(trained / "model").rate_hz == 15.0


def test_load_finds_the_model_in_the_folder_of_its_training(trained: Path) -> None:
    learners = [ContinualSkeletonLearner("costgcn_short") for _ in range(2)]
    learners[0].load(trained)
    learners[1].load(trained / "model")
    assert learners[0].name == learners[1].name and learners[0].classes == learners[0].labels == ("squat", "wave")
    with pytest.raises(FileNotFoundError, match="give its model/"):
        Metadata.read(trained)


def test_it_tells_what_it_is_trained_on_and_how_to_use_the_result(
    recordings: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "my out"
    assert cli.main(["train", str(recordings[0]), "--out", str(out), "--epochs", "1", "--step", "8"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.split("  +", lines[0]) == ["class", "windows to train on", "held out", "takes", "held-out takes"]
    # 45 frames of 3 s give windows at 0, 8, 16 and 24; two of three intervals are trained on
    assert [line.split() for line in lines[1:3]] == [["squat", "8", "4", "3", "1"], ["wave", "8", "4", "3", "1"]]
    assert lines[3].startswith("1 epochs, loss ") and lines[3].endswith("used: epoch 1.")
    assert re.match(
        r"Held out: accuracy [01]\.\d{3}; chance 0\.500, 95 % interval 0\.\d{3} to [01]\.\d{3} over 2 takes\. No ",
        lines[4],
    )
    assert re.match(r"Held out: balanced accuracy [01]\.\d{3} \(chance 0\.500\), F1 ", lines[5])
    assert shlex.split(lines[-1])[-3:] == ["--ros-args", "-p", f"model_path:={out.resolve() / 'model'}"]


def test_classes_without_an_example_are_counted_and_not_listed(capsys: Capture) -> None:
    items = [Sample(lambda: None, label) for label in (3, 1999)]
    samples = Samples(items, [f"class {number}" for number in range(2000)])
    print_counts(samples, samples, None, Division(samples, None, "group"), None)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[:3]] == ["class", "class 3", "class 1999"]
    assert lines[3:] == ["1998 of 2000 classes have no example and are not in the table."]


def test_an_activity_that_was_marked_once_is_trained_but_not_judged(
    recordings: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    few = tmp_path / "few.csv"
    write_annotations(few, read_annotations(recordings[0] / "annotations.csv")[:3])
    assert cli.main(["train", str(recordings[0]), "--annotations", str(few), "--out", str(tmp_path / "out"),
                     "--epochs", "1", "--step", "8"]) == 0  # fmt: skip
    reported = capsys.readouterr()
    assert "one take only of: squat. Nothing is held out" in reported.err
    assert "Held out" not in reported.out


def test_two_spellings_and_a_copy_are_told_before_the_training(
    recordings: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    marked = read_annotations(recordings[0] / "annotations.csv")
    labels = ["Wave" if n == 4 else interval.label for n, interval in enumerate(marked)]
    write_annotations(
        tmp_path / "two.csv",
        [Interval(each.start_ns, each.end_ns, label) for each, label in zip(marked, labels, strict=True)],
    )
    (tmp_path / "link").symlink_to(recordings[0])
    sources = [str(recordings[0]), str(tmp_path / "link"), str(next(recordings[0].glob("*.mcap")))]
    assert cli.main(["train", *sources, "--annotations", str(tmp_path / "two.csv"), "--out", str(tmp_path / "out"),
                     "--epochs", "1", "--step", "8"]) == 0  # fmt: skip
    reported = capsys.readouterr()
    assert "'Wave' and 'wave' are 2 classes, and differ in case, space, hyphens or Unicode form only" in reported.err
    assert f"2 x 270 poses are those of {recordings[0]}, at the same time: they are taken once" in reported.err
    assert "12 x its poses are taken from another recording" in reported.err and "in sight" not in reported.err
    assert [line.split()[1:] for line in reported.out.splitlines()[1:4]] == [
        ["4", "0", "1", "0"],
        ["12", "0", "3", "0"],
        ["8", "0", "2", "0"],
    ]


def test_a_label_that_is_called_none_is_told_unless_it_is_the_background(
    recordings: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    """docs/teach.md: labels such as none are named before the training, and a background without an example too."""
    marked = read_annotations(recordings[0] / "annotations.csv")
    renamed = [Interval(each.start_ns, each.end_ns, each.label.replace("wave", "none")) for each in marked]
    write_annotations(tmp_path / "none.csv", renamed)

    def told(annotations: Path, *options: str) -> tuple[dict[str, int], str]:
        parsed = argparse.ArgumentParser()
        add_sources(parsed)
        given = options_of(
            SampleSources, parsed.parse_args([str(recordings[0]), "--annotations", str(annotations), *options])
        )
        samples, _ = read_samples(given, COSTGCN_SHORT, 8)
        return samples.counts(), capsys.readouterr().err

    counts, reported = told(tmp_path / "none.csv")
    assert counts == {"none": 12, "squat": 12}
    assert "'none' is trained as an activity of its own, 12 examples" in reported
    assert told(tmp_path / "none.csv", "--background", "none") == ({"squat": 12, "none": 12}, "")
    counts, reported = told(recordings[0] / "annotations.csv", "--background", "none")
    assert counts == {"squat": 12, "wave": 12} and "--background none: nobody is in sight" in reported


def test_by_subject_people_that_nobody_names_are_refused(
    recordings: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    assert cli.main(["train", str(recordings[0]), "--out", str(tmp_path / "out"), "--by", "subject"]) == 1
    assert "ids of a tracker are no people" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_pyskl_rate_is_asked_for(tmp_path: Path, capsys: Capture) -> None:
    """Two seconds at 30 Hz are 30 frames of the 15 Hz network, and not 60."""
    rng, gym = np.random.default_rng(0), tmp_path / "gym.pkl"
    joints = [rng.uniform(0, 300, (1, 60, 17, 2)).astype(np.float32) for _ in range(8)]
    clips = [{"keypoint": each, "frame_dir": f"clip{n}", "label": n % 2} for n, each in enumerate(joints)]
    gym.write_bytes(pickle.dumps({"split": {}, "annotations": clips}))
    command = ["train", str(gym), "--out", str(tmp_path / "out"), "--epochs", "1"]
    assert cli.main(command) != 0
    assert "gym.pkl does not tell at which rate its clips were taken ('clip0' first)" in (
        reported := capsys.readouterr().err
    )
    assert "--rate 30" in reported and not (tmp_path / "out").exists()
    with pytest.raises(SystemExit, match="2"):
        cli.main([*command, "--rate", "0"])
    assert "--rate: expected frames per second, such as 30 (above 0, at most 1000), got '0'" in capsys.readouterr().err
    sources = SampleSources([gym], None, None, "none", None, 30.0)
    samples, _ = read_samples(sources, COSTGCN_SHORT, 4)
    assert all(network_clip(data, COSTGCN_SHORT).shape[1] == 30 for data, _ in samples)


def kinetics_folder(folder: Path) -> Path:
    """A folder of two classes of one's own in Kinetics-Skeleton's format."""
    folder.mkdir()
    for number in range(8):
        poses = np.random.default_rng(number).uniform(0.1, 0.9, (50, 36)).round(3).tolist()
        data = [{"frame_index": n, "skeleton": [{"pose": pose, "score": [1.0] * 18}]} for n, pose in enumerate(poses)]
        clip = {"data": data, "label": "ab"[number % 2], "label_index": number % 2}
        (folder / f"{number}.json").write_text(json.dumps(clip))
    return folder


def test_kinetics_rate_and_aspect_are_asked_for(tmp_path: Path, capsys: Capture) -> None:
    """Classes of one's own: the clips are not the published ones, of 340 x 256 pixels at 30 Hz."""
    folder = kinetics_folder(tmp_path / "clips")
    command = ["train", str(folder), "--out", str(tmp_path / "out"), "--epochs", "1"]
    assert cli.main(command) != 0
    assert "--rate 30 --aspect 1.333" in capsys.readouterr().err
    assert cli.main([*command, "--rate", "25"]) != 0
    assert "to a command as --aspect 1.333" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        cli.main([*command, "--rate", "25", "--aspect", "inf"])
    assert (
        "--aspect: expected width over height, such as 1.333 (above 0, at most 100), got 'inf'"
        in capsys.readouterr().err
    )
    samples, _ = read_samples(SampleSources([folder], None, None, "none", None, 25.0, 1.5), COSTGCN_SHORT, 4)
    data = samples[0][0]
    assert isinstance(data, SkeletonSequence) and (data.rate_hz, data.aspect) == (25.0, 1.5)
    assert network_clip(data, COSTGCN_SHORT).shape[1] == 30


def test_coordinates_of_pyskl_are_asked_for(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "lab.pkl"
    joints = np.random.default_rng(0).uniform(0, 2, (1, 40, 17, 3)).astype(np.float32)
    path.write_bytes(pickle.dumps([{"keypoint": joints, "frame_dir": f"clip{n}", "label": n % 2} for n in range(4)]))
    command = ["train", str(path), "--out", str(tmp_path / "out"), "--rate", "30"]
    assert cli.main(command) != 0
    assert "to a command as --coordinates (optical: y down, kinect: y up, rep103: z up)" in capsys.readouterr().err
    assert cli.main([*command, "--coordinates", "feet"]) != 0
    assert "no coordinates 'feet'; there are: pixels, shares, optical, kinect, rep103" in capsys.readouterr().err
    sources = SampleSources([path], None, None, "none", None, 30.0, None, "rep103")
    data = read_samples(sources, COSTGCN_SHORT, 4)[0][0][0]
    assert isinstance(data, SkeletonSequence) and data.coordinates == "rep103"


def test_an_option_that_would_change_nothing_is_refused(tmp_path: Path, capsys: Capture) -> None:
    folder = kinetics_folder(tmp_path / "clips")
    assert cli.main(["train", str(folder), "--out", str(tmp_path / "out"), "--coordinates", "pixels"]) != 0
    assert "--coordinates is for data sets of kind pyskl, and none of the sources is one" in capsys.readouterr().err


def test_fine_tuning_begins_with_all_but_the_classifier(trained: Path, recordings: list[Path], tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("lr: 1.0e-12\nepochs: 9\nweight_decay: 0.0\n")
    renamed = tmp_path / "renamed.csv"
    marked = read_annotations(recordings[0] / "annotations.csv")
    new = ["hello" if interval.label == "wave" else f"thing_{n % 4}" for n, interval in enumerate(marked)]
    write_annotations(renamed, [type(i)(i.start_ns, i.end_ns, label) for i, label in zip(marked, new, strict=True)])
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


@pytest.mark.parametrize(("mode", "limits", "windows"), [("step", (0.6, 0.8), 1), ("clip", (0.75, 0.0), 2)])
def test_a_network_that_answers_at_once_is_trained_on_all_its_answers(
    recordings: list[Path], tmp_path: Path, capsys: Capture, mode: str, limits: tuple[float, float], windows: int
) -> None:
    given = ["--from", "cotcn_everyday", "--epochs", "1", *(() if mode == "step" else ("--set", "mode=clip"))]
    assert cli.main(["train", str(recordings[0]), "--out", str(tmp_path / "out"), *given]) == 0
    config, model = TrainConfig.from_yaml(tmp_path / "out/config.yaml"), Metadata.read(tmp_path / "out/model")
    assert config.mode == mode and config.frames == 64
    assert (model.min_progress, model.threshold) == limits
    # each of three takes is 45 frames: one stretch, or windows of 32 from 0 and 8 on
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:3]]
    assert rows == [[name, str(2 * windows), str(windows), "3", "1"] for name in ("squat", "wave")]


def test_stretches_of_half_a_second_are_trained_where_all_answers_are(
    recordings: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    marked = read_annotations(recordings[0] / "annotations.csv")
    short = [Interval(each.start_ns, each.start_ns + 700_000_000, each.label) for each in marked]
    write_annotations(tmp_path / "short.csv", short)
    given = [str(recordings[0]), "--annotations", str(tmp_path / "short.csv"), "--from", "cotcn_everyday",
             "--hold-out", "0", "--epochs", "1"]  # fmt: skip
    assert cli.main(["train", *given, "--out", str(tmp_path / "out")]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:3]] == [["squat", "3"], ["wave", "3"]]
    assert cli.main(["train", *given, "--out", str(tmp_path / "none"), "--set", "mode=clip"]) == 1
    assert "shorter than a window of 2.1 s" in capsys.readouterr().err


def test_mistakes_are_told_in_one_line(recordings: list[Path], tmp_path: Path, capsys: Capture) -> None:
    out = ["--out", str(tmp_path / "out")]
    assert cli.main(["train", str(tmp_path / "nowhere"), *out]) == 1
    assert "there is nothing at" in capsys.readouterr().err
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("start_ns,end_ns,label\n5,9,wave\n")
    assert cli.main(["train", str(recordings[0]), "--annotations", str(wrong), *out]) == 1
    assert (
        "annotated frames: 270 of 270 frames are lost (all): 270 x frames that no annotation" in capsys.readouterr().err
    )
    assert cli.main(["train", str(recordings[0]), *out, "--network", "cost"]) == 1
    assert "costgcn_short" in capsys.readouterr().err


@pytest.mark.slow
def test_resumed_elsewhere(recordings: list[Path], tmp_path: Path, capsys: Capture) -> None:
    """Another recording with as many windows of each class, and another model to start from, are refused in words."""
    out = ["--out", str(tmp_path / "out"), "--step", "8", "--epochs"]
    assert cli.main(["train", str(recordings[0]), *out, "1"]) == 0
    model = saved(tmp_path / "out")
    capsys.readouterr()
    assert cli.main(["train", str(recordings[1]), *out, "2", "--resume"]) == 1
    assert "holds another training: the digest of the examples was" in capsys.readouterr().err
    assert cli.main(["train", str(recordings[0]), "--from", str(tmp_path / "out"), *out, "2", "--resume"]) == 1
    assert "the starting model was '', is 'costgcn_short/" in capsys.readouterr().err
    assert all(torch.equal(value, model[name]) for name, value in saved(tmp_path / "out").items())
    assert cli.main(["train", str(recordings[0]), *out, "2", "--resume"]) == 0
