"""`co-perception train --recognizer video`: from folders of videos, a table, and recordings to a head that answers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.picture_bag import picture, write_picture_bag
from helpers.small_video_networks import network, pyslowfast, small

pytest.importorskip("av")

from co_perception import cli
from co_perception.commands.train_video import VideoSources, read_videos
from co_perception.data.datasets.video_folder import Clip
from co_perception.data.video_writer import VideoWriter
from co_perception.engine.node_command import node_command
from co_perception.learners.metadata import Metadata
from co_perception.learners.video import ContinualVideoLearner
from co_perception.networks.variants import COX3D_S
from co_perception.runtime.store import store as asset_store

Capture = pytest.CaptureFixture[str]
SMALL = {"cox3d_s": small(COX3D_S, blocks=(1, 1, 1, 1), features=32, short_side=36)}
RATE_HZ = 5.0


@pytest.fixture(autouse=True)
def small_networks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("co_perception.networks.variants.VIDEO_VARIANTS", SMALL)
    monkeypatch.setattr(asset_store, "root", lambda: tmp_path / "store")


def write(path: Path, brightness: str, seed: int) -> Path:
    """A video at 5 Hz with one frame for each letter: b(right) or d(ark)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, RATE_HZ) as writer:
        for number, letter in enumerate(brightness):
            writer.write(picture(letter == "b", 100 * seed + number))
    return path


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A model to start from: a small X3D with five classes."""
    torch.save({"model_state": pyslowfast(network(SMALL["cox3d_s"]).float())}, tmp_path / "x3d.pyth")
    learner = ContinualVideoLearner("cox3d_s", classes=tuple("abcde"))
    learner.load(tmp_path / "x3d.pyth")
    learner.save(tmp_path / "published")
    return tmp_path / "published"


def train(published: Path, *arguments: str) -> int:
    return cli.main(["train", "--recognizer", "video", "--network", "cox3d_s", "--from", str(published), *arguments])


@pytest.mark.slow
def test_folders_of_videos(published: Path, tmp_path: Path, capsys: Capture) -> None:
    for seed in range(4):
        write(tmp_path / "videos" / "bright" / f"{seed}.mp4", "b" * 20, seed)
        write(tmp_path / "videos" / "dark" / f"{seed}.mp4", "d" * 20, 10 + seed)
    out = tmp_path / "out"
    assert train(published, str(tmp_path / "videos"), "--out", str(out), "--head", "linear", "--epochs", "12") == 0
    reported = capsys.readouterr()
    rows = [line.split() for line in reported.out.splitlines()]
    assert rows[0][:5] == ["class", "clips", "to", "train", "on"]
    assert [row[:3] for row in rows[1:3]] == [["bright", "3", "1"], ["dark", "3", "1"]]
    assert "Held out: accuracy 1.000; chance 0.500" in reported.out
    assert "features of recording 1 of 6, 0 min" in reported.err
    line = node_command("video_activity_node", model_path=out.resolve() / "model")
    assert reported.out.splitlines()[-1].strip() == line
    saved = Metadata.read(out / "model")
    assert saved.labels == ("bright", "dark") and getattr(saved, "head_kind", "") == "linear"


def test_a_table_of_parts_with_background(tmp_path: Path) -> None:
    write(tmp_path / "day.mp4", "d" * 10 + "b" * 10 + "d" * 20, 1)
    (tmp_path / "table.csv").write_text("path,label,start,end,subject\nday.mp4,wave,2,4,anna\n")
    given = VideoSources([tmp_path / "table.csv"], None, None, "nothing")
    samples, skipped = read_videos(given, RATE_HZ)
    assert samples.classes == ("wave", "nothing") and not skipped
    clips = [item.data for item in samples.items]
    assert all(isinstance(clip, Clip) for clip in clips)
    spans = [(round(clip.start_s, 1), round(clip.end_s, 1)) for clip in clips if isinstance(clip, Clip)]
    assert spans == [(2, 4), (0, 2), (4, 8)] and samples.labels == [0, 1, 1]
    assert len({item.group for item in samples.items}) == 1  # one file is never divided
    assert read_videos(VideoSources([tmp_path / "table.csv"], None, None, ""), RATE_HZ)[0].classes == ("wave",)


def test_a_copy_is_taken_once_and_nothing_is_decoded_for_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of hours would not fit into the memory."""
    first = write(tmp_path / "videos" / "bright" / "a.mp4", "b" * 10, 1)
    (tmp_path / "videos" / "dark").mkdir()
    (tmp_path / "videos" / "dark" / "copy.mp4").write_bytes(first.read_bytes())
    write(tmp_path / "videos" / "dark" / "b.mp4", "d" * 10, 2)
    monkeypatch.setattr(Clip, "__call__", lambda clip: pytest.fail("it was decoded"))
    samples, skipped = read_videos(VideoSources([tmp_path / "videos"], None, None, ""), RATE_HZ)
    assert samples.counts() == {"bright": 1, "dark": 1}
    assert "the same content as" in skipped.report() and "copy.mp4" in skipped.report()


@pytest.mark.slow
def test_a_head_from_a_recording(published: Path, tmp_path: Path) -> None:
    bag = write_picture_bag(tmp_path / "bag")
    arguments = [str(bag), "--background", "nothing", "--hold-out", "0", "--out", str(tmp_path / "out")]
    assert train(published, *arguments, "--epochs", "15", "--set", "min_progress=0.1") == 0
    learner = ContinualVideoLearner("cox3d_s", min_progress=0.0)
    learner.load(tmp_path / "out" / "model")
    assert learner.labels == ("wave", "nothing")
    answers = learner.infer([picture(10 <= number < 20, 2 * number) for number in range(30)])
    described = {number - answer.delay: answer.description for number, answer in enumerate(answers) if answer.data >= 0}
    assert described[15] == "wave" and described[3] == "nothing"


def test_options_of_the_other_recognizer_are_refused(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "videos").mkdir()
    video = ["--recognizer", "video", "--network", "cox3d_s"]
    for arguments, message in (
        ([*video, "--step", "3"], "--step is for --recognizer skeleton"),
        (["--head", "gru"], "--head is for --recognizer video"),
        ([*video, "--annotations", "a.csv"], "--annotations is for recordings"),
        (video, "folder of videos for each class"),
    ):
        assert cli.main(["train", str(tmp_path / "videos"), "--out", str(tmp_path / "out"), *arguments]) == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
