"""Reader of frames from video files, cameras and streams. Only this file imports PyAV."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

from co_perception.data.display import display_matrix, scaled_size, turned
from co_perception.engine.data import Pixels

NO_TIMESTAMPS = 0x80  # AVFMT_NOTIMESTAMPS, a flag of FFmpeg's formats
# FFmpeg's formats with one time for each picture, that of its decoding, which rises; FFmpeg's guesses of when a picture
# is shown run backwards with B-frames.
ONE_TIME = ("avi", "asf", "mxf")
MOST_FAILURES = 100  # reads of a live source that fail in a row until it counts as broken
MOST_LATE_S = 60.0  # of pictures after the sound; what claims more has two clocks
MISSING_GAPS = 5  # between frames whose times are there, the median of which stands for one that is missing
MOST_ASPECT = 10  # of a pixel; a damaged file can claim any, and with it any amount of memory


class VideoError(OSError):
    """A source that cannot be opened as video, or that breaks off; the text names the usual causes."""


def pyav() -> ModuleType:
    """PyAV. Raises ImportError that says how to get it."""
    try:
        import av
    except ImportError as error:
        raise ImportError(
            "reading and writing video needs PyAV, which is not installed: pip install 'co_perception[video]', or "
            f"sudo apt install python3-av. ({error})"
        ) from error
    return av


@dataclass(frozen=True)
class VideoFrame:
    """One picture, (H, W, 3) uint8 RGB, and its time in seconds since the first frame of its source."""

    pixels: Pixels
    time_s: float


class _RisingTimes:
    """Times of frames since the first one, strictly rising [s].

    A time that does not rise becomes one period after the frame before; for a rate of 0, that of an unknown one, as
    long after it as that came after its own. A time that is missing, as those of the last frames are where a file
    stores when frames are decoded, comes after as long as most of the frames before did, see `MISSING_GAPS`. Where the
    clock is set back by more than a second (streams that wrap or restart), what follows is shifted to run on.
    """

    def __init__(self, rate_hz: float) -> None:
        self._declared = rate_hz > 0
        self._period_s = 1.0 / (rate_hz or 30.0)
        self._origin_s, self._last_s = 0.0, -self._period_s
        self._gaps_s = deque[float](maxlen=MISSING_GAPS)
        self._declared_s: float | None = None  # of the frame before

    def next(self, declared_s: float | None) -> float:
        """Time of the next frame, which its container declares to be shown at `declared_s`."""
        if declared_s is not None and self._declared_s is not None and declared_s > self._declared_s:
            self._gaps_s.append(declared_s - self._declared_s)
        usual = declared_s is None and len(self._gaps_s) == MISSING_GAPS
        due_s = self._last_s + (median(self._gaps_s) if usual else self._period_s)
        self._declared_s = declared_s
        if declared_s is not None and (self._last_s < 0.0 or declared_s - self._origin_s < self._last_s - 1.0):
            self._origin_s = declared_s - due_s
        time_s = due_s if declared_s is None else declared_s - self._origin_s
        time_s = time_s if time_s > self._last_s else due_s
        if not self._declared and self._last_s >= 0.0:
            self._period_s = time_s - self._last_s
        self._last_s = time_s
        return time_s


class VideoReader(AbstractContextManager["VideoReader"]):
    """One open file, camera or stream; iterate over its frames once.

    Args:
        source: a file, a camera index (0 or "0" is /dev/video0), or a URL (rtsp://, http://, ...).
        short_side: resize so that the shorter side has this many pixels; 0 keeps the size. Never enlarges.
        parallel: decode several frames at once, on threads of its own with memory of their own.

    Raises FileNotFoundError for a file that is not there, VideoError where it cannot be opened or has no picture in it,
    ImportError without PyAV.
    """

    def __init__(self, source: str | Path | int, short_side: int = 0, parallel: bool = True) -> None:
        self.source = source = str(source)
        self.live = is_live(source)
        self._av = pyav()
        self._short_side = short_side
        self._container = self._open()
        if not self._container.streams.video:
            kinds = ", ".join(sorted({stream.type for stream in self._container.streams})) or "nothing"
            self.close()
            raise VideoError(f"{source} holds no video, only {kinds}.")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO" if parallel else "SLICE"
        self.corrupt = 0
        """Packets and frames of a live source that came damaged, and were left out."""
        self.hurries = False
        """Whether a live source decodes key frames alone, to make up for lost time. Others follow from a key frame."""
        self._stored: tuple[int, int] | None = None  # size of the latest frames
        self._in_cycle = False  # whether the frame before is freed by the garbage collector alone
        self._reformatter = self._av.video.reformatter.VideoReformatter()

    @property
    def rate_hz(self) -> float:
        """Frames per second as the source declares them; 0 where it does not."""
        return float(self._stream.average_rate or 0)

    @property
    def timed(self) -> bool:
        """Whether the source sends times; a camera's MJPEG over HTTP has none, and FFmpeg counts 25 frames a second."""
        return not self._container.format.flags & NO_TIMESTAMPS

    @property
    def frames(self) -> int | None:
        """Number of frames as the file declares it; None where unknown, and for live sources."""
        return None if self.live else (self._stream.frames or None)

    @property
    def begin_s(self) -> float:
        """How long after the beginning of a file, from which players count, its pictures begin: where its sound begins
        before them. 0 for live sources, and for what no recorder writes."""
        first, whole = self._stream.start_time, self._container.start_time
        if self.live or first is None or whole is None:
            return 0.0
        late_s = float(first * self._stream.time_base - Fraction(whole, self._av.time_base))
        return late_s if 0 <= late_s <= MOST_LATE_S else 0.0

    def __iter__(self) -> Iterator[VideoFrame]:
        """Frames in the order they are shown, with strictly rising times on the file's own clock.

        Raises VideoError where a file is damaged or ends early, after every frame before that, and where it holds no
        frame at all. What comes damaged from a live source is left out and counted: see `corrupt`.
        """
        count, clock = 0, _RisingTimes(self.rate_hz)
        decoding_times = self._container.format.name in ONE_TIME
        try:
            for decoded in self._decoded():
                if decoded.is_corrupt and self.live:
                    self.corrupt += 1
                    continue
                if decoded.is_corrupt:
                    raise VideoError(f"{self.source} is damaged at frame {count}: the rest is not played.")
                if self.live:
                    self._choose_frames(bool(decoded.key_frame))
                pixels = self._shown(decoded)
                ticks = decoded.dts if decoding_times else decoded.pts
                yield VideoFrame(pixels, clock.next(None if ticks is None else float(ticks * self._stream.time_base)))
                count += 1
        except self._av.error.FFmpegError as error:
            raise VideoError(f"{self.source} breaks off after {count} frames: {error.strerror}.") from error
        # Some files count a frame or two that they do not hold, or null frames at the end; what is cut off lacks more.
        declared = self._declared_packets
        if declared is not None and self._packets < declared - max(2, declared // 50, self._largest_gap):
            raise VideoError(f"{self.source} declares {declared} frames and ends after {self._packets}: it is cut off.")
        if not count and not self.live:
            raise VideoError(f"{self.source} describes a video and holds no picture of it: is it one part of several?")

    def _choose_frames(self, key_frame: bool) -> None:
        """What is decoded next: a frame between key frames needs the one before it."""
        context = self._stream.codec_context
        if self.hurries:
            context.skip_frame = "NONKEY"
        elif key_frame:
            context.skip_frame = "DEFAULT"

    def close(self) -> None:
        """Closes the device or file. May be repeated."""
        self._container.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _declared_packets(self) -> int | None:
        """Coded frames that the file should give; fewer than it holds where an edit list leaves out whole parts."""
        entries = len(getattr(self._stream, "index_entries", ()))
        if self.frames is None or "mp4" not in self._container.format.name:
            return self.frames
        return entries or self.frames

    def _decoded(self) -> Iterator[Any]:
        """Decoded frames; counts the packets, as an edit list (a trimmed mp4) hides frames that must be decoded.

        AVI declares its null frames too, chunks without data that repeat the picture before; its times count them.
        """
        self._packets = self._largest_gap = 0
        avi = self._container.format.name == "avi"
        for packet in self._live_packets() if self.live else self._container.demux(self._stream):
            if packet.dts is not None:
                count = packet.dts + 1 if avi else self._packets + 1
                self._largest_gap = max(self._largest_gap, count - self._packets)
                self._packets = count
            try:
                yield from packet.decode()
            except self._av.error.FFmpegError:
                if not self.live:
                    raise
                self.corrupt += 1

    def _live_packets(self) -> Iterator[Any]:
        """The packets of a live source; reads that fail for what came are counted and repeated."""
        failures, ended = 0, False
        while not ended:
            try:
                for packet in self._container.demux(self._stream):
                    failures = 0
                    yield packet
                ended = True
            except self._av.error.InvalidDataError:
                failures, self.corrupt = failures + 1, self.corrupt + 1
                if failures > MOST_FAILURES:
                    raise

    def _shown(self, decoded: Any) -> Pixels:
        """RGB picture as players show it: pixels made square, then turned by the display matrix of phones.

        Both are looked up where the size changes, so at the first frame. PyAV's frame and its side data refer to each
        other: such a frame, with all that it owns, is freed by the garbage collector alone.
        """
        stored = decoded.width, decoded.height
        self._in_cycle, in_cycle = False, self._in_cycle
        if in_cycle:  # the frame before; a camera that loops would otherwise keep one for each round
            gc.collect(1)
        if stored != self._stored:
            aspect = self._stream.sample_aspect_ratio or 1
            square = max(1, round(stored[0] * aspect)) if MOST_ASPECT >= aspect >= 1 / MOST_ASPECT else stored[0]
            self._size = scaled_size(square, stored[1], self._short_side)
            self._stored, self._in_cycle = stored, True
            self._matrix = display_matrix(decoded)
        width, height = self._size
        pixels = self._reformatter.reformat(decoded, width, height, format="rgb24").to_ndarray()
        return pixels if self._matrix is None else turned(pixels, self._matrix)

    def _open(self) -> Any:
        where, options = self.source, dict[str, object]()
        if self.source.isdigit():
            where, options = f"/dev/video{self.source}", {"format": "v4l2"}
        elif self.live:
            # What is read to find out about the stream is late by as much when it is shown.
            found = {"analyzeduration": "500000"}
            options = {"timeout": (10.0, 10.0), "options": found}
            if self.source.startswith("rtsp"):
                found["rtsp_transport"] = "tcp"
        elif not Path(self.source).is_file():
            raise FileNotFoundError(
                f"there is no file {self.source}. A source is a file, a camera index such as 0, or a URL."
            )
        try:
            return self._av.open(where, metadata_errors="replace", **options)
        except (self._av.error.FFmpegError, OSError) as error:
            hint = "The file is not a video, is cut off before its index, or uses a codec this machine lacks."
            if where.startswith("/dev/"):
                hint = "Is the camera plugged in, is it used by another program, and is this user in the group video?"
            elif self.live:
                hint = "Is the address right, and does it play in another program on this machine?"
            raise VideoError(f"{where} cannot be opened as video: {error.strerror or error}. {hint}") from error


def is_live(source: str) -> bool:
    """Whether `source` gives frames at its own pace: a camera index, a device, or a URL."""
    return source.isdigit() or source.startswith("/dev/") or "://" in source
