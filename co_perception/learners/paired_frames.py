"""Recorded pictures with the people found in them, paired by stamp as the node `video_activity` pairs its messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from heapq import merge

from co_perception.data.bags.bag_frames import FrameStream, RecordedFrame
from co_perception.data.messages.people import ImageWithPeople
from co_perception.engine.time import NANO
from co_perception.online.synchronizer import SKELETONS_WAIT_S, Synchronizer

PICTURES, PEOPLE = "pictures", "people"
# What becomes of messages, as the diagnostics of `video_activity` name it.
OUTDATED, LATE_PEOPLE, WAITING = "outdated", "late skeletons", "left at stop"
DOUBLED, DOUBLED_PEOPLE = "duplicate", "doubled skeletons"
UNPAIRED, ALONE = "without skeletons", "skeletons without a picture"


def paired(
    pictures: FrameStream,
    people: FrameStream,
    counts: Counter[str] | None = None,
    max_wait_s: float = SKELETONS_WAIT_S,
) -> FrameStream:
    """The pictures with people in a message of the same stamp, as `ImageWithPeople`; the others are counted.

    Args:
        pictures, people: both in the order in which they were recorded.
        counts: gets those without a partner, late and doubled ones, under the names of the node's diagnostics.
        max_wait_s: for how long a picture waits for its people, by the times of recording.
    """
    counts = Counter() if counts is None else counts
    synchronizer: Synchronizer[RecordedFrame] = Synchronizer((PICTURES, PEOPLE), max_wait_s)
    for name, frame in merge(_named(PICTURES, pictures), _named(PEOPLE, people), key=lambda entry: entry[1].log_ns):
        late, doubled = synchronizer.late, synchronizer.doubled
        groups = synchronizer.put(name, frame.stamp_ns, frame, frame.log_ns / NANO)
        counts[OUTDATED if name == PICTURES else LATE_PEOPLE] += synchronizer.late - late
        counts[DOUBLED if name == PICTURES else DOUBLED_PEOPLE] += synchronizer.doubled - doubled
        for parts in (group.parts for group in groups):
            if len(parts) == 2:
                yield replace(parts[PICTURES], read=partial(_read_both, parts[PICTURES], parts[PEOPLE]))
            else:
                counts[UNPAIRED if PICTURES in parts else ALONE] += 1
    counts[WAITING] += synchronizer.waiting


def _named(name: str, frames: FrameStream) -> Iterator[tuple[str, RecordedFrame]]:
    return ((name, frame) for frame in frames)


def _read_both(picture: RecordedFrame, people: RecordedFrame) -> ImageWithPeople:
    return ImageWithPeople(picture.read(), people.read())
