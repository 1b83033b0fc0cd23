"""Recordings of labeled videos: what the readers of recordings make of them is what the videos show."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rosbags")

from co_perception.data.annotations.intervals import read_annotations
from co_perception.data.bags.bag_file import Bag
from co_perception.data.bags.labeled_bags import recordings
from co_perception.data.parsing import Skipped
from co_perception.engine.time import NANO
from co_perception.learners.clip_recordings import (
    ORIGIN_NS,
    ClipLabel,
    choose_actors,
    recording_names,
    write_clip_recording,
)
from co_perception.learners.posed_video import PosedVideo, Track

FRAMES, RATE_HZ = 90, 30


def moving(id: str, x: float, speed: float) -> Track:
    """A person at x who steps to the right, 17 joints."""
    numbers = np.arange(FRAMES, dtype=np.int64)
    joints = np.zeros((FRAMES, 17, 3), np.float32)
    joints[..., 0] = x + np.arange(17) % 3 * 10 + speed * numbers[:, None]
    joints[..., 1] = 100 + np.arange(17) * 10
    joints[..., 2] = 0.75
    return Track(id, numbers, joints, np.full(FRAMES, 0.5, np.float32))


def posed() -> PosedVideo:
    stamps_ns = (np.arange(FRAMES) * NANO // RATE_HZ).astype(np.int64)
    return PosedVideo(stamps_ns, (640, 480), "movenet", "coco17", (moving("p1", 50, 0.0), moving("p2", 300, 1.0)))


def test_a_recording_has_the_poses_the_times_and_who_does_what(tmp_path: Path) -> None:
    clips = [ClipLabel(0, 1, "kick, high", "Jörg"), ClipLabel(1, math.inf, "wave", "Anna", "left")]
    choices = choose_actors(posed(), clips)
    assert [(each.actors[0].id, each.ids) for each in choices] == [("p2", ("Jörg",)), ("p1", ("Anna",))]
    written = write_clip_recording(tmp_path / "a", posed(), choices)
    assert read_annotations(tmp_path / "a" / "annotations.csv") == written
    skipped = Skipped()
    [found] = recordings([tmp_path / "a"], None, "coco17", skipped)
    assert not skipped
    streams = {stream.subject: stream for stream in found.streams}
    for name, track in (("Anna", posed().tracks[0]), ("Jörg", posed().tracks[1])):
        assert np.array_equal(streams[name].stamps_ns, posed().stamps_ns + ORIGIN_NS)
        assert np.array_equal(streams[name].joints, track.joints)
    pieces = {(piece.subject, piece.label): len(piece.stream) for piece in found.pieces}
    assert pieces == {("Jörg", "kick, high"): 30, ("Anna", "wave"): 60}
    with Bag(tmp_path / "a") as bag:
        assert bag.topics == {"/skeletons": "co_perception/msg/SkeletonArray"}
        first = next(bag.messages("/skeletons")).message
    assert (first.estimator, first.image_width, first.skeletons[0].roi.width) == ("movenet", 640, 20)
    assert first.skeletons[0].score == 0.5


def test_everybody_else_is_the_background(tmp_path: Path) -> None:
    choices = choose_actors(posed(), [ClipLabel(0, 2, "kick")])
    write_clip_recording(tmp_path / "a", posed(), choices)
    [found] = recordings([tmp_path / "a"], None, "coco17", Skipped(), "other")
    pieces = sorted((piece.stream.subject, piece.label, len(piece.stream)) for piece in found.pieces)
    assert pieces == [("p1", "other", 90), ("p2", "kick", 60), ("p2", "other", 30)]


def test_two_act_in_an_interaction(tmp_path: Path) -> None:
    choices = choose_actors(posed(), [ClipLabel(0, math.inf, "hug", "Jörg", "two")])
    assert choices[0].ids == ("p2", "p1")  # which of them is Jörg, nobody knows
    assert [each.subject for each in write_clip_recording(tmp_path / "a", posed(), choices)] == ["p1", "p2"]


def test_a_name_that_is_not_one_persons_is_no_id() -> None:
    names = [("Anna", "p1"), ("Ben", "p1"), ("p2", "p1")]
    for first, second in ((names[0], names[1]), (names[0], ("Anna", "p2")), (names[2], names[2])):
        clips = [ClipLabel(n, n + 1, "wave", *each) for n, each in enumerate((first, second))]
        assert [each.ids for each in choose_actors(posed(), clips)] == [(first[1],), (second[1],)]


def test_one_person_does_one_thing_at_a_time(tmp_path: Path) -> None:
    choices = choose_actors(posed(), [ClipLabel(0, 2, "kick"), ClipLabel(1, 3, "wave")])
    with pytest.raises(ValueError, match="overlap"):
        write_clip_recording(tmp_path / "a", posed(), choices)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine").write_text("kept")
    with pytest.raises(FileExistsError, match="not overwritten"):
        write_clip_recording(tmp_path / "a", posed(), [])
    assert (tmp_path / "a" / "mine").read_text() == "kept"


def test_a_recording_is_called_like_its_video() -> None:
    assert recording_names([Path("v/wave/mon day.mp4"), Path("v/sit/tue.avi")]) == {
        Path("v/wave/mon day.mp4"): "mon_day", Path("v/sit/tue.avi"): "tue",
    }  # fmt: skip
    assert recording_names([Path("v/wave/1.mp4"), Path("v/sit/1.mp4")]) == {
        Path("v/wave/1.mp4"): "wave_1", Path("v/sit/1.mp4"): "sit_1",
    }  # fmt: skip
    assert len(set(recording_names([Path("a/1.mp4"), Path("a/1.avi")]).values())) == 2
