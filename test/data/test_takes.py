"""Recordings as frames with their truth."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.data.bags import Piece, Recording
from co_perception.data.pose_streams import PoseStream
from co_perception.data.samples import Sample, Samples
from co_perception.data.takes import take_of_recording, takes_of_samples
from co_perception.engine.data import SkeletonSequence, Vector


def stream(subject: str, stamps: list[int], first: float) -> PoseStream:
    joints = np.ones((len(stamps), 17, 3), np.float32)
    joints[:, 0, 0] = np.arange(len(stamps)) + first
    return PoseStream(subject, np.array(stamps, np.int64), joints, "coco17")


def test_a_recording_is_one_row_of_frames_with_everybody_in_them() -> None:
    one, two = stream("p1", [10, 20, 30], 0), stream("p2", [20, 30, 40], 100)
    anna, other = Piece(stream("p1", [10, 20], 0), "wave", "anna", "b#0"), Piece(stream("p2", [20], 0), "walk", "p2", "b#1")
    take = take_of_recording(Recording("b", (one, two), (anna, other)))
    seen = [(stamp, [(pose.id, pose.data[0, 0]) for pose in poses]) for stamp, poses in take.frames]
    assert seen == [
        (10, [("p1", 0)]), (20, [("p1", 1), ("p2", 100)]), (30, [("p1", 2), ("p2", 101)]), (40, [("p2", 102)])
    ]  # fmt: skip
    assert [take.truth_of("p1", stamp) for stamp in (10, 20, 30)] == ["wave", "wave", None]
    assert take.truth_of("p2", 20) == "walk"
    assert [take.truth_of("", stamp) for stamp in (10, 20, 30)] == ["wave", None, None]


def test_a_sample_is_a_recording_of_one_activity_without_those_who_are_absent() -> None:
    data = np.ones((3, 4, 17, 2), np.float32)
    data[:, 2:, :, 1] = 0
    samples = Samples([Sample(SkeletonSequence(data, rate_hz=None), 1, source="a")], ["walk", "wave"])
    (take,) = takes_of_samples(samples, 10.0)
    assert [(stamp, [pose.id for pose in poses]) for stamp, poses in take.frames] == [
        (0, ["0", "1"]), (100_000_000, ["0", "1"]), (200_000_000, ["0"]), (300_000_000, ["0"])
    ]  # fmt: skip
    assert take.truth_of("1", 100_000_000) == take.truth_of("", 0) == "wave"
    assert take.truth_of("1", 200_000_000) is None
    other = Samples([Sample(Vector(np.ones(3, np.float32)), 0, source="v")], ["walk"])
    with pytest.raises(ValueError, match="v is a Vector"):
        list(takes_of_samples(other, 10.0))
