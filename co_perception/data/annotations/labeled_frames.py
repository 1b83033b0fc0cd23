"""Labels of frames, as annotation tools for video export them, made intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import zip_longest

from co_perception.data.annotations.frame_times import MISSING, FrameTimes
from co_perception.data.annotations.intervals import Interval

MOST_FRAMES = 10_000_000  # of a video: four days at 30 Hz


@dataclass(frozen=True)
class LabeledFrames:
    """A label for the frames `first` to `end` (not included), counted from 0."""

    label: str
    first: int
    end: int
    subject: str = ""
    recording: str = ""


def intervals_of(labeled: Iterable[LabeledFrames], times: FrameTimes | None) -> list[Interval]:
    """Intervals in time since the start of the video, by start.

    Where one subject's frames share one frame with the next ones, that is the later ones': tools name the last frame
    of one and the first of the next, and annotators set both to the frame of the change.

    Raises ValueError where nothing tells the times, for a frame that is not in the video, and as `Interval`.
    """
    found = sorted(labeled, key=lambda each: (each.recording, each.subject, each.first, each.end))
    if found and times is None:
        raise ValueError(MISSING)
    assert times is not None or not found
    intervals = list[Interval]()
    for each, later in zip_longest(found, found[1:]):
        same = later is not None and (later.recording, later.subject) == (each.recording, each.subject)
        if later is not None and same and each.first < later.first == each.end - 1:
            each = replace(each, end=later.first)
        assert times is not None
        start_ns, end_ns = times.start_ns(each.first), times.start_ns(each.end)
        intervals.append(Interval(start_ns, end_ns, each.label, each.subject, True, each.recording))
    return intervals
