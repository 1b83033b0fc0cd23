"""Files played in a row, and live sources that send damage: what is told, and that playing goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

av = pytest.importorskip("av")

from co_perception.data.video_source import VideoSource, resolve  # noqa: E402

MakeVideo = Callable[..., Path]


def played(source: object, **options: Any) -> list[tuple[int, str]]:
    """(milliseconds, file name) of every frame."""
    with VideoSource(str(source), **options) as opened:
        return [(round((frame.time_s or 0.0) * 1e3), Path(frame.origin).name) for frame in opened.frames()]


def test_files_run_on_in_the_order_given(make_video: MakeVideo) -> None:
    one, two = make_video("one.mp4", frames=3), make_video("two.mp4", frames=2)
    frames = [(0, "two.mp4"), (40, "two.mp4"), (80, "one.mp4"), (120, "one.mp4"), (160, "one.mp4")]
    assert played(f"{two},{one}") == frames
    assert played(f"{two}, {one}", gap_s=1.0)[1:3] == [(40, "two.mp4"), (1080, "one.mp4")]


def test_a_pattern_plays_in_name_order_and_a_comma_in_a_file_name_is_no_separator(make_video: MakeVideo) -> None:
    folder = make_video("cam2.mp4", frames=1).parent
    make_video("cam1.mp4", frames=1)
    assert played(folder / "cam*.mp4") == [(0, "cam1.mp4"), (40, "cam2.mp4")]
    assert played(make_video("a,b.mp4", frames=1)) == [(0, "a,b.mp4")]


def test_a_damaged_file_in_a_row_is_told_and_passed_over(make_video: MakeVideo) -> None:
    folder = make_video("1.mp4", frames=2).parent
    (folder / "2.mp4").write_text("no video")
    make_video("3.mp4", frames=2)
    problems: list[str] = []
    frames = [(0, "1.mp4"), (40, "1.mp4"), (80, "3.mp4"), (120, "3.mp4")]
    assert played(folder / "?.mp4", problem=problems.append) == frames
    assert len(problems) == 1 and "2.mp4" in problems[0]


def test_closing_ends_the_frames(make_video: MakeVideo) -> None:
    source = VideoSource(str(make_video()))
    frames = source.frames()
    next(frames)
    for _ in range(2):
        source.close()
    assert list(frames) == []


@pytest.mark.parametrize(("source", "error"), [("", ValueError), ("/nowhere/*.mp4", FileNotFoundError)])
def test_nothing_to_play_is_an_error(source: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        resolve(source)


def damaged_stream(path: Path, codec: str, container: str, damage: Callable[[bytes], bytes]) -> int:
    """60 frames of rising brightness with one packet in thirty damaged; gives the number of damaged packets."""
    rng, damaged = np.random.default_rng(3), 0
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if codec != "mjpeg":
            stream.gop_size = 5
        packets: list[Any] = []
        for level in range(60):
            picture = rng.integers(4 * level, 4 * level + 16, (48, 64, 3)).astype(np.uint8)
            packets += stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))
        for number, packet in enumerate([*packets, *stream.encode()]):
            if number % 30 == 17:
                broken = av.Packet(damage(bytes(packet)))
                broken.pts, broken.dts, broken.stream, broken.time_base = (
                    packet.pts,
                    packet.dts,
                    stream,
                    packet.time_base,
                )
                packet, damaged = broken, damaged + 1
            out.mux(packet)
    return damaged


@pytest.mark.parametrize(
    ("codec", "container", "damage"),
    [
        ("mjpeg", "mjpeg", lambda data: data[:20] + b"no picture at all" * 20),
        ("mjpeg", "nut", lambda data: b"no picture at all" * 20),
        ("libx264", "mpegts", lambda data: data[:40] + bytes(len(data) - 40)),
    ],
)
def test_one_corrupt_packet_does_not_end_a_live_source(
    tmp_path: Path, codec: str, container: str, damage: Callable[[bytes], bytes]
) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no {codec}")
    path, told, problems = tmp_path / "stream", list[int](), list[str]()
    damaged = damaged_stream(path, codec, container, damage)
    with VideoSource(f"file://{path}", problem=problems.append, corrupt=told.append) as source:
        assert source.live
        bright = [frame.pixels.mean() for frame in source.frames()]
        assert source._reader.corrupt == sum(told) > 0
    assert 60 - 12 * damaged <= len(bright) < 60 + sum(told)
    assert bright[-1] > 225, "up to the last frame"
    assert len(problems) == 1 and "stopped sending" in problems[0]
