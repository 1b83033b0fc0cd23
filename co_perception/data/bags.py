"""Recordings with annotations as a data set: each person's poses, in windows of a network's own frames.

A recording holds poses of several people at whatever rate the camera had. Each of them is a stream, the annotations say
which part of it shows what, and windows are cut out of these parts: never across a gap, and never across the border of
two activities.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from co_perception.data.annotations import Interval, of_recording, read_annotations, without
from co_perception.data.bag_file import Bag
from co_perception.data.pose_streams import PoseStream, pose_streams
from co_perception.data.resample import on_grid
from co_perception.data.samples import Sample, Samples
from co_perception.data.skipped import Skipped
from co_perception.engine.data import SkeletonSequence

MAX_GAP_S = 0.5
NO_BACKGROUND = "none"


@dataclass(frozen=True, eq=False)
class Piece:
    """What one person does without a break.

    Args:
        stream: the person's poses, of this time only.
        label: what is done.
        subject: the annotation's, or else the stream's.
        group: the recording and the number of the annotation in it.
    """

    stream: PoseStream
    label: str
    subject: str
    group: str


@dataclass(frozen=True, eq=False)
class Recording:
    """One bag: everybody in it, and what is said of them."""

    path: str
    streams: tuple[PoseStream, ...]
    pieces: tuple[Piece, ...]


def bag_samples(
    bags: Sequence[Path | str],
    annotations: Sequence[Interval] | None,
    layout: str,
    rate_hz: float,
    window: int,
    step: int,
    background: str = NO_BACKGROUND,
    *,
    topic: str | None = None,
    max_gap_s: float = MAX_GAP_S,
) -> tuple[Samples, Skipped]:
    """Windows of annotated recordings, ready to train on.

    Args:
        bags: rosbag2 folders, .mcap or .db3 files.
        annotations: who does what when; None reads the annotations.csv (or .json) beside each bag.
        layout: joint layout wanted; others are converted to it by the names of their joints.
        rate_hz: frames per second wanted: to each such instant goes the frame nearest to it.
        window, step: frames of a sample, and from one sample to the next.
        background: label of all time that is not annotated; "none" leaves it out.
        topic: of the skeletons, where a bag has several.
        max_gap_s: a person who is out of sight for longer starts anew; no window spans the gap.

    Returns: samples of `SkeletonSequence` (C, window, V, 1) with the classes in alphabetical order, background last;
        subject and group as in `Piece`; and what was skipped.
    Raises: ValueError for annotations that do not say which bag they belong to; ImportError without rosbags.
    """
    skipped = Skipped()
    read = recordings(bags, annotations, layout, skipped, background, topic)
    pieces = [piece for recording in read for piece in recording.pieces]
    names = {piece.label for piece in pieces}
    classes = sorted(names, key=lambda name: (name == background, name))
    items: list[Sample] = []
    for piece in pieces:
        found = list(_windows(piece, classes.index(piece.label), rate_hz, window, step, max_gap_s))
        if not found and piece.label != background:
            skipped.add(piece.group, f"shorter than a window of {window / rate_hz:.2g} s")
        items += found
    return Samples(items, classes), skipped


def recordings(
    bags: Sequence[Path | str],
    annotations: Sequence[Interval] | None,
    layout: str,
    skipped: Skipped,
    background: str = NO_BACKGROUND,
    topic: str | None = None,
) -> Iterator[Recording]:
    """Who does what in each bag. What cannot be read goes to `skipped`. Arguments and errors as in `bag_samples`."""
    if annotations is not None:
        check_origins(annotations, len(bags))
    for path in bags:
        try:
            told = annotations_beside(path) if annotations is None else annotations
            with Bag(path) as bag:
                streams, origin_ns = pose_streams(bag, layout, skipped, topic)
                intervals = [interval.shifted(origin_ns) for interval in of_recording(told, bag.name)]
        except OSError as error:
            skipped.add(path, error)
            continue
        pieces = list(_pieces(str(path), streams, intervals, skipped))
        if background != NO_BACKGROUND:
            pieces += _unannotated(str(path), streams, intervals, background)
        yield Recording(str(path), tuple(streams), tuple(pieces))


def annotations_beside(bag: Path | str) -> list[Interval]:
    """What `co-perception record` wrote into the bag's folder. Raises FileNotFoundError where there is nothing."""
    path = Path(bag)
    folder = path if path.is_dir() else path.parent
    for name in ("annotations.csv", "annotations.json"):
        if (folder / name).is_file():
            return read_annotations(folder / name)
    raise FileNotFoundError(
        f"nobody says what happens in {path}: there is no annotations.csv in {folder}, and no other file was named."
    )


def check_origins(annotations: Sequence[Interval], bags: int) -> None:
    """Raises ValueError where nobody can tell to which of several recordings an annotation belongs."""
    if bags > 1 and any(interval.relative and not interval.recording for interval in annotations):
        raise ValueError(
            f"these annotations count from the start of a recording, and there are {bags} recordings: add a column "
            "'recording' with the name of the bag, keep an annotations.csv in each bag's folder, or use stamps "
            "(start_ns, end_ns)."
        )


def _pieces(
    path: str, streams: Sequence[PoseStream], intervals: Sequence[Interval], skipped: Skipped
) -> Iterator[Piece]:
    """Each stream cut by what is said of it: by its own id first, then by a person's name, then of everybody.

    A subject that is no id in this recording is the name of a person, and holds for whoever is in sight; with several
    people in sight nobody can tell who is meant, and the interval is skipped.
    """
    ids = {stream.subject for stream in streams}
    numbered = list(enumerate(intervals))
    named = [(n, interval) for n, interval in numbered if interval.subject and interval.subject not in ids]
    doubtful = {n for n, interval in named if _several(streams, interval, [other for _, other in named])}
    for n in sorted(doubtful):
        skipped.add(f"{path}#{n}", f"{intervals[n].subject!r} is no id in it, and several people are meant or in sight")
    meant = [entry for entry in named if entry[0] not in doubtful]
    everybody = [entry for entry in numbered if not entry[1].subject]
    for stream in streams:
        own = [entry for entry in numbered if stream.subject and entry[1].subject == stream.subject]
        taken = list[Interval]()
        for rank in (own, meant, everybody):
            for n, interval in rank:
                subject = interval.subject or stream.subject
                yield from _cut(stream, without(interval, taken), interval.label, subject, f"{path}#{n}")
            taken += [interval for _, interval in rank]


def _cut(stream: PoseStream, parts: Sequence[Interval], label: str, subject: str, group: str) -> Iterator[Piece]:
    for part in parts:
        seen = stream.during(part)
        if len(seen):
            yield Piece(seen, label, subject, group)


def _several(streams: Sequence[PoseStream], interval: Interval, named: Sequence[Interval]) -> bool:
    """Whether an interval of a named person meets another one's, or shows more than one person at a time."""
    others = (other for other in named if other is not interval)
    if any(interval.start_ns < other.end_ns and other.start_ns < interval.end_ns for other in others):
        return True
    seen = [stream.during(interval).stamps_ns for stream in streams]
    spans = sorted((stamps_ns[0], stamps_ns[-1]) for stamps_ns in seen if len(stamps_ns))
    return any(later[0] <= earlier[1] for earlier, later in pairwise(spans))


def _unannotated(
    path: str, streams: Sequence[PoseStream], intervals: Sequence[Interval], label: str
) -> Iterator[Piece]:
    """All time of each stream in which neither it nor somebody unknown to the tracker is said to do anything."""
    ids = {stream.subject for stream in streams}
    for stream in streams:
        said = [each for each in intervals if each.subject not in ids or each.subject == stream.subject]
        whole = Interval(int(stream.stamps_ns[0]), int(stream.stamps_ns[-1]) + 1, label)
        for n, part in enumerate(without(whole, said)):
            yield from _cut(stream, [part], label, stream.subject, f"{path}#{label} {n}")


def _windows(piece: Piece, label: int, rate_hz: float, window: int, step: int, max_gap_s: float) -> Iterator[Sample]:
    stamps_ns = piece.stream.stamps_ns
    for frames in on_grid(stamps_ns, rate_hz, max_gap_s):
        clip = np.ascontiguousarray(piece.stream.joints[frames].transpose(2, 0, 1))[..., None]
        for start in range(0, len(frames) - window + 1, step):
            data = SkeletonSequence(clip[:, start : start + window], piece.stream.layout, rate_hz)
            at_s = (stamps_ns[frames[start]] - stamps_ns[0]) / 1e9
            source = f"{piece.group} {piece.stream.subject} {piece.label} +{at_s:.2f} s"
            yield Sample(data, label, piece.subject, piece.group, source)
