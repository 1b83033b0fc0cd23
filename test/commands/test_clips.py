"""`co-perception clips`, and `train` on videos: from files in folders to recordings, windows and a model."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from helpers.painted_people import PaintedEstimator, Performer, painted_video

from co_perception import cli
from co_perception.data.annotations.intervals import read_annotations
from co_perception.data.bags.labeled_bags import Recording
from co_perception.data.bags.labeled_bags import recordings as recordings_of
from co_perception.data.parsing import Skipped
from co_perception.learners import posed_video
from co_perception.learners.metadata import Metadata
from co_perception.runtime.store import store

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def painted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The estimator, a file in place of its model, and a store of the test's own."""
    (tmp_path / "model.tflite").write_bytes(b"model")
    monkeypatch.setenv("CO_PERCEPTION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(posed_video, "build", lambda values: PaintedEstimator())
    monkeypatch.setattr(store, "locate", lambda name: tmp_path / "model.tflite")


def recorded(bag: Path) -> list[Recording]:
    """What the reader of training data makes of a recording."""
    skipped = Skipped()
    found = list(recordings_of([bag], None, "coco17", skipped))
    assert not skipped
    return found


def folders(root: Path, takes: int = 4) -> Path:
    """A folder of videos for each of two activities; somebody stands beside who acts, now left, now right of them."""
    for number in range(takes):
        for place, activity in enumerate(("wave", "squat")):
            sides = (150.0, 450.0) if number % 2 else (450.0, 150.0)
            seed = 10 * number + place
            people = Performer("stand", 900 + seed, sides[0]), Performer(activity, seed, sides[1])
            painted_video(root / activity / f"{number}.mkv", people)
    return root


def test_each_video_becomes_a_recording_and_it_says_who_acts(tmp_path: Path, capsys: Capture) -> None:
    source, out = folders(tmp_path / "videos", 2), tmp_path / "bags"
    (source / "wave" / "notes.txt").write_text("no video")
    assert cli.main(["clips", str(source), "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert sorted(bag.name for bag in out.iterdir()) == ["squat_0", "squat_1", "wave_0", "wave_1"]
    assert "is not the ending of a video" in printed.err
    rows = [line.split() for line in printed.out.splitlines() if line.startswith(("0.mkv", "1.mkv"))]
    assert [row[2] for row in rows] == ["squat", "squat", "wave", "wave"]
    for bag, row in zip(sorted(out.iterdir()), rows, strict=True):
        [found] = recorded(bag)
        [piece] = found.pieces
        assert (piece.label, piece.subject) == (bag.name.split("_")[0], row[-4])
        assert row[-3:] == ["who", "moves", "most"]
        acts_at = 450 if bag.name.endswith("1") else 150  # as `folders` places them; who stands is at the other place
        assert abs(float(piece.stream.joints[:, 11:13, 0].mean()) - acts_at) < 20
        assert len(piece.stream) == 44  # of 45: the first one confirms the person
        [interval] = read_annotations(bag / "annotations.csv")
        assert interval.end_ns - interval.start_ns == pytest.approx(3e9, abs=1e6)
    looks = PaintedEstimator.looks
    assert cli.main(["clips", str(source), "--out", str(tmp_path / "again")]) == 0
    assert PaintedEstimator.looks == looks
    assert cli.main(["clips", str(source), "--out", str(out)]) == 1
    assert "is not overwritten" in capsys.readouterr().err


def test_a_table_tells_parts_names_and_who(tmp_path: Path, capsys: Capture) -> None:
    people = Performer("stand", 1, 150), Performer("wave", 2, 450)
    painted_video(tmp_path / "monday.mkv", people)
    rows = ["monday.mkv,wave,0,1.5,Jörg,", "monday.mkv,rest,1.5,,Anna,left"]
    (tmp_path / "table.csv").write_text("\n".join(["path,label,start,end,subject,who", *rows, "gone.mkv,wave,,,,"]))
    assert cli.main(["clips", str(tmp_path / "table.csv"), "--out", str(tmp_path / "bags")]) == 0
    found = read_annotations(tmp_path / "bags" / "monday" / "annotations.csv")
    begin_ns = found[0].start_ns
    times = [((each.start_ns - begin_ns) / 1e9, (each.end_ns - begin_ns) / 1e9) for each in found]
    assert times == [(0, 1.5), (1.5, 3)]
    assert [(each.label, each.subject) for each in found] == [("wave", "Jörg"), ("rest", "Anna")]
    printed = capsys.readouterr()
    assert "who is on the left" in printed.out and "there is no file" in printed.err
    (tmp_path / "table.csv").write_text("path,label,who\nmonday.mkv,wave,p7\n")
    assert cli.main(["clips", str(tmp_path / "table.csv"), "--out", str(tmp_path / "b")]) == 1
    assert "monday.mkv: who acts is most, two" in capsys.readouterr().err
    assert cli.main(["clips", str(tmp_path / "table.csv"), "--out", str(tmp_path / "b"), "--pose-set", "size=3"]) == 1
    assert "no setting 'size'" in capsys.readouterr().err


def test_nobody_in_a_video_is_told(tmp_path: Path, capsys: Capture) -> None:
    painted_video(tmp_path / "v" / "wave" / "empty.mkv", ())
    painted_video(tmp_path / "v" / "wave" / "one.mkv", (Performer("wave", 3, 300),))
    assert cli.main(["clips", str(tmp_path / "v"), "--out", str(tmp_path / "bags")]) == 0
    assert "nobody is found while 'wave' lasts" in capsys.readouterr().err
    assert not read_annotations(tmp_path / "bags" / "empty" / "annotations.csv")


@pytest.mark.slow
def test_videos_go_straight_into_training(tmp_path: Path, capsys: Capture) -> None:
    source, out = folders(tmp_path / "videos", 6), tmp_path / "lesson"
    given = ["train", str(source), "--out", str(out), "--background", "other", "--epochs", "12", "--by", "recording"]
    assert cli.main(given) == 0
    printed = capsys.readouterr().out
    assert Metadata.read(out / "model").labels == ("squat", "wave", "other")
    accuracy = float(printed.split("Held out: accuracy ")[1].split(";")[0])
    assert accuracy > 0.8 and not math.isnan(accuracy)
    bags = [str(each) for each in sorted((out / "clip_recordings").iterdir())]
    assert len(bags) == 12
    assert cli.main(["evaluate", *bags, "--model", str(out), "--background", "other", "--held-out"]) == 1
    assert "trained on this recording" in capsys.readouterr().err


def test_options_of_videos_and_recordings_do_not_mix(tmp_path: Path, recordings: list[Path], capsys: Capture) -> None:
    out = str(tmp_path / "out")
    assert cli.main(["train", str(recordings[0]), "--out", out, "--who", "left"]) == 1
    assert "no source is one" in capsys.readouterr().err
    source = folders(tmp_path / "videos", 1)
    table = str(recordings[0] / "annotations.csv")
    assert cli.main(["train", str(source), str(recordings[0]), "--out", out, "--annotations", table]) == 1
    assert "make recordings of the videos first (co-perception clips)" in capsys.readouterr().err
    assert cli.main(["train", str(source), "--out", out, "--recognizer", "video", "--who", "left"]) == 1
    assert "--who is for --recognizer skeleton" in capsys.readouterr().err
