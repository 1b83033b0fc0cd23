"""MediaPipe on real frames: beside MoveNet, offline, and with clocks that MediaPipe itself would refuse."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.stick_figures import frames

from co_perception.engine.data import Image
from co_perception.engine.target import Pose
from co_perception.pose.mediapipe import MediaPipePose
from co_perception.pose.movenet import MoveNet
from co_perception.skeletons.layouts import layout
from co_perception.skeletons.mapping import convert


@pytest.fixture(scope="module")
def estimator() -> Iterator[MediaPipePose]:
    estimator = MediaPipePose(people=2)
    yield estimator
    estimator.close()


def height(pose: Pose) -> float:
    return float(np.ptp(pose.data[pose.found, 1]))


@pytest.mark.slow
def test_mediapipe_and_movenet_agree_on_the_largest_person(estimator: MediaPipePose) -> None:
    """Two networks of different make, on an athlete who leaps: within a tenth of the body's height, joint by joint."""
    movenet, apart = MoveNet(), []
    for frame in frames("pose2sim_multi_cam01", 480, every=6):
        one, other = (max(e.estimate(frame), key=height) for e in (movenet, estimator))
        assert (one.layout, other.layout) == ("coco17", "blazepose33")
        converted = convert(other.data, layout("blazepose33"), layout("coco17"))
        both = (one.data[:, 2] > 0.3) & (converted[:, 2] > 0.5)
        assert both.sum() >= 10
        distance = np.linalg.norm(one.data[:, :2] - converted[:, :2], axis=-1) / height(one)
        apart.append(np.where(both, distance, np.nan))
    assert len(apart) == 17
    assert np.nanmedian(apart) < 0.04
    assert (np.nanmedian(apart, axis=0) < 0.1).all()  # each joint
    assert (np.nanmedian(apart, axis=1) < 0.1).all()  # each frame
    assert np.nanpercentile(apart, 95) < 0.1  # both at once


def test_two_people(estimator: MediaPipePose) -> None:
    found = [len(estimator.estimate(frame)) for frame in frames("pose2sim_multi_cam01", 480, every=6)]
    assert max(found) == 2
    assert np.mean(found) > 1.5


def test_stamps_that_repeat_stand_still_jump_and_lack(estimator: MediaPipePose) -> None:
    frame = frames("pose2sim_multi_cam01", 480, every=6)[0]
    for stamp in (10**9, 10**9, 10**9 + 1, 5 * 10**9, 5 * 10**9 + 400, 3600 * 10**9, 10**8, None, None, 0, 10**18):
        assert estimator.estimate(replace(frame, stamp_ns=stamp))


def test_a_step_back_in_time_forgets_the_stream() -> None:
    """After it, the first frame is answered as it was the first time; without it, the frames before show."""
    clip = frames("pose2sim_multi_cam01", 480, every=6)[:6]
    estimator = MediaPipePose(people=1)  # the joints of one person are smoothed over time
    first = [estimator.estimate(frame)[0].data for frame in clip]
    again = [estimator.estimate(frame)[0].data for frame in clip]
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    later = replace(clip[0], stamp_ns=(clip[-1].stamp_ns or 0) + 1_000_000)
    assert not np.allclose(estimator.estimate(later)[0].data, first[0], atol=1.0)
    estimator.close()


def test_each_picture_for_itself() -> None:
    clip = frames("pose2sim_multi_cam01", 480, every=6)
    estimator = MediaPipePose(people=1, streaming=False)
    alone = estimator.estimate(clip[3])
    estimator.estimate(clip[9])
    assert [pose.data.tobytes() for pose in estimator.estimate(clip[3])] == [pose.data.tobytes() for pose in alone]
    estimator.close()


def test_an_empty_room(estimator: MediaPipePose) -> None:
    assert estimator.estimate(Image(np.zeros((100, 100, 3), np.uint8), 10**19)) == []


def test_options_models_and_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        MediaPipePose(people=0)
    with pytest.raises(ValueError, match="scores 0..1, got 0.5 and 7"):
        MediaPipePose(joint_threshold=7)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        MediaPipePose(model_path=tmp_path / "pose.task")
    (tmp_path / "pose.task").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="cannot use this model"):
        MediaPipePose(model_path=tmp_path / "pose.task")
    closed = MediaPipePose()
    for _ in range(2):
        closed.close()
    with pytest.raises(ValueError, match="closed"):
        closed.estimate(Image(np.zeros((10, 10, 3), np.uint8)))
    monkeypatch.setenv("CO_PERCEPTION_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="co-perception weights fetch blazepose_detector"):
        MediaPipePose()


OFFLINE = """
import numpy as np
from co_perception.engine.data import Image
from co_perception.pose.mediapipe import MediaPipePose
estimator = MediaPipePose()
estimator.estimate(Image(np.zeros((64, 64, 3), np.uint8)))
estimator.close()
print("done")
"""


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace, which sees what the binary does")
def test_no_socket_is_opened(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-qq", "-e", "trace=socket,connect", "-o", str(trace), sys.executable, "-c", OFFLINE]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
    assert answer.stdout.strip() == "done"
    assert "AF_INET" not in trace.read_text()
