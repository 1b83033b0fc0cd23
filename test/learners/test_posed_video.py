"""Poses of videos: as the finder gives them frame by frame, stored once, and found anew where anything changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.painted_people import PaintedEstimator, Performer, painted_video

from co_perception.data.video import VideoReader
from co_perception.engine.data import Image
from co_perception.engine.time import NANO
from co_perception.learners import posed_video
from co_perception.learners.posed_video import PosedVideo, VideoPoser
from co_perception.pose.finder import Finder, PoseSettings
from co_perception.runtime.store import store

PAIR = (Performer("wave", 1, 150), Performer("squat", 2, 450, until_s=1.0))


@pytest.fixture(autouse=True)
def painted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The estimator, and a file in place of its model."""
    (tmp_path / "model.tflite").write_bytes(b"model")
    monkeypatch.setattr(posed_video, "build", lambda values: PaintedEstimator())
    monkeypatch.setattr(store, "locate", lambda name: tmp_path / "model.tflite")


def test_it_finds_what_the_node_finds(tmp_path: Path) -> None:
    """Frame by frame the poses of a finder of one's own, whose ids begin with the same letter."""
    video = painted_video(tmp_path / "a.mkv", PAIR)
    posed = VideoPoser(PoseSettings(), tmp_path / "store").find(video)
    finder = Finder(PaintedEstimator(), PoseSettings())
    with VideoReader(str(video)) as reader:
        frames = [(frame.time_s, finder.find(Image(frame.pixels, round(frame.time_s * NANO) + NANO)).poses)
                  for frame in reader]  # fmt: skip
    assert posed.stamps_ns.tolist() == [round(time_s * NANO) for time_s, _ in frames]
    assert (posed.size, posed.estimator, posed.layout) == ((64, 48), "painted", "coco17")
    assert [track.id for track in posed.tracks] == ["p1", "p2"]
    for track in posed.tracks:
        expected = [(number, pose) for number, (_, poses) in enumerate(frames) for pose in poses if pose.id == track.id]
        assert track.frames.tolist() == [number for number, _ in expected]
        assert np.array_equal(track.joints, np.stack([pose.data for _, pose in expected]))
        assert np.array_equal(track.scores, np.array([pose.confidence for _, pose in expected], np.float32))
    assert len(posed.tracks[1].frames) == 14  # of 15: the first one confirms


def test_a_video_is_looked_at_once_by_its_content(tmp_path: Path) -> None:
    video, poser = painted_video(tmp_path / "a.mkv", PAIR, 1.0), VideoPoser(PoseSettings(), tmp_path / "store")
    assert poser.stored(video) is None
    found = poser.find(video)
    copy = tmp_path / "other" / "b.mkv"
    copy.parent.mkdir()
    copy.write_bytes(video.read_bytes())
    looks = PaintedEstimator.looks
    for path, again in ((video, poser), (copy, VideoPoser(PoseSettings(threads=1), tmp_path / "store"))):
        stored = again.stored(path)
        assert stored is not None and (stored.size, stored.estimator) == (found.size, found.estimator)
        assert stored.stamps_ns.tolist() == found.stamps_ns.tolist()
        for one, other in zip(stored.tracks, found.tracks, strict=True):
            assert one.id == other.id and np.array_equal(one.frames, other.frames)
            assert np.array_equal(one.joints, other.joints) and np.array_equal(one.scores, other.scores)
    assert PaintedEstimator.looks == looks
    assert VideoPoser(PoseSettings(input_size=320), tmp_path / "store").stored(video) is None
    (tmp_path / "model.tflite").write_bytes(b"another")
    assert VideoPoser(PoseSettings(), tmp_path / "store").stored(video) is None
    assert poser.stored(painted_video(tmp_path / "c.mkv", PAIR, 1.2)) is None


def test_a_damaged_file_is_none(tmp_path: Path) -> None:
    video, poser = painted_video(tmp_path / "a.mkv", PAIR, 1.0), VideoPoser(PoseSettings(), tmp_path / "store")
    poser.find(video)
    [file] = (tmp_path / "store").rglob("*.safetensors")
    whole = file.read_bytes()
    for damaged in (whole[:-9], b"", whole.replace(b'"format":"1"', b'"format":"0"')):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match="holds no"):
            PosedVideo.from_file(file)
        assert poser.stored(video) is None


def test_progress_counts_frames(tmp_path: Path) -> None:
    noted = list[int]()
    VideoPoser(PoseSettings(), tmp_path / "store").find(painted_video(tmp_path / "a.mkv", PAIR, 1.0), noted.append)
    assert noted == [*range(1, 16)]
