"""The comparison of files with readers of others: it finds what differs, and says why something is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("cv2")
pytest.importorskip("rosbags")

from helpers.bag_writer import frames, write_bag

from bench import other_readers
from benchmarks import read_files
from co_perception.data.video import VideoFrame, VideoReader
from co_perception.data.video_writer import VideoWriter

SUBTITLES = "WEBVTT\n\n00:02.500 --> 00:07.250\nwave\n\n00:09.000 --> 00:10.000\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A video, its copy cut off, two recordings, and annotations."""
    picture = np.full((48, 64, 3), 200, np.uint8)
    picture[:, :32] = 20
    (tmp_path / "files").mkdir()
    with VideoWriter(tmp_path / "files/clip.mp4", 25.0) as writer:
        for _ in range(5):
            writer.write(picture)
    whole = (tmp_path / "files/clip.mp4").read_bytes()
    (tmp_path / "files/cut.mp4").write_bytes(whole.partition(b"moov")[0])
    write_bag(tmp_path / "files/b", {"/skeletons": frames(30)}, "mcap")
    write_bag(tmp_path / "files/c", {"/skeletons": frames(30)}, "sqlite3")
    (tmp_path / "files/a.vtt").write_text(f"{SUBTITLES}sit\n")
    (tmp_path / "files/b.vtt").write_text(SUBTITLES)
    return tmp_path / "files"


def verdicts(capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """Kind, verdict and reason of each file in the table."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()[2:]]
    return {name: [kind, *others] for kind, name, *others in rows}


def test_files_that_are_read_alike_and_files_that_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert read_files.main([str(folder)]) == 0
    found = verdicts(capsys)
    refused = {name: found.pop(name) for name in ("cut.mp4", "b.vtt")}
    assert found == {
        "a.vtt": ["WebVTT", "equal", ""],
        "clip.mp4": ["video", "equal", ""],
        **dict.fromkeys(["b", "b/b.mcap", "c", "c/c.db3"], ["recording", "equal", ""]),
    }
    assert refused["cut.mp4"][:2] == ["video", "refused"] and "cut off" in refused["cut.mp4"][2]
    assert refused["b.vtt"][:2] == ["WebVTT", "refused"] and "line 6" in refused["b.vtt"][2]


@pytest.mark.parametrize("change", ["fewer", "later", "mirrored"])
def test_a_reader_that_errs_is_found(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    original = VideoReader.__iter__

    def wrong(reader: VideoReader) -> Iterator[VideoFrame]:
        for number, frame in enumerate(original(reader)):
            pixels = frame.pixels[:, ::-1] if change == "mirrored" else frame.pixels
            if change != "fewer" or number:
                yield VideoFrame(pixels, frame.time_s + (change == "later"))

    monkeypatch.setattr(VideoReader, "__iter__", wrong)
    assert read_files.main([str(folder)]) == 1
    found = verdicts(capsys)
    part = {"fewer": "pictures", "later": "times", "mirrored": "first"}[change]
    assert found["clip.mp4"][1] == "DIFFERENT" and part in found["clip.mp4"][2]


def test_a_mirrored_picture_is_placed_by_its_matrix() -> None:
    stored = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    assert np.array_equal(other_readers.placed(stored, (0, 1, 1, 0)), stored.swapaxes(0, 1))
    assert np.array_equal(other_readers.placed(stored, (-1, 0, 0, 1)), stored[:, ::-1])
