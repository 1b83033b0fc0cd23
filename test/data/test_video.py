"""Files are read frame by frame with their times, written so that they read back, and say what is wrong with them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av")

from co_perception.data.video import VideoError, VideoReader, VideoWriter, fitted, is_live  # noqa: E402

MakeVideo = Callable[..., Path]


@pytest.fixture
def make_video(tmp_path: Path) -> MakeVideo:
    """A video whose frame i has brightness 20 + 10 i."""

    def make(name: str = "clip.mp4", frames: int = 10, rate_hz: float = 25.0, size: tuple[int, int] = (64, 48)) -> Path:
        path = tmp_path / name
        with VideoWriter(path, rate_hz) as writer:
            for index in range(frames):
                writer.write(np.full((size[1], size[0], 3), 20 + 10 * index, np.uint8))
        return path

    return make


def test_what_is_written_reads_back_in_order(make_video: MakeVideo) -> None:
    with VideoReader(str(make_video())) as reader:
        frames = list(reader)
        assert (reader.rate_hz, reader.frames, reader.live) == (25.0, 10, False)
    assert [frame.pixels.shape for frame in frames] == [(48, 64, 3)] * 10
    assert [frame.time_s for frame in frames] == pytest.approx([i / 25 for i in range(10)])
    assert [frame.pixels.mean() for frame in frames] == pytest.approx([20 + 10 * i for i in range(10)], abs=4)


def test_colours_keep_their_order(tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[..., 0], picture[..., 2] = 220, 30
    with VideoWriter(tmp_path / "red.mp4", 25.0) as writer:
        writer.write(picture)
    with VideoReader(str(tmp_path / "red.mp4")) as reader:
        assert next(iter(reader)).pixels.mean(axis=(0, 1)) == pytest.approx([220, 0, 30], abs=8)


def test_odd_sizes_lose_their_last_row_and_column(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "odd.mp4", 30.0) as writer:
        writer.write(np.zeros((33, 41, 3), np.uint8))
    with VideoReader(str(tmp_path / "odd.mp4")) as reader:
        assert next(iter(reader)).pixels.shape == (32, 40, 3)


def test_frames_are_shrunk_while_they_are_decoded(make_video: MakeVideo) -> None:
    with VideoReader(str(make_video(size=(160, 96))), short_side=48) as reader:
        assert next(iter(reader)).pixels.shape == (48, 80, 3)


@pytest.mark.parametrize(
    ("size", "short_side", "becomes"),
    [
        ((1080, 1920), 256, (256, 455)),
        ((1920, 1080), 256, (455, 256)),
        ((64, 48), 256, (64, 48)),
        ((64, 48), 0, (64, 48)),
    ],
)
def test_shrinking_keeps_the_shape_and_never_enlarges(
    size: tuple[int, int], short_side: int, becomes: tuple[int, int]
) -> None:
    assert fitted(*size, short_side) == becomes


def test_a_file_cut_off_gives_what_it_has_and_then_says_so(make_video: MakeVideo) -> None:
    path = make_video("clip.avi", frames=20)
    whole = path.read_bytes()
    path.write_bytes(whole[: (whole.index(b"movi") + len(whole)) // 2])
    read = 0
    with VideoReader(str(path)) as reader, pytest.raises(VideoError, match="clip.avi"):
        for _ in reader:
            read += 1
    assert 0 < read < 20


def test_a_file_without_its_index_does_not_open(make_video: MakeVideo) -> None:
    path = make_video()
    path.write_bytes(path.read_bytes().partition(b"moov")[0])
    with pytest.raises(VideoError, match="cut off before its index"):
        VideoReader(str(path))


def test_what_is_no_video_says_what_to_look_at(tmp_path: Path) -> None:
    (tmp_path / "letter.mp4").write_text("dear robot")
    with pytest.raises(VideoError, match="not a video"):
        VideoReader(str(tmp_path / "letter.mp4"))
    with pytest.raises(FileNotFoundError, match="camera index"):
        VideoReader(str(tmp_path / "nowhere.mp4"))
    with pytest.raises(VideoError, match="plugged in"):
        VideoReader("97")


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "hum.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(VideoError, match="only audio"):
        VideoReader(str(path))


@pytest.mark.parametrize(
    ("source", "live"),
    [("0", True), ("/dev/video2", True), ("rtsp://door/1", True), ("clip.mp4", False), ("./2", False)],
)
def test_live_sources_are_known_by_their_name(source: str, live: bool) -> None:
    assert is_live(source) == live
