"""Recordings to be played to a recogniser frame by frame, with what is true in each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from co_perception.data.bags import Recording
from co_perception.data.pose_streams import PoseStream
from co_perception.data.samples import Samples
from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import Pose


@dataclass(frozen=True, eq=False)
class Take:
    """One recording.

    Args:
        name: where it lies.
        frames: (stamp in nanoseconds, everybody in sight) by stamp.
        truth: the label of (id of a pose, stamp), where one is known.
    """

    name: str
    frames: tuple[tuple[int, tuple[Pose, ...]], ...]
    truth: dict[tuple[str, int], str]

    def truth_of(self, subject: str, stamp_ns: int) -> str | None:
        """What `subject` does then; of the scene (empty) what all do of whom something is known, if it is one thing."""
        if (subject, stamp_ns) in self.truth or subject:
            return self.truth.get((subject, stamp_ns))
        labels = self._of_scene.get(stamp_ns, set())
        return next(iter(labels)) if len(labels) == 1 else None

    @cached_property
    def _of_scene(self) -> dict[int, set[str]]:
        found: dict[int, set[str]] = defaultdict(set)
        for (_, stamp_ns), label in self.truth.items():
            found[stamp_ns].add(label)
        return found


def take_of_recording(recording: Recording) -> Take:
    """An annotated bag, at the rate it was recorded."""
    truth = {
        (piece.stream.subject, int(stamp_ns)): piece.label
        for piece in recording.pieces
        for stamp_ns in piece.stream.stamps_ns
    }
    return Take(recording.path, _frames(recording.streams), truth)


def takes_of_samples(samples: Samples, rate_hz: float) -> Iterator[Take]:
    """Each sample as a recording of one activity; persons are told apart by their place in it.

    Args:
        samples: of `SkeletonSequence`.
        rate_hz: of those that do not know their own.

    Raises: ValueError for samples of other data.
    """
    for item in samples.items:
        sequence = item.read()
        if not isinstance(sequence, SkeletonSequence):
            raise ValueError(f"{item.source} is a {type(sequence).__name__}, and only a SkeletonSequence has poses.")
        streams = list(_persons(sequence, rate_hz))
        label = samples.classes[item.label]
        truth = {(stream.subject, int(stamp_ns)): label for stream in streams for stamp_ns in stream.stamps_ns}
        yield Take(item.source, _frames(streams), truth)


def _persons(sequence: SkeletonSequence, rate_hz: float) -> Iterator[PoseStream]:
    """Each person of a sequence while there is any joint of theirs."""
    stamps_ns = (np.arange(sequence.data.shape[1]) * 1e9 / (sequence.rate_hz or rate_hz)).astype(np.int64)
    for person in range(sequence.data.shape[3]):
        joints = sequence.data[..., person].transpose(1, 2, 0)
        there = (joints[..., -1] > 0).any(axis=1)
        if there.any():
            yield PoseStream(str(person), stamps_ns[there], np.ascontiguousarray(joints[there]), sequence.layout)


def _frames(streams: Sequence[PoseStream]) -> tuple[tuple[int, tuple[Pose, ...]], ...]:
    frames: dict[int, dict[str, Pose]] = defaultdict(dict)
    for stream in streams:
        for stamp_ns, joints in zip(stream.stamps_ns, stream.joints, strict=True):
            frames[int(stamp_ns)].setdefault(stream.subject, Pose(joints, stream.layout, id=stream.subject))
    return tuple((stamp_ns, tuple(poses.values())) for stamp_ns, poses in sorted(frames.items()))
