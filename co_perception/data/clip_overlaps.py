"""Clips of data sets that show frames of other clips: parts, longer cuts and copies in another container."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from co_perception.data.known_content import LEAST_SHARED, content_digests
from co_perception.data.parsing import Skipped
from co_perception.data.samples import Sample, Samples

MOST_COMPARED = 5000  # clips; all frames of more would not fit into the memory of a small machine


def joined_overlaps(samples: Samples) -> tuple[Samples, Skipped]:
    """The clips, each frame of them in one group only, and a report of what was changed.

    A clip is left out where more than half of its different frames were in an earlier one of another group. One that
    shares fewer, but `LEAST_SHARED` at least, gets the group and recording of the earlier one: no split parts them.
    Every clip is read once; of more than `MOST_COMPARED` none is, which is told. Those that cannot be read stay.
    """
    skipped = Skipped()
    if len(samples) > MOST_COMPARED:
        skipped.add(f"{len(samples)} clips", f"frames of more than {MOST_COMPARED} clips are not compared")
        return samples, skipped
    takes, recordings = samples.units("group"), samples.units("recording")
    first: dict[bytes, int] = {}  # frame: the clip that had it first
    items = list[Sample]()
    for number, item in enumerate(samples.items):
        try:
            frames = set(content_digests(item.read()))
        except (OSError, ValueError):  # it is reported where it is used
            frames = set()
        shared = defaultdict[int, int](int)
        for frame in frames:
            if frame in first and takes[first[frame]] != takes[number]:
                shared[first[frame]] += 1
        other, count = max(shared.items(), key=lambda each: each[1], default=(number, 0))
        if count >= LEAST_SHARED:
            alike = f"{count} of its {len(frames)} different frames are those of {samples.items[other].source}"
            if 2 * count > len(frames):
                skipped.add(item.source, f"{alike}: they are taken once")
                continue
            skipped.add(item.source, f"{alike}: it is used, and never divided from that one")
            takes[number], recordings[number] = takes[other], recordings[other]
            item = replace(item, group=takes[other], recording=recordings[other])
        items.append(item)
        for frame in frames:
            first.setdefault(frame, number)
    return Samples(items, samples.classes), skipped
