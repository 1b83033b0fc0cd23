"""Recorded frames through a recogniser: one record for each answer, and everything that was lost is told."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_learners import FakeLearner, FakePeopleLearner

from co_perception.data.bag_frames import Frame, image_frames
from co_perception.data.faults import Fault
from co_perception.data.people_messages import Reading, sifted
from co_perception.engine.data import Image
from co_perception.engine.settings import values_of
from co_perception.engine.target import Pose, Status
from co_perception.evaluation.records import FrameRecord
from co_perception.learners.recognisers import KINDS, SceneRecogniser, SkeletonRecogniser
from co_perception.learners.replay import replay

TICK_NS = 100_000_000  # of FakePeopleLearner
T0 = 10**12


def seen(*ids: str, x: float = 40.0) -> Reading:
    joints = np.column_stack([np.full(17, x), np.arange(17), np.ones(17)]).astype(np.float32)
    return sifted([Pose(joints, id=id) for id in ids], (300, 200))


def refuse() -> Reading:
    raise ValueError("cannot be read")


def people(frames: list[tuple[int, Any]], **settings: Any) -> tuple[list[FrameRecord], FakePeopleLearner]:
    """Records of frames, each a tick and who is seen or a function that gives it."""
    learner = FakePeopleLearner()
    recogniser = SkeletonRecogniser(learner, values_of(KINDS["skeleton"].table, settings))
    given = [
        Frame(T0 + tick * TICK_NS, T0 + tick * TICK_NS, what if callable(what) else lambda what=what: what)  # type: ignore[misc]
        for tick, what in frames
    ]
    return list(replay(recogniser, given, "kitchen")), learner


def test_everybody_has_a_record_for_each_frame() -> None:
    records, learner = people([(tick, seen("a", "b")) for tick in range(6)])
    assert [record.key for record in records[:2]] == [("kitchen", T0, "a"), ("kitchen", T0, "b")]
    assert len(records) == 12
    assert [record.label(learner.labels) for record in records[::2]] == ["", "", "", "left", "left", "left"]
    assert {record.missing for record in records} == {0}
    assert all(record.latency_s is not None for record in records)


def test_frames_that_cannot_be_read_and_ticks_without_one_are_told() -> None:
    records, learner = people([(0, seen("a")), (1, refuse), (2, seen("a")), (5, seen("a"))])
    assert [record.status for record in records] == [Status.WARMING_UP, None, Status.WARMING_UP, Status.VALID]
    assert [record.missing for record in records] == [0, 0, 0, 2]
    assert len(learner.shown["a"]) == 6  # the ticks without a frame are filled, as in the node


def test_somebody_away_is_stale_and_an_empty_room_has_no_record() -> None:
    records, _ = people([(0, seen("a")), (1, seen()), (2, seen()), (9, seen())], expire_s=0.5)
    assert [(record.subject, record.status) for record in records] == [
        ("a", Status.WARMING_UP), ("a", Status.STALE), ("a", Status.STALE),
    ]  # fmt: skip
    assert records[1].delay_ns == TICK_NS


def test_a_jump_begins_anew_and_early_frames_are_skipped() -> None:
    ticks = [0.0, 0.3, 1.0, 2.0, 50.0, 51.0]
    records, learner = people([(tick, seen("a")) for tick in ticks])  # type: ignore[misc]
    assert [round(record.progress * 8) for record in records] == [1, 2, 3, 1, 2]
    assert learner.resets == 2


def test_wrong_stamps_deceive_the_recogniser_and_not_the_records() -> None:
    learner = FakeLearner()
    recogniser = SceneRecogniser(learner, values_of(KINDS["video"].table, {}))
    picture = Image(np.full((4, 4, 3), (9, 200, 9), np.uint8))
    frames = [Frame(T0 + n * 40_000_000, T0 + n * 40_000_000, lambda: picture) for n in range(200)]
    records = list(replay(recogniser, Fault(jitter_ms=5).spoil(frames)))
    assert {record.stamp_ns for record in records} <= {frame.stamp_ns for frame in frames}
    told = learner.shown[-1]
    assert not {stamp_ns for stamp_ns in told} & {frame.stamp_ns for frame in frames[1:]}
    delays = np.array([record.delay_ns for record in records if record.answered]) / 1e6
    assert np.median(delays) == pytest.approx(80, abs=4)  # two frames, as this learner says


def test_a_broken_learner_is_no_broken_frame() -> None:
    recogniser = SceneRecogniser(FakeLearner(), values_of(KINDS["video"].table, {}))
    picture = Image(np.zeros((4, 4, 3), np.uint8))

    def fail(frame: Image) -> None:
        raise RuntimeError("out of memory")

    recogniser.learner.before = fail  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="out of memory"):
        list(replay(recogniser, [Frame(T0, T0, lambda: picture)]))


# Long recordings


def long_film(path: Path, seconds: int) -> Path:
    """A bag with 10 pictures a second of 120 kB that do not compress."""
    pytest.importorskip("rosbags")
    from bag_writing import image, store, write_messages

    types = store()
    noise = np.frombuffer(os.urandom(200 * 200 * 3), np.uint8).reshape(200, 200, 3)

    def messages() -> Iterator[tuple[int, Any]]:
        for number in range(10 * seconds):
            stamp_ns = T0 + number * TICK_NS
            yield stamp_ns, image(types, stamp_ns, noise)

    return write_messages(path, {"/image": messages()}, types=types)


def peak_bytes(bag: Path) -> tuple[int, int]:
    """Records of a replay, and the most memory it took at a time."""
    from co_perception.data.bag_file import Bag

    values = values_of(KINDS["video"].table, {"model_rate_hz": 10.0})
    with Bag(bag) as recording:
        frames = image_frames(recording)
        tracemalloc.start()
        count = sum(1 for _ in replay(SceneRecogniser(FakeLearner(), values), frames))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return count, peak


def test_a_recording_ten_times_as_long_takes_no_more_memory(tmp_path: Path) -> None:
    short_count, short = peak_bytes(long_film(tmp_path / "short", 12))
    long_count, long = peak_bytes(long_film(tmp_path / "long", 120))
    assert (short_count, long_count) == (120, 1200)
    assert (tmp_path / "long").joinpath("long.mcap").stat().st_size > 140e6
    assert long < short + 2e6
