"""The poses of each person in a recording as arrays, and what cannot be used, counted by stage and reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from co_perception.data.annotations.intervals import Interval
from co_perception.data.bags.bag_file import SKELETONS, Bag, StampedMessage
from co_perception.data.bags.bag_frames import counted_messages
from co_perception.data.bags.recorded_clock import RecordedClock
from co_perception.data.messages.decoding_counts import MALFORMED
from co_perception.data.messages.people import once_each, poses_of, unit_refusal, unknown_axes
from co_perception.data.parsing import NOT_FOUND, Skipped, parse_errors
from co_perception.engine.stage_counts import NOBODY, Stage, StageCounts
from co_perception.engine.stamp_order import Order, StampOrder
from co_perception.engine.target import Pose
from co_perception.skeletons.layouts import LAYOUTS
from co_perception.skeletons.layouts import layout as layout_called
from co_perception.skeletons.mapping import convert
from co_perception.skeletons.separate_people import SeparatePeople

TWICE = "with an id that was given twice in one frame: the first one is taken"
SURPLUS = "without an id, in frames that show another one more certainly"
OVERTAKEN = "that were recorded after a newer one, as its node leaves them out"
DOUBLE = "that are part of another one, or the same person again: they are joined"
REPEATED = "with the stamp of the one before"
REPORTED = 1000  # messages between two reports of progress: some seconds


@dataclass(frozen=True, eq=False)
class PoseStream:
    """All poses of one person in one recording.

    Args:
        subject: the tracker's id; empty where poses carry none.
        stamps_ns: (n,) rising, nanoseconds.
        joints: (n, V, 3) of x, y [pixels], score or (n, V, 4) of x, y, z [metres], score.
        coordinates: unit and axes, as of a `Pose`.
    """

    subject: str
    stamps_ns: NDArray[np.int64]
    joints: NDArray[np.float32]
    layout: str
    coordinates: str

    def during(self, interval: Interval) -> PoseStream:
        """The part that lies in an interval; may be empty."""
        inside = (self.stamps_ns >= interval.start_ns) & (self.stamps_ns < interval.end_ns)
        return replace(self, stamps_ns=self.stamps_ns[inside], joints=self.joints[inside])

    def __len__(self) -> int:
        return len(self.stamps_ns)


def pose_streams(
    bag: Bag, layout: str, skipped: Skipped, topic: str | None = None, counts: StageCounts | None = None
) -> tuple[list[PoseStream], RecordedClock]:
    """The poses of each person in `layout`, by id, and the clock that stamps them.

    Messages that came late or repeat a stamp are left out, as the node does. Stamps that jump back begin streams of
    their own. Where poses carry no ids, the most certain one of each frame is taken; of two with one id, the first.
    What cannot be used goes to `skipped` and `counts`. Raises BagError where there is no such topic.
    """
    own, topic = StageCounts(), bag.topic(SKELETONS, topic)
    frames = read_frames(bag, topic, own)
    for line in [*_in_words(own), *bag.damage]:
        skipped.add(bag.path, line)
    streams = [_stream(subject, poses, layout, bag, skipped, own) for (_, subject), poses in sorted(frames.items())]
    if counts is not None:
        counts += own
    return [stream for stream in streams if stream is not None], bag.clock(topic)


def read_frames(
    bag: Bag,
    topic: str,
    counts: StageCounts,
    still: bool = True,
    on_read: Callable[[int, int], object] = lambda done, total: None,
) -> dict[tuple[int, str], list[tuple[int, Pose]]]:
    """The usable poses with their stamps [ns], by the part of the recording and the id; an empty list for none.

    Args:
        still: without the camera's own motion; else as they lie in the pictures.
        on_read: called after each `REPORTED` messages with the number that was read, and the number of all.
    """
    frames: dict[tuple[int, str], list[tuple[int, Pose]]] = defaultdict(list)
    separate = SeparatePeople()
    messages = _reported(counted_messages(bag, topic, counts), bag.count(topic), on_read)
    for part, found in _in_order(messages, counts):
        for pose in _read_poses(found, counts, separate, still):
            known = frames[part, pose.id]
            if not pose.found.any():
                counts.lose(Stage.POSES, "no joint found", detail=f"no joint was found. {NOT_FOUND}")
            elif known and known[-1][0] == found.stamp_ns:  # the node takes the first one too
                counts.lose(Stage.POSES, TWICE)
            else:
                known.append((found.stamp_ns, pose))
                counts.add(Stage.POSES)
                counts.add(Stage.CLOCK)
    return frames


def _reported(
    messages: Iterable[StampedMessage], total: int, on_read: Callable[[int, int], object]
) -> Iterator[StampedMessage]:
    for number, found in enumerate(messages, 1):
        if number % REPORTED == 0:
            on_read(number, total)
        yield found


def _in_order(messages: Iterable[StampedMessage], counts: StageCounts) -> Iterator[tuple[int, StampedMessage]]:
    """The messages whose stamps rise, each with the number of jumps back before it; the others are counted."""
    order, part = StampOrder(), 0
    for found in messages:
        placement = order.place(found.stamp_ns)
        if placement.order == Order.LATE:
            counts.lose(Stage.CLOCK, OVERTAKEN)
        elif placement.order == Order.DUPLICATE:
            counts.lose(Stage.CLOCK, REPEATED)
        else:
            part += placement.back
            yield part, found


def _read_poses(found: StampedMessage, counts: StageCounts, separate: SeparatePeople, still: bool) -> list[Pose]:
    """The poses of one message; of those without an id the most certain one."""
    try:
        with parse_errors("a message of skeletons", "one with the fields of SkeletonArray"):
            refusal, poses = unknown_axes(found.message), poses_of(found.message, still=still)
    except ValueError as error:
        counts.lose(Stage.DECODED, MALFORMED, detail=str(error))
        return []
    counts.add(Stage.DECODED)
    if not poses:
        counts.lose(Stage.PEOPLE, NOBODY)
        return []
    counts.add(Stage.PEOPLE)
    if refusal:
        counts.lose(Stage.POSES, refusal.kind, len(poses), refusal.why)
        return []
    refusals = [unit_refusal(pose) for pose in poses]
    for refusal in filter(None, refusals):
        counts.lose(Stage.POSES, refusal.kind, 1, refusal.why)
    poses = [pose for pose, refusal in zip(poses, refusals, strict=True) if refusal is None]
    known = [pose for pose in poses if pose.layout in LAYOUTS and len(pose) == len(LAYOUTS[pose.layout])]
    if len(known) == len(poses) and len({pose.id for pose in poses}) == len(poses):
        poses, joined = once_each(poses, separate, found.stamp_ns)
        counts.lose(Stage.POSES, DOUBLE, len(joined))
    nameless = [pose for pose in poses if not pose.id]
    best = max(nameless, key=lambda pose: pose.confidence, default=None)
    counts.lose(Stage.POSES, SURPLUS, len(nameless) - 1)
    return [pose for pose in poses if pose.id or pose is best]


def _in_words(counts: StageCounts) -> Iterator[str]:
    """A line for each reason for which messages or poses were left out."""
    for stage, what in ((Stage.DECODED, "messages"), (Stage.POSES, "poses"), (Stage.CLOCK, "messages")):
        count = counts.stages[stage]
        for reason, number in count.lost.items():
            detail = count.details.get(reason)
            yield f"{number} {what}: {detail}" if detail else f"{number} {what} {reason}"


def _stream(
    subject: str, stamped: Sequence[tuple[int, Pose]], layout: str, bag: Bag, skipped: Skipped, counts: StageCounts
) -> PoseStream | None:
    """The poses of one person as arrays: those of the layout and the channels of the first one."""
    if not stamped:
        skipped.add(bag.path, f"no joint of {subject!r} was found. {NOT_FOUND}")
        return None
    first = stamped[0][1]
    fitting = [(ns, pose) for ns, pose in stamped if pose.kind == first.kind]
    other = len(stamped) - len(fitting)
    if other:
        skipped.add(bag.path, f"{other} poses of {subject!r} in another layout or other axes than its first")
    try:
        joints = np.stack([pose.data for _, pose in fitting])
        joints = convert(joints, layout_called(first.layout), layout_called(layout))
    except ValueError as error:
        skipped.add(f"{bag.path} {subject}", error)
        counts.add(Stage.POSES, -len(stamped))
        counts.lose(Stage.POSES, f"layout {first.layout!r} that cannot be made {layout!r}", len(stamped), str(error))
        return None
    counts.add(Stage.POSES, -other)
    counts.lose(Stage.POSES, "in another layout or other axes than the person's first", other)
    stamps_ns = np.array([stamp_ns for stamp_ns, _ in fitting], np.int64)
    return PoseStream(subject, stamps_ns, joints, layout, first.coordinates)
