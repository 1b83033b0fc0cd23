"""Motions of pictures against points in space that are projected by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from co_perception.engine.picture_motion import PictureMotion, rotation_motion

K = np.array([[500.0, 0, 320], [0, 480.0, 240], [0, 0, 1]])


def seen(points: np.ndarray) -> np.ndarray:
    """(N, 2) pixels of points (N, 3) in the camera's frame."""
    pixels = points @ K.T
    return np.asarray(pixels[:, :2] / pixels[:, 2:])


def turned(degrees: float) -> np.ndarray:
    """(3, 3) from the frame of a camera to its frame after it has turned to the right and nodded a little."""
    yaw, pitch = math.radians(degrees), math.radians(degrees / 3)
    about_y = np.array([[math.cos(yaw), 0, -math.sin(yaw)], [0, 1, 0], [math.sin(yaw), 0, math.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    return np.asarray(about_x @ about_y)


@pytest.mark.parametrize("degrees", [0.0, 1.0, -8.0])
def test_a_turn_moves_everything_whatever_its_depth(degrees: float) -> None:
    points = np.random.default_rng(0).uniform((-2, -1, 2), (2, 1, 9), (50, 3))
    motion = rotation_motion(K, turned(degrees), np.zeros(3))
    assert motion.places(seen(points)) == pytest.approx(seen(points @ turned(degrees).T), abs=1e-6)
    assert motion.places(seen(points), depth=3.0) == pytest.approx(motion.places(seen(points)))


@pytest.mark.parametrize("depth", [1.5, 4.0])
def test_a_step_moves_what_is_near_by_more(depth: float) -> None:
    """Somebody at this depth, who stands still while the camera moves aside, turns and comes nearer."""
    points = np.random.default_rng(1).uniform((-1, -1, depth), (1, 1, depth), (20, 3))
    rotation, translation = turned(2.0), np.array([-0.1, 0.02, -0.15])
    motion = rotation_motion(K, rotation, translation)
    moved = seen(points @ rotation.T + translation)
    assert motion.places(seen(points), depth) == pytest.approx(moved, abs=1e-6)
    assert np.abs(motion.places(seen(points)) - moved).max() > 5


def test_a_velocity_turns_with_the_picture_and_grows_with_it() -> None:
    quarter = PictureMotion(np.array([[0.0, -2, 400], [2, 0, 0], [0, 0, 1]]))
    assert quarter.velocity(np.array([100.0, 50.0]), np.array([30.0, 0.0])) == pytest.approx([0.0, 60.0])
