"""Labeled videos, written here with a brightness for each frame, are found, cut and resampled."""

import json
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.random_search import examples
from hypothesis import given
from hypothesis import strategies as st

av = pytest.importorskip("av")

from co_perception.data.datasets import video_folder  # noqa: E402
from co_perception.data.datasets.video_folder import Clip, video_samples  # noqa: E402
from co_perception.data.video_writer import VideoWriter  # noqa: E402
from co_perception.engine.data import Video  # noqa: E402


def write_video(path: Path, frames: int = 20, rate_hz: float = 10.0) -> Path:
    """Frame i has brightness 20 + 10 i."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, rate_hz) as writer:
        for index in range(frames):
            writer.write(np.full((48, 64, 3), 20 + 10 * index, np.uint8))
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("videos") / "two_seconds.mp4")


def frames(clip: Video) -> list[int]:
    """Numbers of the frames, by their brightness."""
    return [round(float(value - 20) / 10) for value in clip.data.mean(axis=(0, 2, 3))]


def test_a_whole_file(video: Path) -> None:
    clip = Clip(video)()
    assert frames(clip) == list(range(20))
    assert clip.rate_hz == 10.0 and clip.data.shape == (3, 20, 48, 64) and clip.data.dtype == np.uint8


@pytest.mark.parametrize(
    ("start_s", "end_s", "rate_hz", "expected"),
    [
        (0.5, 0.9, None, [5, 6, 7, 8]),
        (0.5, 0.9, 10.0, [5, 6, 7, 8]),
        (0.0, float("inf"), 5.0, list(range(0, 20, 2))),
        (0.0, float("inf"), 20.0, [index // 2 for index in range(40)]),
        (0.25, 1.0, 4.0, [2, 5, 7]),  # at 0.25, 0.5 and 0.75 s the frame then shown
        (0.0, float("inf"), 1 / 3, [0]),
        (1.9, float("inf"), 10.0, [19]),
    ],
)
def test_a_part_at_a_rate(start_s: float, end_s: float, rate_hz: float, expected: list[int], video: Path) -> None:
    clip = Clip(video, start_s, end_s, rate_hz)()
    assert frames(clip) == expected and clip.rate_hz == (rate_hz or 10.0)


def test_a_file_of_variable_rate_is_as_fast_as_its_frames_are_far_apart(tmp_path: Path) -> None:
    """An AVI whose clock ticks 1000 times a second, most ticks without a picture, as screen recorders write it."""
    path = tmp_path / "ticks.avi"
    with av.open(str(path), "w") as container:
        out = container.add_stream("mpeg4", rate=1000)
        out.width, out.height, out.pix_fmt = 64, 48, "yuv420p"
        for index in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 + 10 * index, np.uint8), format="rgb24")
            frame.pts, frame.time_base = 100 * index, Fraction(1, 1000)
            container.mux(out.encode(frame))
        container.mux(out.encode())
    assert Clip(path)().rate_hz == pytest.approx(10.0)
    assert Clip(path, 0.45, 1.25)().rate_hz == pytest.approx(10.0)
    twice = Clip(path, rate_hz=20.0)()
    assert twice.rate_hz == 20.0 and frames(twice) == [index // 2 for index in range(40)], "the last lasts as others do"


@pytest.mark.parametrize("rate_hz", [None, 25.0])
@pytest.mark.parametrize("name", ["x.mp4", "x.mov", "x.mkv", "x.ts"])
def test_times_count_from_the_beginning_of_the_sound(tmp_path: Path, name: str, rate_hz: float | None) -> None:
    """As players count, and those who annotate with them; the picture comes two seconds after the sound."""
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        out, sound = container.add_stream("mpeg4", rate=25), container.add_stream("aac", rate=48000, layout="mono")
        out.width, out.height, out.pix_fmt = 64, 64, "yuv420p"
        for n in range(150):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            silence.sample_rate, silence.pts, silence.time_base = 48000, n * 1024, Fraction(1, 48000)
            container.mux(sound.encode(silence))
        container.mux(sound.encode())
        for n in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 + 8 * n, np.uint8), format="rgb24")
            frame.pts, frame.time_base = 50 + n, Fraction(1, 25)
            container.mux(out.encode(frame))
        container.mux(out.encode())
    with av.open(str(path)) as container:
        begin_s = (container.start_time or 0) / av.time_base
        shown = [(frame.time - begin_s, frame.to_ndarray(format="rgb24").mean()) for frame in container.decode(video=0)]
    wanted = [level for at, level in shown if 2.4 <= at + 1e-4 < 2.8]
    if rate_hz:  # the picture that is shown at each instant
        due = [2.4 + n / rate_hz for n in range(10)]
        wanted = [max((at, level) for at, level in shown if at <= instant + 1e-4)[1] for instant in due]
    found = Clip(path, 2.4, 2.8, rate_hz)().data
    assert found.mean((0, 2, 3)) == pytest.approx(wanted, abs=1)
    assert Clip(path, 0.0, 2.2, rate_hz)().data.shape[1] == pytest.approx(5, abs=1)  # there is no picture before
    with pytest.raises(ValueError, match=r"no frame from 0 s to 1\.5 s"):
        Clip(path, 0.0, 1.5, rate_hz)()


def test_frames_are_shrunk(video: Path) -> None:
    assert Clip(video, short_side=24)().data.shape == (3, 20, 24, 32)


def test_a_part_after_the_end_and_a_clip_too_large(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="no frame from 5 s to 6 s, it ends before"):
        Clip(video, 5, 6, 10.0)()
    monkeypatch.setattr(video_folder, "LARGEST", 10 * 48 * 64 * 3)
    with pytest.raises(ValueError, match="Name a start and end"):
        Clip(video)()


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    for name in ("wave/monday.mp4", "wave/anna/tuesday.MP4", "sit/monday.mp4"):
        write_video(tmp_path / name, 3)
    (tmp_path / "sit/notes.txt").write_text("")
    (tmp_path / ".cache").mkdir()
    samples, skipped = video_samples(tmp_path, rate_hz=5.0, short_side=24)
    assert samples.classes == ("sit", "wave") and samples.labels == [0, 1, 1]
    assert list(skipped) == [(str(tmp_path / "sit/notes.txt"), ".txt is not the ending of a video")]
    data, category = samples[1]
    assert category.description == "wave" and data.data.shape == (3, 2, 24, 32)


def test_a_table_of_clips(tmp_path: Path) -> None:
    write_video(tmp_path / "videos/monday.mp4")
    rows = """path,label,start,end,subject
        videos/monday.mp4,wave,0.5,0.9,anna
        videos/monday.mp4,sit,1.5,,bert
        videos/monday.mp4,sit,,,
        videos/none.mp4,sit,,,
        videos/monday.mp4,,1,2,
        videos/monday.mp4,sit,2,1,
        videos/monday.mp4,sit,soon,1,
        rtsp://camera,sit,0,1,
        """
    (tmp_path / "clips.csv").write_text("\n".join(line.strip() for line in rows.splitlines()))
    samples, skipped = video_samples(tmp_path / "clips.csv")
    assert samples.classes == ("sit", "wave") and samples.labels == [1, 0, 0]
    assert [frames(data) for data, _ in samples] == [[5, 6, 7, 8], [15, 16, 17, 18, 19], list(range(20))]
    assert [item.subject for item in samples.items] == ["anna", "bert", ""]
    assert len({item.group for item in samples.items}) == 1 and len({item.source for item in samples.items}) == 3
    assert [source for source, _ in skipped] == [f"clips.csv, row {row}" for row in (5, 6, 7, 8, 9)]
    reasons = ["there is no file", "needs a path", "no part of a video", "could not convert", "there is no file"]
    assert all(part in reason for part, (_, reason) in zip(reasons, skipped, strict=True))


def test_json_says_the_same_as_csv(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 5)
    rows: list[Any] = [{"path": "a.mp4", "label": "wave", "start": 0.1, "end": 0.3}, 3, {"path": "a.mp4"}]
    (tmp_path / "clips.json").write_text(json.dumps(rows))
    samples, skipped = video_samples(tmp_path / "clips.json")
    assert [frames(data) for data, _ in samples] == [[1, 2]] and len(skipped) == 2


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("clips.csv", "path,label\na.mp4,sit, down\n", "row 2: more cells than columns"),
        ("clips.csv", 'path,label\na.mp4,"sit\na.mp4,wave\n', "unexpected end of data"),
        ("clips.csv", "path,label,label\na.mp4,sit,wave\n", "two columns 'label'"),
        ("clips.json", '[{"path": "a.mp4", "label": ["sit", "wave"]}]', "label is a text or a number"),
        ("clips.json", '[{"path": "a.mp4", "label": "sit", "start": true}]', "start is a text or a number"),
    ],
)
def test_a_table_that_may_be_meant_otherwise_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    write_video(tmp_path / "a.mp4", 5)
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        video_samples(tmp_path / name)


def test_classes_may_be_chosen(video: Path) -> None:
    table = video.with_name("chosen.csv")
    table.write_text("path,label\n" + "".join(f"{video.name},{label}\n" for label in ("wave", "sit", "fall")))
    samples, skipped = video_samples(table, classes=("wave", "fall"))
    assert samples.counts() == {"wave": 1, "fall": 1} and "'sit' is none of the classes" in skipped.report()


def test_a_damaged_video_is_found_when_it_is_read(tmp_path: Path, video: Path) -> None:
    (tmp_path / "wave").mkdir()
    (tmp_path / "wave/good.mp4").write_bytes(video.read_bytes())
    (tmp_path / "wave/half.mp4").write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    (tmp_path / "wave/text.mp4").write_text("not a video")
    samples, skipped = video_samples(tmp_path)
    assert len(samples) == 3 and not skipped
    good, damaged = samples.readable()
    assert [Path(item.source).name for item in good.items] == ["good.mp4"]
    assert {Path(source).name for source, _ in damaged} == {"half.mp4", "text.mp4"}


def test_mistakes_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="a folder for each class"):
        video_samples(tmp_path / "none")
    with pytest.raises(ValueError, match="nothing to learn from"):
        video_samples(tmp_path)
    (tmp_path / "clips.csv").write_text("file,activity\na.mp4,wave\n")
    with pytest.raises(ValueError, match=r"path,label and maybe start, end, subject, who; got \['activity', 'file'\]"):
        video_samples(tmp_path / "clips.csv")
    with pytest.raises(ValueError, match="rate_hz is above 0"):
        video_samples(tmp_path, rate_hz=0)


@examples(100)
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=100).map(lambda end: b"path,label,start\n" + end)))
@pytest.mark.parametrize("ending", ["csv", "json"])
def test_no_bytes_raise_anything_but_value_error(
    tmp_path_factory: pytest.TempPathFactory, ending: str, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / f"a.{ending}"
    path.write_bytes(content)
    with suppress(ValueError):
        video_samples(path)


def test_deep_json_and_endless_names_are_refused(tmp_path: Path) -> None:
    for text in ("[" * 100_000, json.dumps([{"path": "a" * 10_000, "label": "b"}])):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(ValueError):
            video_samples(tmp_path / "a.json")
