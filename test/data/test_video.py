"""Video files and streams: read frame by frame with their times; errors name the cause."""

import gc
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

av = pytest.importorskip("av")

from co_perception.data import display, video  # noqa: E402
from co_perception.data.video import VideoError, VideoReader  # noqa: E402

MakeVideo = Callable[..., Path]


def test_frames_are_shrunk_while_they_are_decoded(make_video: MakeVideo) -> None:
    with VideoReader(str(make_video(size=(160, 96))), short_side=48) as reader:
        assert next(iter(reader)).pixels.shape == (48, 80, 3)


def test_a_file_is_a_path_or_its_name_and_a_camera_its_number(make_video: MakeVideo) -> None:
    path = make_video(frames=2)
    with VideoReader(path) as reader:
        assert reader.source == str(path) and len(list(reader)) == 2
    with pytest.raises(VideoError, match="/dev/video97 cannot be opened"):
        VideoReader(97)


def encoded(path: Path, codec: str = "mpeg4", frames: int = 30, **stream: Any) -> Path:
    """A file by FFmpeg's own encoder, with two B-frames between others; frame i has brightness 20 + 7 i."""
    with av.open(str(path), "w") as container:
        out = container.add_stream(codec, rate=30)
        out.width, out.height, out.pix_fmt, out.codec_context.max_b_frames = 64, 64, "yuv420p", 2
        for name, value in stream.items():
            setattr(out, name, value)
        for level in range(frames):
            picture = np.full((64, 64, 3), min(20 + 7 * level, 250), np.uint8)
            container.mux(out.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(out.encode())
    return path


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("name", ["x.avi", "x.mp4", "x.mkv", "x.ts"])
@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_avi_times(tmp_path: Path, name: str, codec: str, parallel: bool) -> None:
    """B-frames of any container: pictures in the order shown, one period apart, as OpenCV's reader has them."""
    cv2 = pytest.importorskip("cv2")
    if codec not in av.codecs_available:
        pytest.skip(f"PyAV without {codec}")
    path = encoded(tmp_path / name, codec)
    with VideoReader(str(path), parallel=parallel) as reader:
        frames = list(reader)
    assert [frame.time_s for frame in frames] == pytest.approx([i / 30 for i in range(30)], abs=1e-3)
    assert [frame.pixels.mean() for frame in frames] == pytest.approx([20 + 7 * i for i in range(30)], abs=6)
    capture, shown = cv2.VideoCapture(str(path)), list[float]()
    while (read := capture.read())[0]:
        shown.append(read[1].mean())
    assert [frame.pixels.mean() for frame in frames] == pytest.approx(shown, abs=2)


@pytest.mark.parametrize(
    ("begin_s", "end_s", "key_frames"), [(0.7, 9.0, 60), (0.7, 9.0, 10), (0.0, 1.2, 10), (0.9, 1.5, 60)]
)
def test_trimmed_mp4(tmp_path: Path, begin_s: float, end_s: float, key_frames: int) -> None:
    """A file trimmed without coding it again: an edit list hides frames before the cut, and nothing is missing."""
    cv2 = pytest.importorskip("cv2")
    whole = encoded(tmp_path / "whole.mp4", frames=60, gop_size=key_frames)
    with av.open(str(whole)) as read, av.open(str(tmp_path / "cut.mp4"), "w") as out:
        copy = out.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.dts is not None and packet.pts * packet.time_base < end_s:
                back = round(begin_s / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - back, packet.dts - back, copy
                out.mux(packet)
    with VideoReader(str(tmp_path / "cut.mp4")) as reader:
        times = [frame.time_s for frame in reader]
    with av.open(str(tmp_path / "cut.mp4")) as read:
        shown = [frame.time for frame in read.decode(video=0)]
    assert times == pytest.approx([time_s - shown[0] for time_s in shown])
    capture = cv2.VideoCapture(str(tmp_path / "cut.mp4"))
    assert len(times) == sum(iter(capture.grab, False)) < 60


CORNERS = np.zeros((64, 96, 3), np.uint8)  # red at the top left, green at the top right, blue at the bottom left
CORNERS[:32, :48, 0] = CORNERS[:32, 48:, 1] = CORNERS[32:, :48, 2] = 250


@pytest.mark.parametrize("flips", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_turned_clip(tmp_path: Path, degrees: int, flips: tuple[bool, bool]) -> None:
    """A phone's clip with a display matrix comes as players show it: turned against the clock, then mirrored."""
    cv2 = pytest.importorskip("cv2")
    path = tmp_path / "phone.mp4"
    with av.open(str(path), "w") as container:
        out = container.add_stream("mpeg4", rate=30)
        out.width, out.height, out.pix_fmt, out.bit_rate = 96, 64, "yuv420p", 2_000_000
        if not hasattr(out, "set_display_rotation"):
            pytest.skip("PyAV that writes no display matrix")
        out.set_display_rotation(degrees, hflip=flips[0], vflip=flips[1])
        container.mux(out.encode(av.VideoFrame.from_ndarray(CORNERS, format="rgb24")))
        container.mux(out.encode())
    with VideoReader(str(path)) as reader:
        pixels = next(iter(reader)).pixels
    with VideoReader(str(path), short_side=32) as reader:
        assert next(iter(reader)).pixels.shape == (pixels.shape[0] // 2, pixels.shape[1] // 2, 3)
    wanted = np.rot90(CORNERS, degrees // 90)
    wanted = wanted[:: -1 if flips[1] else 1, :: -1 if flips[0] else 1]
    assert pixels.shape == wanted.shape and np.abs(pixels.astype(int) - wanted).mean() < 12
    if flips == (False, False):
        assert np.abs(cv2.VideoCapture(str(path)).read()[1][..., ::-1].astype(int) - pixels).mean() < 12


def exif(orientation: int) -> bytes:
    """The segment of a JPEG in which a camera says how it was held (TIFF tag 274)."""
    tag = struct.pack("<4sIHHHIII", b"II*\0", 8, 1, 274, 3, 1, orientation, 0)
    return struct.pack(">HH6s", 0xFFE1, 8 + len(tag), b"Exif\0\0") + tag


@pytest.mark.parametrize(("orientation", "degrees"), [(1, 0), (3, 180), (6, 270), (8, 90)])
def test_motion_jpeg_with_exif_is_read_and_turned(tmp_path: Path, orientation: int, degrees: int) -> None:
    """PyAV refuses all side data of such a frame with "31 is not a valid Type"; of spatial video, with 29."""
    path = tmp_path / "camera.avi"
    with av.open(str(path), "w") as container:
        out = container.add_stream("mjpeg", rate=10)
        out.width, out.height, out.pix_fmt = 96, 64, "yuvj420p"
        for packet in [*out.encode(av.VideoFrame.from_ndarray(CORNERS, format="rgb24")), *out.encode()]:
            jpeg = bytes(packet)
            marked = av.Packet(jpeg[:2] + exif(orientation) + jpeg[2:])
            marked.pts, marked.dts, marked.time_base, marked.stream = 0, 0, packet.time_base, out
            container.mux(marked)
    with VideoReader(str(path)) as reader:
        [frame] = reader
    wanted = np.rot90(CORNERS, degrees // 90)
    assert frame.pixels.shape == wanted.shape and np.abs(frame.pixels.astype(int) - wanted).mean() < 12


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_the_display_matrix_of_an_angle_is_that_of_the_file(tmp_path: Path, degrees: int) -> None:
    path = tmp_path / "phone.mp4"
    with av.open(str(path), "w") as container:
        out = container.add_stream("mpeg4", rate=30)
        out.width, out.height, out.pix_fmt = 96, 64, "yuv420p"
        if not hasattr(out, "set_display_rotation"):
            pytest.skip("PyAV that writes no display matrix")
        out.set_display_rotation(degrees)
        container.mux([*out.encode(av.VideoFrame.from_ndarray(CORNERS, format="rgb24")), *out.encode()])
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))

    class Unknown:
        """A frame whose side data PyAV does not give."""

        rotation = frame.rotation

        @property
        def side_data(self) -> None:
            raise ValueError("31 is not a valid Type")

    wanted, found = display.display_matrix(frame), display.display_matrix(Unknown())
    assert found is not None
    shown = CORNERS if wanted is None else display.turned(CORNERS, wanted)
    assert np.array_equal(display.turned(CORNERS, found), shown)


def test_the_first_part_of_a_stream_without_a_picture_is_told(tmp_path: Path) -> None:
    """The file that players of streams read first: it describes the video, and its pictures are in others."""
    path = tmp_path / "init.mp4"
    with av.open(str(path), "w", options={"movflags": "empty_moov+default_base_moof+frag_keyframe"}) as container:
        out = container.add_stream("mpeg4", rate=30)
        out.width, out.height, out.pix_fmt = 96, 64, "yuv420p"
        container.mux([*out.encode(av.VideoFrame.from_ndarray(CORNERS, format="rgb24")), *out.encode()])
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"moof") - 4])
    with VideoReader(str(path)) as reader, pytest.raises(VideoError, match=r"init\.mp4 .*holds no picture"):
        list(reader)


@pytest.mark.parametrize("name", ["x.avi", "x.mp4", "x.mkv"])
def test_a_title_that_is_no_utf_8_hinders_nothing(tmp_path: Path, name: str) -> None:
    """As cameras and Windows programs write it: "'utf-8' codec can't decode byte" came for the whole file."""
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "the kxchen"
        out = container.add_stream("mpeg4", rate=30)
        out.width, out.height, out.pix_fmt = 96, 64, "yuv420p"
        container.mux([*out.encode(av.VideoFrame.from_ndarray(CORNERS, format="rgb24")), *out.encode()])
    content = path.read_bytes()
    assert b"the kxchen" in content
    path.write_bytes(content.replace(b"the kxchen", "the k\u00fcchen".encode("latin-1")))
    with VideoReader(str(path)) as reader:
        assert len(list(reader)) == 1


@pytest.mark.parametrize(("aspect", "size"), [((2, 1), (64, 128)), ((1, 2), (64, 32)), ((999, 1), (64, 64))])
def test_pixels_that_are_not_square_are_made_so(tmp_path: Path, aspect: tuple[int, int], size: tuple[int, int]) -> None:
    path = encoded(tmp_path / "wide.mp4", sample_aspect_ratio=Fraction(*aspect))
    with VideoReader(str(path)) as reader:
        assert next(iter(reader)).pixels.shape == (*size, 3)


def test_an_mp4_that_lacks_its_end_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        out = container.add_stream("mpeg4", rate=30)
        out.width, out.height, out.pix_fmt = 64, 64, "yuv420p"
        noise = np.random.default_rng(0).integers(0, 256, (60, 64, 64, 3), dtype=np.uint8)
        for picture in noise:
            container.mux(out.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(out.encode())
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with VideoReader(str(path)) as reader, pytest.raises(VideoError, match=r"clip\.mp4"):
        list(reader)


@pytest.mark.parametrize("b_frames", [0, 2])
def test_null_frames_of_an_avi_take_time_and_are_not_missing(tmp_path: Path, b_frames: int) -> None:
    """FFmpeg's writer fills gaps in time with empty chunks, as capture programs and DivX do."""
    ticks, path = [0, 1, 2, 5, 6, 7, 12, 13, 14, 20], tmp_path / "null.avi"
    with av.open(str(path), "w") as container:
        out = container.add_stream("mpeg4", rate=30)
        out.width, out.height, out.pix_fmt, out.codec_context.max_b_frames = 64, 64, "yuv420p", b_frames
        for tick in ticks:
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 10 * tick, np.uint8), format="rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, 30)
            container.mux(out.encode(frame))
        for packet in out.encode():
            packet.duration = 6 if packet.pts == ticks[-1] else packet.duration  # null frames at the end
            container.mux(packet)
    with VideoReader(str(path)) as reader:
        declared, frames = reader.frames or 0, list(reader)
    assert declared > len(frames) == 10
    assert [frame.pixels.mean() for frame in frames] == pytest.approx([10 * tick for tick in ticks], abs=8)
    if not b_frames:  # the writer moves B-frames' times
        assert [frame.time_s * 30 for frame in frames] == pytest.approx(ticks)


def test_times_that_are_missing_or_run_backwards_rise_by_a_period() -> None:
    clock = video._RisingTimes(10)
    declared = [7.0, 7.1, 7.3, 7.2, None, 7.45, 7.45, 2.0, 2.1, 2.5]
    wanted = [0.0, 0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.3]
    assert [clock.next(time_s) for time_s in declared] == pytest.approx(wanted)
    silent = video._RisingTimes(10)
    assert [silent.next(None) for _ in range(3)] == pytest.approx([0.0, 0.1, 0.2])
    slow = video._RisingTimes(25)  # of a file whose clock is finer than its frames
    declared = [*(0.08 * n for n in range(6)), None, None]
    assert [slow.next(time_s) for time_s in declared] == pytest.approx([0.08 * n for n in range(8)])
    unknown = video._RisingTimes(0)
    assert [unknown.next(time_s) for time_s in (5.0, 5.2, None, 5.3, 5.7)] == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.7])


def test_a_file_cut_off_gives_what_it_has_and_then_says_so(make_video: MakeVideo) -> None:
    path = make_video("clip.avi", frames=20)
    whole = path.read_bytes()
    path.write_bytes(whole[: (whole.index(b"movi") + len(whole)) // 2])
    read = 0
    with VideoReader(str(path)) as reader, pytest.raises(VideoError, match="clip.avi"):
        for _ in reader:
            read += 1
    assert 0 < read < 20


def test_a_file_without_its_index_does_not_open(clip: Path) -> None:
    clip.write_bytes(clip.read_bytes().partition(b"moov")[0])
    with pytest.raises(VideoError, match="cut off before its index"):
        VideoReader(str(clip))


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
    assert video.is_live(source) == live


def test_a_clip_that_loops_leaves_no_thread_behind(make_video: MakeVideo) -> None:
    path, left = str(make_video()), list[int]()
    gc.collect()
    gc.disable()
    try:
        for _ in range(4):
            with VideoReader(path, parallel=False) as reader:
                assert len(list(reader)) == 10
            left.append(len(list(Path("/proc/self/task").iterdir())))
    finally:
        gc.enable()
    assert left[1:] == left[:1] * 3


def test_a_live_source_that_gives_nothing_readable_ends(tmp_path: Path, clip: Path, monkeypatch: Any) -> None:
    """Reads that fail are repeated, and not for ever."""
    path = tmp_path / "a.mp4"
    path.write_bytes(clip.read_bytes())
    with VideoReader(f"file://{path}") as reader:

        class Broken:
            format, streams = reader._container.format, reader._container.streams

            def demux(self, *_: object) -> Any:
                raise av.error.InvalidDataError(1, "invalid")

            def close(self) -> None: ...

        whole, reader._container = reader._container, Broken()
        with pytest.raises(VideoError, match="breaks off after 0 frames"):
            list(reader)
        assert reader.corrupt == video.MOST_FAILURES + 1
        reader._container = whole
