"""Counts of what a new recording can be used for: messages, pictures, people, poses and marked frames."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from co_perception.data.annotations.intervals import Interval
from co_perception.data.bags.bag_file import IMAGES, SKELETONS, Bag, StampedMessage
from co_perception.data.bags.bag_frames import counted_messages, decoded, decoded_packets
from co_perception.data.bags.pose_streams import read_frames
from co_perception.data.messages.image import to_rgb
from co_perception.data.messages.video_packets import codec_of
from co_perception.engine.stage_counts import LOST_RECORDINGS, Stage, StageCounts

PICTURES = 50  # that are decoded of one topic, spread over it: a long recording is not to be decoded as a whole


def count_recording(path: Path, annotations: Sequence[Interval] | None) -> StageCounts:
    """Counts of the recording at `path`, with its annotations in stamps; None where nothing was to be annotated."""
    counts = StageCounts()
    try:
        with Bag(path) as bag:
            stamps_ns = list[int]()
            if not bag.topics:
                raise ValueError("it has no message")
            for topic, kind in sorted(bag.topics.items()):
                stamps_ns += _count_topic(bag, topic, kind, counts)
    except (OSError, ValueError) as error:
        counts.lose(Stage.MESSAGES, LOST_RECORDINGS, detail=str(error))
        return counts
    if annotations is not None:
        _count_marks(np.unique(np.array(stamps_ns, np.int64)), annotations, counts)
    return counts


def _count_topic(bag: Bag, topic: str, kind: str, counts: StageCounts) -> list[int]:
    """Counts one topic. Returns the stamps [ns] of its usable poses, of its pictures, or of all of its messages."""
    if kind in SKELETONS:
        return [stamp_ns for frames in read_frames(bag, topic, counts).values() for stamp_ns, _ in frames]
    every, stamps_ns = max(bag.count(topic) // PICTURES, 1), list[int]()
    packets = list[StampedMessage]()
    for number, found in enumerate(counted_messages(bag, topic, counts)):
        stamps_ns.append(found.stamp_ns)
        if kind in IMAGES and codec_of(found.message):  # of video the first ones, as each needs those before it
            packets += [found] if number < PICTURES else []
        elif kind in IMAGES and number % every == 0:
            _count_picture(found, counts)
    for found in decoded_packets(packets):
        _count_picture(found, counts)
    return stamps_ns


def _count_picture(found: StampedMessage, counts: StageCounts) -> None:
    with suppress(ValueError):
        decoded(partial(to_rgb, found.message), found.message, counts)


def _count_marks(stamps_ns: NDArray[np.int64], annotations: Sequence[Interval], counts: StageCounts) -> None:
    """Counts the frames in marked time, and marks without a frame. Time between two marks is no loss."""
    marked = np.zeros(len(stamps_ns), bool)
    for each in annotations:
        inside = (stamps_ns >= each.start_ns) & (stamps_ns < each.end_ns)
        marked |= inside
        if not inside.any():
            counts.lose(Stage.ANNOTATED, "marks during which no message is stamped")
    counts.add(Stage.ANNOTATED, int(marked.sum()))
    counts.leave_out(Stage.ANNOTATED, "frames outside of all marks", int((~marked).sum()))
