"""Simulated falls against physics: bones, floor, duration, speed, the end; and movements that are no falls."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from recipes.everyday import key_poses as poses
from recipes.everyday.drawing import MOTION, POSTURE, Drawing
from recipes.everyday.examples import ExampleSource
from recipes.everyday.falls import FALLING, LIE, FallSettings, build, fall, fall_span, simulated, trunk_height
from recipes.everyday.figure import RATE_HZ, Build, Figure
from recipes.everyday.key_poses import Motion
from recipes.everyday.labels import UNKNOWN
from recipes.readers.takes import JOINTS, Take

BONES = [(JOINTS.index(one), JOINTS.index(other)) for one, other in (
    ("left_shoulder", "left_elbow"), ("right_elbow", "right_wrist"), ("left_hip", "left_knee"),
    ("right_knee", "right_ankle"), ("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"),
)]  # fmt: skip
G = 9.81


@pytest.fixture(scope="module")
def motions() -> tuple[Motion, ...]:
    """Eight falls and twelve movements that are none."""
    return simulated(FallSettings(falls=8, others=12, seed=5))


@pytest.fixture(scope="module")
def falls(motions: tuple[Motion, ...]) -> tuple[Motion, ...]:
    return motions[:8]


@pytest.fixture(scope="module")
def others(motions: tuple[Motion, ...]) -> tuple[Motion, ...]:
    return motions[8:]


def starts(motion: Motion) -> int:
    """The first frame of the fall: nothing was known of its posture."""
    return int(np.argmax(motion.targets[:, POSTURE] == UNKNOWN))


def test_bones_stay_as_long_as_they_are_and_nothing_is_below_the_floor(motions: tuple[Motion, ...]) -> None:
    for motion in motions:
        for one, other in BONES:
            lengths = np.linalg.norm(motion.joints[:, one] - motion.joints[:, other], axis=-1)
            assert np.ptp(lengths) < 2e-3, motion.name
        assert motion.joints[..., 1].max() < 0.02, motion.name  # y points downwards, contacts give way a little


def test_a_fall_is_as_quick_as_gravity_makes_it_and_ends_lying_still(falls: tuple[Motion, ...]) -> None:
    for motion in falls:
        begin, impact = fall_span(motion.joints, starts(motion))
        height = trunk_height(motion.joints)
        drop = height[begin] - height[impact]
        seconds = (impact - begin + 1) / RATE_HZ
        assert drop > 0.25 and seconds > 0.6 * np.sqrt(2 * drop / G), motion.name
        assert -np.diff(height).min() * RATE_HZ < 1.2 * np.sqrt(2 * G * height[0])
        assert height[-1] < 0.5 and np.linalg.norm(motion.joints[-1] - motion.joints[-8], axis=-1).max() < 0.1


def test_falls_of_people_who_stand_take_about_a_second(falls: tuple[Motion, ...]) -> None:
    seconds = [(fall_span(motion.joints, starts(motion))[1] - starts(motion)) / RATE_HZ for motion in falls
               if not motion.name.endswith("sitting")]  # fmt: skip
    assert len(seconds) > 4 and 0.6 < np.median(seconds) < 1.2 and min(seconds) > 0.4


def test_targets_say_what_was_before_then_falling_then_lying(falls: tuple[Motion, ...]) -> None:
    for motion in falls:
        falling = np.flatnonzero(motion.targets[:, MOTION] == FALLING)
        assert len(falling) and (np.diff(falling) == 1).all()
        assert (motion.targets[: starts(motion), POSTURE] != LIE).all()
        assert (motion.targets[falling[-1] + 1 :] == [LIE, 0, 0]).all()
        assert motion.name.split()[-1] in ("standing", "walking", "sitting")


def test_what_is_no_fall_is_never_called_one_and_all_kinds_are_drawn(others: tuple[Motion, ...]) -> None:
    assert all((motion.targets[:, MOTION] != FALLING).all() for motion in others)
    kinds = {poses.contrasts(np.random.default_rng(seed))[0] for seed in range(100)}
    assert {"sit", "lie_on_bed", "lie_on_floor", "bend", "kneel", "tie_shoe", "push_ups"} <= kinds


def test_whoever_lies_down_goes_slower_than_whoever_falls(
    falls: tuple[Motion, ...], others: tuple[Motion, ...]
) -> None:
    down = [motion for motion in others if motion.name.startswith("lie")]
    slow, quick = ([-np.diff(trunk_height(each.joints)).min() * RATE_HZ for each in some] for some in (down, falls))
    assert max(slow) < np.median(quick)
    assert all(each.targets[-1, POSTURE] == LIE for each in down)


def test_a_seed_gives_the_same_motions_and_another_one_others() -> None:
    one, same, other = (fall(np.random.default_rng(seed)).joints for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert one.shape != other.shape or not np.allclose(one, other)


def test_a_stiff_figure_stands_and_one_without_muscles_does_not() -> None:
    nothing = poses.Key(poses.flat_footed({"knee": 10.0, "hip_flex": 5.0})).hinges()
    for tone, stands in ((1.0, True), (0.02, False)):
        figure = Figure(Build())
        figure.set_pose(nothing, np.array([0, 0, 1.0]), np.zeros(3))
        figure.set_pose(nothing, np.array([0, 0, 1.0 - figure.lowest()]), np.zeros(3))
        assert figure.lowest() == pytest.approx(0, abs=1e-6)
        figure.set_muscles(tone, nothing)
        for _ in range(60):
            figure.advance()
        assert (-figure.joints()[0, 1] > 1.4) == stands


def test_the_left_arm_is_on_the_left_of_somebody_who_looks_away() -> None:
    figure = Figure(build(np.random.default_rng(0)))
    key = poses.Key({"shoulder_out_l": 90.0, "shoulder_flex_r": 90.0})
    figure.set_pose(key.hinges(), np.array([0, 0, 1.0]), np.zeros(3))
    left, right = (figure.joints()[JOINTS.index(f"{side}_wrist")] for side in ("left", "right"))
    assert left[0] < -0.5 and right[2] > 0.4  # x to the right, z to where the figure looks


def test_windows_of_simulated_falls_are_among_the_examples(falls: tuple[Motion, ...]) -> None:
    still = np.zeros((60, 13, 3), np.float32) + np.linspace(0, 1, 13, dtype=np.float32)[:, None]
    takes = [Take(still, 30.0, "draw x", "s1", "utd_mhad")]
    source = ExampleSource(takes, Drawing(simulated=0.5, falling=0, picture_share=0), falls)
    found = source.draw(64, np.random.default_rng(0)).targets
    assert not (found[:32, :, MOTION] == FALLING).any() and (found[32:, :, MOTION] == FALLING).any(1).mean() > 0.3
    assert (found[32:, -1, POSTURE] == LIE).any()


def test_without_the_simulator_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mujoco", None)
    with pytest.raises(ModuleNotFoundError, match=r"co_perception\[recipes\]"):
        Figure(Build())
