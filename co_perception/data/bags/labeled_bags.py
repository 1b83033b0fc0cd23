"""Annotated recordings as a labeled data set: windows of each person's poses at the rate of a network.

A recording holds the poses of several people at the rate of its camera. The poses of one person are a stream, the
annotations say which part of it shows what, and windows are cut out of these parts: never across a gap, and never
across the border of two activities.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from co_perception.data.annotations.assignment import Sightings, assign, count_seen, without_anybody
from co_perception.data.annotations.intervals import Interval, checked, of_recording, read_annotations, without
from co_perception.data.bags.bag_file import Bag
from co_perception.data.bags.pose_streams import PoseStream, pose_streams
from co_perception.data.bags.recorded_file import recording_name, recordings_beside
from co_perception.data.known_content import KnownContent, joints_digest
from co_perception.data.parsing import Skipped, parse_errors
from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import SkeletonSequence
from co_perception.engine.stage_counts import LOST_RECORDINGS, Stage, StageCounts
from co_perception.engine.time import on_grid

MAX_GAP_S = 0.5
REAL_SHARE = 0.75  # of a window's frames that are its own, as a label of the trained model will need


@dataclass(frozen=True, eq=False)
class Piece:
    """What one person does without a break: their poses of this time only, and what is done.

    `subject` is the one that the annotation names, else empty: ids of a tracker are no people. `group` is the recording
    and the number of the annotation in it.
    """

    stream: PoseStream
    label: str
    subject: str
    group: str
    recording: str


@dataclass(frozen=True, eq=False)
class Recording:
    """The pose streams of one bag, and the annotated pieces of them."""

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
    background: str = "",
    *,
    topic: str | None = None,
    max_gap_s: float = MAX_GAP_S,
    counts: StageCounts | None = None,
    shortest: int | None = None,
) -> tuple[Samples, Skipped]:
    """Windows of annotated recordings, ready to train on.

    Args:
        bags: rosbag2 folders, .mcap or .db3 files.
        annotations: who does what when; None reads the annotations.csv (or .json) beside each bag. ValueError for
            annotations that do not say which bag they belong to.
        layout: joint layout wanted; others are converted to it by the names of their joints.
        rate_hz: frames per second wanted: to each such instant goes the frame nearest to it.
        window: frames of a sample.
        step: frames from the start of one sample to the start of the next.
        background: label of all time that is not annotated; empty: it is left out.
        topic: of the skeletons, where a bag has several.
        max_gap_s: a person who is out of sight for longer starts anew; no window spans the gap.
        counts: counts what becomes of messages, poses and annotated time.
        shortest: frames of a stretch that gives a sample, of all of it, though it is shorter than a window; None: a
            window's.

    Returns:
        Samples of `SkeletonSequence` (C, window or less, V, 1) with the classes in alphabetical order, background last;
        subject and group as in `Piece`; and what was skipped.
    """
    skipped, counts = Skipped(), counts or StageCounts()
    read = list(recordings(bags, annotations, layout, skipped, background, topic, counts))
    for recording in read:
        if slow := _too_slow(recording, rate_hz):
            skipped.add(recording.path, slow)
    pieces = [piece for recording in read for piece in recording.pieces]
    names = {piece.label for piece in pieces}
    classes = sorted(names, key=lambda name: (name == background, name))
    items: list[Sample] = []
    for piece in pieces:
        sizes = (window, step, shortest or window)
        found = list(_windows(piece, classes.index(piece.label), rate_hz, sizes, max_gap_s, counts))
        short = f"shorter than a window of {(shortest or window) / rate_hz:.2g} s"
        if found:
            counts.add(Stage.WINDOWS)
        elif piece.label != background:
            skipped.add(piece.group, short)
            counts.lose(Stage.WINDOWS, f"annotated stretches without a gap that are {short}")
        items += found
    return Samples(items, classes), skipped


def recordings(
    bags: Sequence[Path | str],
    annotations: Sequence[Interval] | None,
    layout: str,
    skipped: Skipped,
    background: str = "",
    topic: str | None = None,
    counts: StageCounts | None = None,
) -> Iterator[Recording]:
    """The annotated pieces of each bag. What cannot be read, or was in an earlier bag, goes to `skipped`.

    Arguments and errors: `bag_samples`.
    """
    if annotations is not None:
        check_origins(annotations, len(bags))
        names = {"", *(recording_name(Path(path)) for path in bags)}
        for name, rows in Counter(each.recording for each in annotations if each.recording not in names).items():
            skipped.add(name, f"{rows} annotations of a recording that is not given")
    known = KnownContent()
    counts = counts or StageCounts()
    annotated_ns, absent = 0, list[Interval]()
    for path in bags:
        try:
            given = annotations_beside(path) if annotations is None else annotations
            with Bag(path) as bag:
                streams, clock = pose_streams(bag, layout, skipped, topic, counts)
                own = of_one_group(of_recording(given, bag.name))
                intervals = clock.stamped(own)
            if annotations is None and len(own) < len(given):
                others = sorted({each.recording for each in given} - {"", bag.name})
                skipped.add(path, f"{len(given) - len(own)} of its annotations are of {', '.join(others)}")
        except (OSError, ValueError) as error:  # the latter: an annotations.csv that is none
            skipped.add(path, error)
            counts.lose(Stage.MESSAGES, LOST_RECORDINGS, detail=str(error))
            continue
        annotated_ns += sum(each.end_ns - each.start_ns for each in intervals)
        visible = _sightings(streams)  # a copy of a recording shows people too
        absent += [part for each in intervals for part in without_anybody(each, visible, MAX_GAP_S)]
        shown, streams = streams, _taken_once(streams, str(path), known, skipped)
        pieces = list(_pieces(str(path), streams, shown, intervals, background, skipped))
        _count_annotated(streams, pieces, intervals, counts)
        yield Recording(str(path), tuple(streams), tuple(pieces))
    count_seen(annotated_ns, absent, counts)


def annotated(path: str, streams: Sequence[PoseStream], intervals: Sequence[Interval], skipped: Skipped) -> Recording:
    """A recording whose pose streams were read before, with the annotations that it has now.

    Args:
        streams: as `pose_streams` gives them.
        intervals: in stamps.
        skipped: takes annotations that are of nobody in sight, or of an unknown one of several people.

    Raises:
        ValueError: for annotations of several groups, and where two overlap.
    """
    own = of_one_group(intervals)
    return Recording(path, tuple(streams), tuple(_pieces(path, streams, streams, own, "", skipped)))


def annotations_beside(bag: Path | str) -> list[Interval]:
    """What `co-perception record` wrote into the bag's folder.

    Raises FileNotFoundError where there is nothing, and ValueError for times since the start of nobody knows which of
    several recordings in one folder.
    """
    path, found = Path(bag), annotation_file_beside(bag)
    if found is None:
        folder = path if path.is_dir() else path.parent
        raise FileNotFoundError(
            f"there are no annotations of {path}: there is no annotations.csv in {folder}, and no other file was named."
        )
    rows = read_annotations(found)
    with parse_errors(found, "a table of annotations"):
        check_origins(rows, recordings_beside(path))
    return rows


def annotation_file_beside(bag: Path | str) -> Path | None:
    """The file of annotations in the bag's folder, or beside a bag that is a file; None where there is none."""
    path = Path(bag)
    folder = path if path.is_dir() else path.parent
    files = (folder / name for name in ("annotations.csv", "annotations.json"))
    return next((file for file in files if file.is_file()), None)


def check_origins(annotations: Sequence[Interval], bags: int) -> None:
    """Raises ValueError for annotations that do not tell to which of several recordings they belong."""
    if bags > 1 and any(interval.relative and not interval.recording for interval in annotations):
        raise ValueError(
            f"these annotations count from the start of a recording, and there are {bags} recordings: add a column "
            "'recording' with the name of the bag, keep an annotations.csv in each bag's folder, or use stamps "
            "(start_ns, end_ns)."
        )


def of_one_group(annotations: Sequence[Interval]) -> list[Interval]:
    """The annotations without their group. Raises ValueError for those of several, and where two overlap."""
    if len(groups := sorted({each.group for each in annotations} - {""})) > 1:
        raise ValueError(
            f"its annotations answer {len(groups)} groups ({', '.join(groups)}), and training takes one: give "
            "--annotations of one group"
        )
    return checked(replace(each, group="") for each in annotations)


def _count_annotated(
    streams: Sequence[PoseStream], pieces: Sequence[Piece], intervals: Sequence[Interval], counts: StageCounts
) -> None:
    """Counts the poses of one recording that are in an annotated piece, and why others are not."""
    whole, used = sum(map(len, streams)), sum(len(piece.stream) for piece in pieces)
    covered = 0
    for stream in streams:
        inside = [(stream.stamps_ns >= each.start_ns) & (stream.stamps_ns < each.end_ns) for each in intervals]
        covered += int(np.any(inside, axis=0).sum()) if inside else 0
    counts.add(Stage.ANNOTATED, used)
    counts.lose(
        Stage.ANNOTATED, "frames whose annotation is about another subject, or nobody knows whose", covered - used
    )
    counts.lose(Stage.ANNOTATED, "frames that no annotation covers", whole - max(covered, used))


def _taken_once(streams: Sequence[PoseStream], path: str, known: KnownContent, skipped: Skipped) -> list[PoseStream]:
    """The poses that were not shown before: copies, links and parts would be trained on and held out alike."""
    fresh, repeated = list[PoseStream](), Counter[tuple[str, bool]]()
    for stream in streams:
        digests = [joints_digest(joints) for joints in stream.joints]
        origins = known.origins(path, stream.stamps_ns.tolist(), digests)
        new = np.array([not origin for origin, _ in origins])
        repeated.update(each for each in origins if each[0])
        if new.any():
            fresh.append(replace(stream, stamps_ns=stream.stamps_ns[new], joints=stream.joints[new]))
    for (other, same_time), count in repeated.items():
        when = "at the same time" if same_time else "at another time"
        skipped.add(path, f"{count} poses are those of {other}, {when}: they are taken once")
    return fresh


def _pieces(
    path: str,
    streams: Sequence[PoseStream],
    shown: Sequence[PoseStream],
    intervals: Sequence[Interval],
    background: str,
    skipped: Skipped,
) -> Iterator[Piece]:
    """Each stream cut by the annotations that hold for it, see `data.annotations.assignment`, then its background.

    Background is all time that no annotation covers which holds, or may hold, for the stream. `shown` has the poses
    too that were taken from another recording.
    """
    assigned = assign(intervals, _sightings(streams))
    for n in assigned.doubtful:
        skipped.add(
            f"{path}#{n}",
            f"{intervals[n].subject!r} is no id in it, and several people are meant, or are or were in sight",
        )
    used = {n for parts in assigned.activities.values() for _, n in parts} | {*assigned.doubtful}
    for n in sorted({*range(len(intervals))} - used):
        before, now = (sum(len(stream.during(intervals[n])) for stream in each) for each in (shown, streams))
        taken = "its poses are taken from another recording" if before > now else ""
        skipped.add(f"{path}#{n}", taken or "nobody with a usable pose is in sight while it lasts")
    cuts = [(stream, part, f"{path}#{n}") for stream in streams for part, n in assigned.activities[stream.subject]]
    ids = {stream.subject for stream in streams} - {""}
    named = {stream.subject: {part.subject for part, _ in assigned.activities[stream.subject]} for stream in streams}
    for stream in streams if background else ():
        covering = [each for each in intervals if each.subject not in ids or each.subject == stream.subject]
        person = min(named[stream.subject]) if len(named[stream.subject]) == 1 else ""
        whole = Interval(int(stream.stamps_ns[0]), int(stream.stamps_ns[-1]) + 1, background, person)
        cuts += [(stream, part, f"{path}#{background} {n}") for n, part in enumerate(without(whole, covering))]
    for stream, interval, group in cuts:
        poses = stream.during(interval)
        if len(poses):
            yield Piece(poses, interval.label, interval.subject, group, path)


def _sightings(streams: Sequence[PoseStream]) -> Sightings:
    """Stamps [ns] of each subject's poses."""
    found: dict[str, list[NDArray[np.int64]]] = defaultdict(list)
    for stream in streams:
        found[stream.subject].append(stream.stamps_ns)
    return {subject: np.unique(np.concatenate(parts)) for subject, parts in found.items()}


def _too_slow(recording: Recording, rate_hz: float) -> str:
    """Why windows at a rate show copies of frames more than a quarter of the time; empty where they do not."""
    steps_ns = [np.diff(stream.stamps_ns) for stream in recording.streams if len(stream) > 1]
    if not steps_ns or (hz := 1e9 / float(np.median(np.concatenate(steps_ns)))) >= 0.97 * REAL_SHARE * rate_hz:
        return ""
    return (
        f"people are seen at {hz:.3g} Hz, too slow for windows at {rate_hz:g} Hz: they are used, with frames repeated. "
        f"Record at {REAL_SHARE * rate_hz:.3g} Hz or more"
    )


def _windows(
    piece: Piece, label: int, rate_hz: float, sizes: tuple[int, int, int], max_gap_s: float, counts: StageCounts
) -> Iterator[Sample]:
    """Samples of one piece; `sizes`: frames of a window, from one to the next, and of the shortest sample."""
    stamps_ns, (window, step, shortest) = piece.stream.stamps_ns, sizes
    for frames in on_grid(stamps_ns, rate_hz, max_gap_s):
        what = f"ticks of the network's clock ({rate_hz:g} Hz) for which no frame came"
        counts.lose(Stage.CLOCK, what, len(frames) - len(np.unique(frames)))
        clip = np.ascontiguousarray(piece.stream.joints[frames].transpose(2, 0, 1))[..., None]
        if len(frames) < shortest:
            continue
        for start in range(0, max(len(frames) - window, 0) + 1, step):
            part, stream = clip[:, start : start + window], piece.stream
            data = SkeletonSequence(part, stream.layout, rate_hz, stream.coordinates)
            at_s = (stamps_ns[frames[start]] - stamps_ns[0]) / 1e9
            source = f"{piece.group} {piece.stream.subject} {piece.label} +{at_s:.2f} s"
            yield Sample(data, label, piece.subject, piece.group, source, piece.recording)
