"""Times of a video's frames, for annotations that count frames and not time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from co_perception.data.annotations.intervals import MOST_NS
from co_perception.engine.time import NANO

MISSING = (
    "its times are numbers of frames, and nothing in it tells how long a frame lasts. Convert it to a table with the "
    "rate at which it was annotated, co-perception annotations FILE --out annotations.csv --rate 30, or with --video "
    "and the annotated video, whose frames may come unevenly."
)


@dataclass(frozen=True)
class FrameTimes:
    """When each frame of a video begins, from its rate or from the times of its frames.

    Args:
        rate_hz: frames per second; 0 where there are times.
        starts_ns: of each frame, since the beginning of the video, rising; empty where there is a rate.
    """

    rate_hz: float = 0.0
    starts_ns: Sequence[int] = ()

    def __post_init__(self) -> None:
        if (self.rate_hz > 0) == bool(self.starts_ns):
            raise ValueError("frames have a rate above 0, or times, and not both.")

    @classmethod
    def of_video(cls, path: Path | str) -> FrameTimes:
        """Of all frames of a video file, which is decoded once. Raises OSError, and ValueError for one without any."""
        from co_perception.data.video import VideoReader

        with VideoReader(str(path)) as reader:
            starts_ns = [round((frame.time_s + reader.begin_s) * NANO) for frame in reader]
        if not starts_ns:
            raise ValueError(f"{path} has no frame.")
        return cls(starts_ns=starts_ns)

    @property
    def count(self) -> int | None:
        """Number of frames; None where only their rate is known."""
        return len(self.starts_ns) or None

    def start_ns(self, frame: int) -> int:
        """When a frame begins [ns]; the first one is 0, and the one after the last begins where the last one ends.

        Raises ValueError for a frame that the video does not have.
        """
        if frame < 0 or self.count is not None and frame > self.count:
            there = "" if self.count is None else f", of {self.count} frames"
            raise ValueError(f"there is no frame {frame} in the video{there}: is it the one that was annotated?")
        if self.count is None:
            start_ns = round(frame * NANO / self.rate_hz) if frame < MOST_NS else MOST_NS + 1
            if start_ns > MOST_NS:
                raise ValueError(f"frame {frame} at {self.rate_hz:g} Hz is later than a stamp can be.")
            return start_ns
        if frame < self.count:
            return self.starts_ns[frame]
        steps_ns = [later - one for one, later in zip(self.starts_ns, self.starts_ns[1:], strict=False)]
        return self.starts_ns[-1] + round(median(steps_ns or [NANO / 30]))
