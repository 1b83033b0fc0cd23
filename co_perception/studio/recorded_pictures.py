"""Pictures of a recording by stamp, as JPEG: read where they are asked for, never as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from co_perception.data.bags.bag_file import IMAGES, Bag, StampedMessage
from co_perception.data.bags.bag_frames import decoded_packets
from co_perception.data.bags.recorded_clock import RecordedClock
from co_perception.data.messages.jpeg import to_jpeg
from co_perception.data.messages.video_packets import codec_of
from co_perception.engine.time import NANO

NEAR_NS = NANO // 4  # about where a picture is expected by the one before
WIDE_NS = 2 * NANO  # about where it is expected by the clock of the skeletons
OLD_NS = 2 * NANO  # before a time: an older picture does not show it
BACK_NS = (2 * NANO, 10 * NANO, 60 * NANO)  # how far before a time the decoding of video begins, to find a keyframe
COMPRESSED = IMAGES[1]


@dataclass(frozen=True, eq=False)
class StampedPicture:
    """A picture as JPEG, and its stamp [ns]."""

    stamp_ns: int
    jpeg: bytes


def picture_topic(topics: dict[str, str], wanted: str | None = None) -> str | None:
    """The topic of pictures that is shown: the one that is wanted, else a compressed one, which is read faster.

    None where there are no pictures. Raises: ValueError that lists those there are, for another one that is wanted.
    """
    found = sorted((kind != COMPRESSED, name) for name, kind in topics.items() if kind in IMAGES)
    names = [name for _, name in found]
    if wanted is not None and wanted not in names:
        raise ValueError(f"there are no pictures on {wanted}; there are some on: {', '.join(names) or 'no topic'}")
    return wanted or (names[0] if names else None)


class RecordedPictures:
    """The pictures on one topic of a recording. Safe to use from several threads.

    Args:
        path: of the recording.
        topic: of pictures.
        clock: of stamps beside that of the recorder.
    """

    def __init__(self, path: Path, topic: str, clock: RecordedClock) -> None:
        self._path, self._topic, self._clock = path, topic, clock
        self._lock = Lock()
        self._bag: Bag | None = None
        self._ahead_ns: int | None = None  # of the newest picture: when it was recorded less its stamp
        self._video: VideoCursor | None = None

    def at(self, stamp_ns: int) -> StampedPicture:
        """The newest picture at a stamp, or the first one soon after it.

        Raises:
            LookupError: where there is none within seconds.
            ValueError: for one that cannot be read, with the reason.
        """
        with self._lock:
            found = self._found(stamp_ns)
            if found is None or abs(found.stamp_ns - stamp_ns) > OLD_NS:
                raise LookupError(f"{self._path} shows no picture then")
            try:
                return StampedPicture(found.stamp_ns, to_jpeg(found.message))
            except ImportError as error:
                raise ValueError(str(error)) from error

    def _found(self, stamp_ns: int) -> StampedMessage | None:
        if self._bag is None:
            self._bag = Bag(self._path)
        if self._video is not None:
            return self._decoded(stamp_ns)
        found = None
        if self._ahead_ns is not None:
            found, later = self._between(stamp_ns, self._ahead_ns, NEAR_NS)
            if found is None or not later or found.stamp_ns > stamp_ns:  # the one looked for may lie beside this part
                found = None
        if found is None:
            found, _ = self._between(stamp_ns, self._expected_ns(stamp_ns), WIDE_NS)
        if found is not None and codec_of(found.message):
            return self._decoded(stamp_ns)
        if found is not None:
            self._ahead_ns = found.log_ns - found.stamp_ns
        return found

    def _between(self, stamp_ns: int, ahead_ns: int, about_ns: int) -> tuple[StampedMessage | None, bool]:
        """The newest picture at a stamp, else the one after it; and whether one after it was seen."""
        assert self._bag is not None
        middle_ns = stamp_ns + ahead_ns
        best: StampedMessage | None = None
        for found in self._bag.messages_between(self._topic, middle_ns - about_ns, middle_ns + about_ns):
            if found.stamp_ns > stamp_ns:
                return best or found, True
            best = found
        return best, False

    def _expected_ns(self, stamp_ns: int) -> int:
        """When a stamp was recorded less the stamp, by the clock."""
        assert self._bag is not None
        parts = self._clock.parts
        offsets = [self._bag.start_ns - part.origin_ns for part in parts]
        begins = [self._bag.start_ns + part.begin_ns for part in parts]
        fitting = [ahead for ahead, begin in zip(offsets, begins, strict=True) if stamp_ns + ahead >= begin]
        return fitting[-1] if fitting else offsets[0]

    def _decoded(self, stamp_ns: int) -> StampedMessage | None:
        """As `_found`, of video: goes on where the last question ended, or begins some seconds earlier."""
        if self._video is not None and self._video.reaches(stamp_ns):
            return self._video.until(stamp_ns)
        assert self._bag is not None
        from_ns = stamp_ns + self._expected_ns(stamp_ns)
        found = None
        for back_ns in BACK_NS:
            packets = self._bag.messages_between(self._topic, from_ns - back_ns, self._bag.end_ns)
            self._video = VideoCursor(decoded_packets(packets))
            found = self._video.until(stamp_ns)
            if found is not None and found.stamp_ns <= stamp_ns:
                break
        return found


class VideoCursor:
    """A place in a video that is decoded onwards.

    Args:
        pictures: of the topic, as `decoded_packets` gives them.
    """

    def __init__(self, pictures: Iterator[StampedMessage]) -> None:
        self._pictures = pictures
        self._current: StampedMessage | None = None
        self._next = self._read()

    def reaches(self, stamp_ns: int) -> bool:
        """Whether a picture at a stamp is found by going on for a few seconds at most."""
        return self._current is not None and 0 <= stamp_ns - self._current.stamp_ns < BACK_NS[0]

    def until(self, stamp_ns: int) -> StampedMessage | None:
        """The newest picture at a stamp, else the first one."""
        while self._next is not None and (self._current is None or self._next.stamp_ns <= stamp_ns):
            self._current, self._next = self._next, self._read()
        return self._current

    def _read(self) -> StampedMessage | None:
        shown = (each for each in self._pictures if getattr(each.message, "frame", None) is not None)
        return next(shown, None)
