"""`co-perception train --source`: a few takes of a new place, with many of another one, or a refusal in words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from co_perception import cli
from co_perception.commands.source_domain import check_joints
from co_perception.data.annotations.intervals import Interval, read_annotations, write_annotations
from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import SkeletonSequence
from co_perception.networks.variants_skeleton import COSTGCN_SHORT, COTCN

Capture = pytest.CaptureFixture[str]


def train(out: Path, *arguments: object) -> int:
    return cli.main(["train", *map(str, arguments), "--out", str(out), "--epochs", "1"])


def renamed(bag: Path, target: Path, names: dict[str, str]) -> Path:
    """A copy of a recording whose annotations have other labels."""
    shutil.copytree(bag, target)
    marked = read_annotations(bag / "annotations.csv")
    new = [Interval(each.start_ns, each.end_ns, names.get(each.label, each.label)) for each in marked]
    write_annotations(target / "annotations.csv", new)
    return target


def test_a_source_is_trained_on_too_and_is_known_afterwards(
    recordings: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    other = renamed(recordings[1], tmp_path / "other", {"squat": "kneel"})
    out = tmp_path / "out"
    assert train(out, recordings[0], "--source", other, recordings[2], "--source-weight", 0.3, "--step", 8) == 0
    reported = capsys.readouterr()
    assert "--source: 1 classes that the target does not have are left out: kneel." in reported.err
    rows = [line.split() for line in reported.out.splitlines()[1:3]]
    assert rows == [["squat", "12", "8", "4", "3", "1"], ["wave", "24", "8", "4", "3", "1"]]
    assert cli.main(["evaluate", str(recordings[2]), "--model", str(out), "--out", str(tmp_path / "found")]) == 0
    assert json.loads((tmp_path / "found/summary.json").read_text())["recordings"]["three"]["trained_on"]


def test_what_is_no_source_is_refused_before_anything_is_written(
    recordings: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    others = renamed(recordings[1], tmp_path / "others", {"squat": "kneel", "wave": "nod"})
    copy = tmp_path / "copy"
    shutil.copytree(recordings[0], copy)
    out = tmp_path / "out"
    for arguments, words in (
        (("--source", others), "the source has kneel, nod, the target squat, wave. Classes are matched by their names"),
        (("--source", recordings[1], copy), "--source shows recordings of the target: "),
        (("--source", recordings[0]), "is given twice, as the target and as --source"),
        (("--source", tmp_path / "nowhere"), f"there is nothing at {tmp_path / 'nowhere'}"),
        (("--source", recordings[1], "--set", "mode=step"), "Adapt in mode 'clip' first"),
        (("--embedding-weight", 0.5), "--embedding-weight weighs a loss of a domain adaptation, and there is no"),
        (("--source", recordings[1], "--rate", 30), "--rate is for data sets of kind "),
    ):
        assert train(out, recordings[0], *arguments) == 1
        assert words in capsys.readouterr().err and not out.exists()


def test_options_of_data_sets_hold_for_the_domain_that_has_some(
    recordings: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    """Clips of Kinetics-Skeleton as the source of recordings: --rate and --aspect are the clips'."""
    clips = tmp_path / "clips"
    clips.mkdir()
    for number in range(8):
        poses = np.random.default_rng(number).uniform(0.1, 0.9, (20, 36)).round(3).tolist()
        data = [{"frame_index": n, "skeleton": [{"pose": pose, "score": [1.0] * 18}]} for n, pose in enumerate(poses)]
        label = ("squat", "wave")[number % 2]
        (clips / f"{number}.json").write_text(json.dumps({"data": data, "label": label, "label_index": number % 2}))
    options = ("--rate", 30, "--aspect", 1.5, "--step", 8)
    assert train(tmp_path / "out", recordings[0], "--source", clips, *options) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()[1:3]] == ["4", "4"]


def test_layouts_whose_joints_tell_the_places_apart_are_refused() -> None:
    def of_layout(layout: str, joints: int, channels: int) -> Samples:
        data = SkeletonSequence(np.ones((channels, 4, joints, 1), np.float32), layout, 15.0)
        return Samples([Sample(data, 0)], ("wave",))

    kinect, camera = of_layout("ntu25", 25, 4), of_layout("coco17", 17, 3)
    with pytest.raises(ValueError, match=r"--source \(ntu25\) never has .*left_eye.* the other \(coco17\) has.*cotcn"):
        check_joints(kinect, camera, COSTGCN_SHORT)
    with pytest.raises(ValueError, match=r"the target \(ntu25\) never has .*left_eye"):
        check_joints(camera, kinect, COSTGCN_SHORT)
    check_joints(of_layout("openpose18", 18, 3), camera, COSTGCN_SHORT)
    check_joints(of_layout("body25", 25, 3), camera, COTCN)
