"""DeepMimic: forward kinematics compared with scipy's rotations and with the proportions of a body."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from co_perception.runtime.store.store import locate
from recipes.motions import CLIPS
from recipes.readers import deepmimic
from recipes.readers.deepmimic import JOINTS, Build, Motion, mixed, places, read_motion, standing

BONES = [
    ("left_hip", "left_knee", 0.4215), ("left_knee", "left_ankle", 0.4099), ("right_shoulder", "right_elbow", 0.2748),
    ("right_elbow", "right_wrist", 0.2589), ("left_hip", "right_hip", 0.1698),
    ("left_shoulder", "right_shoulder", 0.3662),
]  # fmt: skip


def clip(name: str) -> Motion:
    return read_motion(locate(f"deepmimic_{name}"), name)


def at(points: NDArray[np.float64], joint: str) -> NDArray[np.float64]:
    return points[:, JOINTS.index(joint)]


@pytest.mark.parametrize("name", CLIPS)
def test_bodies_stay_in_one_piece_and_above_the_ground(name: str) -> None:
    points = places(clip(name).poses)
    for one, other, length in BONES:
        np.testing.assert_allclose(np.linalg.norm(at(points, one) - at(points, other), axis=-1), length, atol=1e-4)
    # Not asserted anywhere in the files: it follows only if angles, axes and their order are understood.
    ankles = np.minimum(at(points, "left_ankle")[:, 1], at(points, "right_ankle")[:, 1])
    assert -0.02 < ankles.min() < 0.07
    assert points[..., 1].min() > -0.08
    assert 0.3 < at(points, "nose")[:, 1].max() < 1.8


def test_a_walk_is_upright_and_forward() -> None:
    points = places(clip("walk").poses)
    np.testing.assert_allclose(at(points, "left_ear")[:, 1], 1.5, atol=0.05)
    assert (at(points, "left_shoulder")[:, 2] < at(points, "right_shoulder")[:, 2]).all()
    path = at(points, "root")[-1] - at(points, "root")[0]
    assert path[0] > 1.0 and abs(path[2]) < 0.2  # metres along +x, where it faces
    # A foot on the ground moves backwards as seen from the hips, and arms swing against legs.
    stride = at(points, "left_ankle")[:, 0] - at(points, "right_ankle")[:, 0]
    swing = at(points, "left_wrist")[:, 0] - at(points, "right_wrist")[:, 0]
    assert np.corrcoef(stride, swing)[0, 1] < -0.8


def test_joints_are_those_of_an_independent_computation() -> None:
    from scipy.spatial.transform import Rotation

    motion = clip("spinkick")
    points = places(motion.poses)
    for frame in (0, 20, 50):
        turns = [Rotation.from_quat(np.roll(q, -1)) for q in motion.poses.turns[frame]]
        root, chest, shoulder, elbow = (
            turns[deepmimic.TURNING.index(joint)] for joint in ("root", "chest", "right_shoulder", "right_elbow")
        )
        arm = shoulder.apply(np.array([0, -0.274788, 0]) + elbow.apply([0, -0.258947, 0]))
        wrist = root.apply([0, 0.236151, 0] + chest.apply([-0.02405, 0.2435, 0.18311] + arm))
        np.testing.assert_allclose(at(points, "right_wrist")[frame], motion.poses.root[frame] + wrist, atol=1e-9)


def test_between_frames_and_beyond_the_ends() -> None:
    walk, kick = clip("walk"), clip("kick")
    assert walk.wraps and not kick.wraps
    np.testing.assert_allclose(places(walk.at(walk.times)), places(walk.poses)[np.r_[0:38, 0]], atol=1e-6)
    halfway = places(kick.at((kick.times[3:4] + kick.times[4:5]) / 2))
    between = (places(kick.poses)[3] + places(kick.poses)[4]) / 2
    assert np.abs(halfway - between).max() < 0.005
    later = kick.at(np.array([kick.duration, kick.duration + 9]))
    np.testing.assert_array_equal(places(later)[0], places(later)[1])
    again = walk.at(np.array([0.3, 0.3 + walk.duration]))
    np.testing.assert_allclose(places(again)[0], places(again)[1], atol=1e-9)
    still = standing()  # turns take the shorter way
    negative = deepmimic.Poses(still.root, -still.turns)
    np.testing.assert_allclose(places(mixed(still, negative, np.array([0.5]))), places(still), atol=1e-9)


def test_another_build_changes_lengths_and_nothing_else() -> None:
    points, tall = places(standing()), places(standing(), Build(thigh=1.2, shoulders=1.1))
    length = np.linalg.norm(at(tall, "left_hip") - at(tall, "left_knee"))
    assert length == pytest.approx(1.2 * 0.421546)
    assert at(tall, "right_shoulder")[0, 2] == pytest.approx(1.1 * 0.18311)
    np.testing.assert_allclose(at(tall, "nose"), at(points, "nose"))


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.txt"
    for text, words in (
        ("nothing", "not a DeepMimic clip|not JSON"),
        ("{}", "not a DeepMimic clip|not JSON"),
        ('{"Frames": [[1, 2], [3]]}', "inhomogeneous"),
        ('{"Frames": [[1, 2], [3, 4]]}', "44 numbers"),
        ('{"Frames": [' + ",".join(["[" + ",".join(["0"] + ["1"] * 43) + "]"] * 2) + "]}", "lasts no time"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=words):
            read_motion(path)
