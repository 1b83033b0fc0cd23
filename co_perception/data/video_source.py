"""Sources that a camera node plays, without ROS: video files one after the other, a camera, or a network stream."""

from __future__ import annotations

import glob
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from co_perception.data.video import VideoReader, is_live
from co_perception.engine.data import Pixels
from co_perception.engine.paths import expanded


@dataclass(frozen=True)
class SourceFrame:
    """One picture, (H, W, 3) uint8 RGB, its media time since the source began [s], and its source.

    The time is None for a live source that sends no times: its frames are of the moment in which they come.
    """

    pixels: Pixels
    time_s: float | None
    origin: str = ""


class VideoSource(AbstractContextManager["VideoSource"]):
    """Reads one source or a row of files, once, from first to last frame.

    Args:
        source: a video file; a pattern such as `/data/cam*.mp4`, whose files are played in name order as one video;
            several of these with commas between them; ~ is the home directory; a camera index such as "0"; a device
            such as /dev/video0; or a URL (rtsp://, http://).
        short_side: shrinks larger pictures to this many pixels on the short side; 0 leaves them.
        problem: called with a text for what goes wrong after the first frame, such as a file that ends too early;
            reading goes on with the next file of the row.
        gap_s: time added between the files of a row, seconds; 0 lets them run on as one video.
        corrupt: called with the number of frames of a live source that came damaged, and were left out.

    Raises ValueError for an empty `source`, FileNotFoundError for a file that is not there, and OSError for a file that
    cannot be read as video, or a camera that does not open.
    """

    def __init__(
        self,
        source: str,
        short_side: int = 0,
        problem: Callable[[str], None] = lambda text: None,
        gap_s: float = 0.0,
        corrupt: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._names = resolve(source)
        self.live = is_live(self._names[0])
        self._short_side, self._gap_s, self._problem, self._corrupt = short_side, gap_s, problem, corrupt
        self._reader = self._open(self._names[0])
        self._closed = False

    @property
    def hurries(self) -> bool:
        """Whether a live source decodes key frames alone, see `VideoReader.hurries`; may be set at any time."""
        return self._reader.hurries

    @hurries.setter
    def hurries(self, value: bool) -> None:
        self._reader.hurries = value

    @property
    def rate_hz(self) -> float:
        """Frames per second as the present file names it; 30 where it names nothing sensible."""
        rate = self._reader.rate_hz
        return rate if 0 < rate <= 1000 else 30.0

    def frames(self) -> Iterator[SourceFrame]:
        """The frames, oldest first, with time running on from file to file. Can be gone through once."""
        begin_s = 0.0
        for index, name in enumerate(self._names):
            if index:
                self._reader.close()
                try:
                    self._reader = self._open(name)
                except OSError as error:
                    self._problem(str(error))
                    continue
            begin_s = (yield from self._frames_of(name, begin_s)) + self._gap_s

    def close(self) -> None:
        """Closes the file or device and ends `frames`. May be repeated."""
        self._closed = True
        self._reader.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, name: str) -> VideoReader:
        # Played at its own pace a video needs no more than a thread, and other nodes need theirs.
        return VideoReader(name, self._short_side, parallel=False)

    def _frames_of(self, name: str, begin_s: float) -> Generator[SourceFrame, None, float]:
        """The frames of the open file; gives the time at which the next file begins."""
        period_s = 1.0 / self.rate_hz
        time_s, count, reported = begin_s - period_s, 0, 0
        try:
            for frame in self._reader:
                reported = self._tell_corrupt(reported)
                # Some containers give no time at all, or the same twice: then the nominal period carries on.
                declared_s = begin_s + frame.time_s
                time_s = declared_s if declared_s > time_s else time_s + period_s
                count += 1
                timed = not self.live or self._reader.timed
                yield SourceFrame(frame.pixels, time_s if timed else None, name)
                if self._closed:
                    return time_s + period_s
        except OSError as error:
            self._problem(str(error))
        else:
            self._tell_corrupt(reported)
            if self.live:
                self._problem(f"{name} stopped sending after {count} frames: was it unplugged, or the stream closed?")
        return time_s + period_s

    def _tell_corrupt(self, reported: int) -> int:
        """Tells how many frames came damaged beside those `reported` before; gives the number of all."""
        if self._reader.corrupt > reported:
            self._corrupt(self._reader.corrupt - reported)
        return self._reader.corrupt


def resolve(source: str) -> list[str]:
    """The files in the order they are played, or the one device or URL. Raises as `VideoSource`."""
    if not source:
        raise ValueError(
            "no source given: set the parameter source to a video file, a camera index such as 0, or a URL."
        )
    if is_live(source):
        return [source]
    if Path(whole := expanded(source)).is_file():
        return [whole]
    names = list[str]()
    for part in (expanded(each.strip()) for each in source.split(",")):
        matches = [part] if Path(part).is_file() else sorted(glob.glob(part))
        if not matches:
            raise FileNotFoundError(
                f"no file matches {part!r}: give an existing video file, a camera index such as 0, or a URL."
            )
        names += matches
    return names
