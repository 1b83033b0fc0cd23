"""Pictures out of files, cameras and network streams, with the instant of each. No ROS in here."""

from __future__ import annotations

import glob
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from co_perception.data.video import VideoReader, is_live


@dataclass(frozen=True)
class Frame:
    """One picture: (H, W, 3) uint8 RGB.

    `time_s`: media time since the source began; None from a live source. `origin`: file, device or URL it came from.
    """

    pixels: NDArray[np.uint8]
    time_s: float | None
    origin: str = ""


class VideoSource:
    """Reads one source or a row of files, once, from first to last frame.

    Args:
        source: a video file; a pattern such as `/data/cam*.mp4`, whose files are played in name order as one video;
            several of these with commas between them; a camera index such as "0"; a device such as /dev/video0; or a
            URL (rtsp://, http://).
        short_side: shrinks larger pictures to this many pixels on the short side; 0 leaves them.
        problem: told in words what went wrong after the first frame, such as a file that ends too early; reading goes
            on with the next file of the row.
        gap_s: time added between the files of a row; 0 lets them run on as one video.

    Raises: ValueError for an empty `source`, FileNotFoundError for a file that is not there, OSError for one that
        cannot be read as video or a camera that does not open; each says what to try.
    """

    def __init__(
        self,
        source: str,
        short_side: int = 0,
        problem: Callable[[str], None] = lambda text: None,
        gap_s: float = 0.0,
    ) -> None:
        self._names = resolve(source)
        self.live = is_live(self._names[0])
        self._short_side, self._gap_s, self._problem = short_side, gap_s, problem
        self._reader = self._open(self._names[0])
        self._closed = False

    @property
    def rate_hz(self) -> float:
        """Frames per second as the present file names it; 30 where it names nothing sensible."""
        rate = self._reader.rate_hz
        return rate if 0 < rate <= 1000 else 30.0

    def frames(self) -> Iterator[Frame]:
        """The frames, oldest first, with time running on from file to file. Can be gone through once."""
        begin_s = 0.0
        for index, name in enumerate(self._names):
            if index and not self._turn_to(name):
                continue
            begin_s = (yield from self._frames_of(name, begin_s)) + self._gap_s

    def close(self) -> None:
        """Lets go of file or device and ends `frames`. May be repeated."""
        self._closed = True
        self._reader.close()

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _open(self, name: str) -> VideoReader:
        # Played at its own pace a video needs no more than a thread, and other nodes need theirs.
        return VideoReader(name, self._short_side, parallel=False)

    def _turn_to(self, name: str) -> bool:
        self._reader.close()
        try:
            self._reader = self._open(name)
        except OSError as error:
            self._problem(str(error))
            return False
        return True

    def _frames_of(self, name: str, begin_s: float) -> Generator[Frame, None, float]:
        """The frames of the open file; gives the time at which the next file begins."""
        period_s = 1.0 / self.rate_hz
        time_s, count = begin_s - period_s, 0
        try:
            for frame in self._reader:
                # Some containers give no time at all, or the same twice: then the nominal period carries on.
                told_s = begin_s + frame.time_s
                time_s = told_s if told_s > time_s else time_s + period_s
                count += 1
                yield Frame(frame.pixels, None if self.live else time_s, name)
                if self._closed:
                    return time_s + period_s
        except OSError as error:
            self._problem(str(error))
        else:
            if self.live:
                self._problem(f"{name} stopped sending after {count} frames: was it unplugged, or the stream closed?")
        return time_s + period_s


def resolve(source: str) -> list[str]:
    """The files in the order they are played, or the one device or URL. Raises as `VideoSource`."""
    if not source:
        raise ValueError(
            "no source given: set the parameter source to a video file, a camera index such as 0, or a URL."
        )
    if is_live(source) or Path(source).is_file():
        return [source]
    return [name for part in source.split(",") for name in _matches(part.strip())]


def _matches(part: str) -> list[str]:
    names = [part] if Path(part).is_file() else sorted(glob.glob(part))
    if not names:
        raise FileNotFoundError(
            f"no file matches {part!r}: give an existing video file, a camera index such as 0, or a URL."
        )
    return names
