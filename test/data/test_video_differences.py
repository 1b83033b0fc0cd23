"""Videos by every encoder and in every container that PyAV ships: pictures and times are those that were drawn, and
as many as OpenCV has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.processes import own_scheduling

av = pytest.importorskip("av")
cv2 = pytest.importorskip("cv2")

from co_perception.data.video import VideoReader  # noqa: E402

RATE_HZ = 25
CODECS = [
    "mpeg4", "libx264", "libx265", "libvpx", "libvpx-vp9", "libsvtav1", "libaom-av1", "mjpeg", "mpeg1video",
    "mpeg2video", "h263p", "flv", "msmpeg4v2", "msmpeg4", "wmv1", "wmv2", "huffyuv", "ffvhuff", "ffv1", "png", "gif",
    "prores", "cinepak", "svq1", "snow", "utvideo", "qtrle", "jpeg2000",
]  # fmt: skip
PRESENTATION = ["mp4", "mov", "mkv", "webm", "ts", "flv", "nut", "3gp"]  # they store when a picture is shown
STEADY = [
    "avi", "asf", "wmv", "mxf", "ogv", "gif", "m4v", "h264", "hevc", "mjpeg", "ivf", "apng", "mpg", "vob",  # or not
]  # fmt: skip
WITH_B_FRAMES = ("mpeg4", "libx264", "libx265", "mpeg1video", "mpeg2video")
PACKETS = ["mpg", "vob"]  # MPEG-PS: a time for each packet of one picture or several
REMUXED = ("mpeg4", "libx264", "libx265", "mpeg2video", "libvpx-vp9", "mjpeg")
JUMPS = [0, 1, 2, 3, 5, 8, 9, 10, 14, 15, 16, 17, 18, 20, 22, 24, 25, 26, 27, 28, 29, 30, 31, 40]
LEVELS = [20 + 8 * n for n in range(24)]
DECODED = ["avi", "asf", "wmv"]  # they store when a picture is decoded: of as many at the end as wait, nothing
RHYTHMS = {"jumps": JUMPS, "half the rate": range(0, 48, 2), "film on video": [n * 3 // 2 for n in range(24)]}


def encoded(path: Path, codec: str, ticks: Sequence[int], **options: str) -> bool:
    """Writes 24 pictures, ever brighter, shown at `ticks` of 1/25 s, with B-frames where the codec has them.

    Whether there is such a codec, and the container takes it.
    """
    if codec not in av.codecs_available:
        return False
    try:
        with own_scheduling(), av.open(str(path), "w", options=options) as container:
            out = container.add_stream(codec, rate=RATE_HZ)
            formats = [each.name for each in out.codec_context.codec.video_formats or ()] or ["yuv420p"]
            out.width, out.height, out.bit_rate = 64, 64, 2_000_000
            out.pix_fmt = next((each for each in ("yuvj420p", "yuv420p") if each in formats), formats[0])
            out.codec_context.max_b_frames = 2 if codec in WITH_B_FRAMES else 0
            for tick, level in zip(ticks, LEVELS, strict=True):
                picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), level, np.uint8), format="rgb24")
                picture.pts, picture.time_base = tick, Fraction(1, RATE_HZ)
                container.mux(out.encode(picture))
            container.mux(out.encode())
    except (av.FFmpegError, ValueError):
        return False
    return True


def remuxed(path: Path, to: Path, from_s: float = 0.0) -> bool:
    """Copies the coded pictures into another container, as `ffmpeg -c copy`; whether it takes them."""
    try:
        with av.open(str(path)) as source, av.open(str(to), "w") as out:
            copy = out.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    later = round(from_s / packet.time_base)
                    packet.pts, packet.dts, packet.stream = packet.pts + later, packet.dts + later, copy
                    out.mux(packet)
    except (av.FFmpegError, ValueError):
        return False
    return True


def check(path: Path, ticks: Sequence[int]) -> None:
    """Raises AssertionError where the reader gives other pictures or times than were drawn, or OpenCV has others."""
    with VideoReader(str(path), parallel=False) as reader:
        frames = list(reader)
    assert [frame.pixels.mean() for frame in frames] == pytest.approx(LEVELS, abs=8), path.name
    wanted = [(tick - ticks[0]) / RATE_HZ for tick in ticks]
    assert [frame.time_s for frame in frames] == pytest.approx(wanted, abs=2e-3), path.name
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if capture.isOpened() and capture.grab():  # its FFmpeg lacks some decoders
        assert 1 + sum(iter(capture.grab, False)) == len(frames), path.name


def decodable(paths: Iterable[Path]) -> list[Path]:
    """Those that PyAV itself can open and decode whole: some muxers write what no demuxer knows."""
    found = []
    for path in paths:
        try:
            with av.open(str(path)) as container:
                whole = [not frame.is_corrupt for frame in container.decode(video=0)]
                found += [path] if whole == [True] * len(LEVELS) else []
        except (av.FFmpegError, IndexError):
            pass
    return found


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_in_every_container_at_a_constant_rate(tmp_path: Path, codec: str) -> None:
    ticks = range(len(LEVELS))
    made = (tmp_path / f"a.{box}" for box in PRESENTATION + STEADY if encoded(tmp_path / f"a.{box}", codec, ticks))
    found = decodable(made)
    if codec not in av.codecs_available:
        pytest.skip(f"PyAV without {codec}")
    assert found
    for path in found:
        check(path, ticks)


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_at_a_variable_rate(tmp_path: Path, codec: str) -> None:
    made = (tmp_path / f"a.{box}" for box in PRESENTATION if encoded(tmp_path / f"a.{box}", codec, JUMPS))
    for path in decodable(made):
        check(path, JUMPS)


@pytest.mark.parametrize("rhythm", list(RHYTHMS))
@pytest.mark.parametrize("codec", [*WITH_B_FRAMES, "mjpeg", "msmpeg4"])
def test_containers_that_store_when_pictures_are_decoded_at_a_variable_rate(
    tmp_path: Path, codec: str, rhythm: str
) -> None:
    """Pictures in the order shown, and times as drawn, but for the last ones, which wait in the decoder at the end."""
    ticks = RHYTHMS[rhythm]
    made = (tmp_path / f"a.{box}" for box in DECODED if encoded(tmp_path / f"a.{box}", codec, ticks))
    for path in decodable(made):
        with VideoReader(str(path), parallel=False) as reader:
            frames = list(reader)
        assert [frame.pixels.mean() for frame in frames] == pytest.approx(LEVELS, abs=8), path.name
        times = np.array([frame.time_s for frame in frames])
        assert times[:-2] == pytest.approx(np.array(ticks[:-2]) / RATE_HZ, abs=2e-3), path.name
        assert (np.diff(times) > 0).all() and times[-2:] == pytest.approx(np.array(ticks[-2:]) / RATE_HZ, abs=0.4)


@pytest.mark.parametrize("box", PACKETS)
@pytest.mark.parametrize("codec", ["mpeg1video", "mpeg2video"])
def test_program_streams_have_the_times_of_their_packets(tmp_path: Path, codec: str, box: str) -> None:
    """Noise makes each picture larger than a packet, so that each has a time."""
    path, rng = tmp_path / f"a.{box}", np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        out = container.add_stream(codec, rate=RATE_HZ)
        out.width, out.height, out.bit_rate, out.pix_fmt = 320, 240, 20_000_000, "yuv420p"
        out.codec_context.max_b_frames = 2
        for tick, level in zip(JUMPS, LEVELS, strict=True):
            noise = rng.integers(-20, 21, (240, 320, 3))
            picture = av.VideoFrame.from_ndarray(np.clip(level + noise, 0, 255).astype(np.uint8), format="rgb24")
            picture.pts, picture.time_base = tick, Fraction(1, RATE_HZ)
            container.mux(out.encode(picture))
        container.mux(out.encode())
    check(path, JUMPS)


@pytest.mark.parametrize("codec", REMUXED)
@pytest.mark.parametrize("source", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("from_s", [0.0, 2.0])
def test_copies_into_other_containers(tmp_path: Path, codec: str, source: str, from_s: float) -> None:
    """With from_s the first picture comes late, as in cameras' files whose sound begins before it."""
    ticks = range(len(LEVELS))
    path = tmp_path / f"a.{source}"
    if not encoded(path, codec, ticks) or not decodable([path]):
        pytest.skip(f"no {codec} in {source}")
    boxes = (box for box in PRESENTATION if box != source)
    made = (tmp_path / f"b.{box}" for box in boxes if remuxed(path, tmp_path / f"b.{box}", from_s))
    for copy in decodable(made):
        check(copy, ticks)


@pytest.mark.parametrize("flags", ["faststart", "frag_keyframe+empty_moov", "frag_every_frame+empty_moov", "dash"])
@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_layouts_of_mp4(tmp_path: Path, codec: str, flags: str) -> None:
    path, options = tmp_path / "a.mp4", dict[str, Any](movflags=flags)
    if not encoded(path, codec, JUMPS, **options):
        pytest.skip(f"PyAV without {codec}")
    check(path, JUMPS)
