"""`co-perception annotations`: from any tool's file to any other's, and what it says of what does not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.bag_writer import SECOND, T0, frames, write_bag

from co_perception.cli import main
from co_perception.data.annotations.intervals import Interval, read_annotations, write_annotations
from co_perception.data.annotations.sources import read_any
from co_perception.data.video_writer import VideoWriter

MILLI = 1_000_000


def test_a_recording_goes_to_elan_and_to_foxglove_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = write_bag(tmp_path / "monday", {"/skeletons": frames(40)})
    rows = [Interval(T0 + SECOND, T0 + 2 * SECOND, "winken, groß", "p0"), Interval(T0, T0 + 3 * SECOND, "walk")]
    write_annotations(bag / "annotations.csv", rows)
    for name in ("a.eaf", "a.mcap"):
        assert main(["annotations", str(bag), "--out", str(tmp_path / name)]) == 0
        assert main(["annotations", str(tmp_path / name), "--bag", str(bag), "--out", str(tmp_path / "b.csv")]) == 0
        back = [each.shifted(T0) for each in read_annotations(tmp_path / "b.csv")]
        assert back == read_annotations(bag / "annotations.csv")
    assert "winken, groß  1            1.0" in capsys.readouterr().out
    assert main(["annotations", str(tmp_path / "a.eaf"), "--out", str(tmp_path / "c.mcap")]) == 1
    assert "--bag" in capsys.readouterr().err


def test_frames_of_an_annotated_video_have_its_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with VideoWriter(tmp_path / "clip.mp4", 20) as video:
        for _ in range(30):
            video.write(np.zeros((48, 64, 3), np.uint8))
    value = {"ranges": [{"start": 1, "end": 10}], "timelinelabels": ["wave"]}
    task = {"id": 1, "data": {"video": "clip.mp4"}, "annotations": [{"result": [{"type": "t", "value": value}]}]}
    (tmp_path / "a.json").write_text(json.dumps([task]))
    source, out = str(tmp_path / "a.json"), tmp_path / "a.eaf"
    for given in (["--rate", "20"], ["--video", str(tmp_path / "clip.mp4")]):
        assert main(["annotations", source, "--out", str(out), *given]) == 0
        assert read_any(out) == [Interval(0, 500 * MILLI, "wave", relative=True)]
    assert "clip.mp4" in out.read_text()
    assert main(["annotations", source, "--out", str(out)]) == 1
    assert main(["annotations", source, "--out", str(out), "--rate", "20", "--video", str(tmp_path / "clip.mp4")]) == 1
    assert main(["annotations", str(out), "--out", str(tmp_path / "b.csv"), "--rate", "20"]) == 1
    assert main(["annotations", source, "--out", str(out), "--rate", "20", "--topic", "/skeletons"]) == 1
    errors = capsys.readouterr().err
    assert "numbers of frames" in errors and "give the video alone" in errors
    assert "times of its own" in errors and "name it with --bag" in errors


def test_rows_of_other_recordings_are_left_out_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = write_bag(tmp_path / "monday", {"/skeletons": frames(40)})
    rows = [Interval(0, SECOND, "wave", "", True, name) for name in ("monday", "friday")]
    write_annotations(tmp_path / "all.csv", rows)
    out = tmp_path / "a.eaf"
    assert main(["annotations", str(tmp_path / "all.csv"), "--out", str(out)]) == 1
    assert main(["annotations", str(tmp_path / "all.csv"), "--bag", str(bag), "--out", str(out)]) == 0
    assert read_any(out) == [rows[0]]
    errors = capsys.readouterr().err
    assert "one file for each" in errors and "1 annotations are of other recordings" in errors
