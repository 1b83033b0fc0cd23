"""Video files, cameras and network streams as frames, and frames as a video file. PyAV is imported here only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class VideoError(OSError):
    """A source that cannot be opened as video, or that breaks off; says what to look at."""


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
    """One picture, (H, W, 3) uint8 RGB, and when it was taken: seconds since the first frame of its source."""

    pixels: Pixels
    time_s: float


class VideoReader:
    """One open file, camera or stream; iterate over its frames once.

    Args:
        source: a file, a camera index ("0" is /dev/video0), or a URL (rtsp://, http://, ...).
        short_side: resize so that the shorter side has this many pixels; 0 keeps the size. Never enlarges.
        parallel: decode several frames at once, on threads of its own with memory of their own.

    Raises: FileNotFoundError for a file that is not there; VideoError where it cannot be opened or has no picture in
        it; ImportError without PyAV.
    """

    def __init__(self, source: str, short_side: int = 0, parallel: bool = True) -> None:
        self.source = source
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

    @property
    def rate_hz(self) -> float:
        """Frames per second as the source declares them; 0 where it does not."""
        return float(self._stream.average_rate or 0)

    @property
    def frames(self) -> int | None:
        """Number of frames as the file declares it; None where unknown, and for live sources."""
        return None if self.live else (self._stream.frames or None)

    def __iter__(self) -> Iterator[VideoFrame]:
        """Frames in the order they are shown.

        Raises: VideoError where the data is damaged or ends early; every frame before that has been given.
        """
        count, first_s = 0, None
        try:
            for decoded in self._container.decode(self._stream):
                if decoded.is_corrupt:
                    raise VideoError(f"{self.source} is damaged at frame {count}: the rest is not played.")
                time_s = decoded.time if decoded.time is not None else count / (self.rate_hz or 30.0)
                first_s = time_s if first_s is None else first_s
                yield VideoFrame(self._pixels(decoded), time_s - first_s)
                count += 1
        except self._av.error.FFmpegError as error:
            raise VideoError(f"{self.source} breaks off after {count} frames: {error.strerror}.") from error
        if not self.live and self._ended_early(count):
            raise VideoError(f"{self.source} declares {self.frames} frames and ends after {count}: it is cut off.")

    def close(self) -> None:
        """Lets go of the device or file. May be repeated."""
        self._container.close()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _open(self) -> Any:
        where, options = self.source, dict[str, Any]()
        if self.source.isdigit():
            where, options = f"/dev/video{self.source}", {"format": "v4l2"}
        elif self.live:
            options = {"timeout": (10.0, 10.0)}
            if self.source.startswith("rtsp"):
                options["options"] = {"rtsp_transport": "tcp"}
        elif not Path(self.source).is_file():
            raise FileNotFoundError(
                f"there is no file {self.source}. A source is a file, a camera index such as 0, or a URL."
            )
        try:
            return self._av.open(where, **options)
        except (self._av.error.FFmpegError, OSError) as error:
            raise VideoError(
                f"{where} cannot be opened as video: {error.strerror or error}. {_hint(self.source)}"
            ) from error

    def _pixels(self, decoded: Any) -> Pixels:
        width, height = fitted(decoded.width, decoded.height, self._short_side)
        return np.asarray(decoded.to_ndarray(format="rgb24", width=width, height=height))

    def _ended_early(self, count: int) -> bool:
        # Edit lists hide a frame or two of a whole file; what is cut off lacks more.
        return self.frames is not None and count < self.frames - max(2, self.frames // 50)


class VideoWriter:
    """Writes (H, W, 3) uint8 RGB frames of one size into a file a browser plays. Close it, or use it in a `with`.

    The first frame fixes the size; an odd last row or column is left out, as the common codecs need even sizes.
    """

    def __init__(self, path: Path | str, rate_hz: float) -> None:
        self._av = pyav()
        self._container = self._av.open(str(path), "w")
        self._rate = Fraction(rate_hz).limit_denominator(1001)
        self._stream: Any = None

    def write(self, pixels: Pixels) -> None:
        """Appends one frame."""
        height, width = (side // 2 * 2 for side in pixels.shape[:2])
        if self._stream is None:
            self._stream = self._begin(width, height)
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), format="rgb24")
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Writes what is still in work. May be repeated."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())
            self._stream = None
        self._container.close()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _begin(self, width: int, height: int) -> Any:
        codec = "libx264" if "libx264" in self._av.codecs_available else "mpeg4"
        stream = self._container.add_stream(codec, rate=self._rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if codec == "libx264":
            stream.options = {"crf": "23", "preset": "veryfast", "threads": "1"}
        else:
            stream.bit_rate = 2_000_000
        return stream


def is_live(source: str) -> bool:
    """Whether `source` gives frames at its own pace: a camera index, a device, or a URL."""
    return source.isdigit() or source.startswith("/dev/") or "://" in source


def fitted(width: int, height: int, short_side: int) -> tuple[int, int]:
    """(width, height) scaled down so that the shorter side is `short_side`; unchanged for 0, or where it is smaller."""
    shorter = min(width, height)
    if short_side == 0 or shorter <= short_side:
        return width, height
    return max(1, round(width * short_side / shorter)), max(1, round(height * short_side / shorter))


def _hint(source: str) -> str:
    if source.isdigit() or source.startswith("/dev/"):
        return "Is the camera plugged in, is it used by another program, and is this user in the group video?"
    if is_live(source):
        return "Is the address right, and does it play in another program on this machine?"
    return "The file is not a video, is cut off before its index, or uses a codec this machine lacks."
