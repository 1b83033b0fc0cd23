"""Directions of pixels, compared with OpenCV's."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.engine.camera_model import CameraModel

FOCAL, CENTER, SIZE = (520.0, 515.0), (322.0, 238.0), (640, 480)
MATRIX = np.array([(FOCAL[0], 0, CENTER[0]), (0, FOCAL[1], CENTER[1]), (0, 0, 1.0)])
DIRECTIONS = np.stack(np.meshgrid(np.linspace(-0.6, 0.6, 9), np.linspace(-0.45, 0.45, 7)), -1).reshape(-1, 2)
PIXELS = np.stack(np.meshgrid(np.linspace(0, 639, 9), np.linspace(0, 479, 7)), -1).reshape(-1, 2)


@pytest.mark.parametrize(
    "distortion",
    [(), (-0.28, 0.07, 0.0005, -0.0003, 0.0), (0.11, -0.2, 0.001, 0.002, 0.05, 0.01, -0.02, 0.003)],
)
def test_directions_are_those_of_opencv(distortion: tuple[float, ...]) -> None:
    cv2 = pytest.importorskip("cv2")
    points = np.column_stack([DIRECTIONS, np.ones(len(DIRECTIONS))])
    pixels, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), MATRIX, np.array(distortion or [0.0] * 5))
    found = CameraModel(FOCAL, CENTER, SIZE, distortion).directions(pixels[:, 0])
    np.testing.assert_allclose(found, DIRECTIONS, atol=2e-4)


def test_directions_of_a_fisheye_are_those_of_opencv() -> None:
    cv2 = pytest.importorskip("cv2")
    distortion = (-0.03, 0.01, -0.004, 0.001)
    points = np.column_stack([2 * DIRECTIONS, np.ones(len(DIRECTIONS))])[:, None]
    pixels, _ = cv2.fisheye.projectPoints(points, np.zeros(3), np.zeros(3), MATRIX, np.array(distortion))
    found = CameraModel(FOCAL, CENTER, SIZE, distortion, fisheye=True).directions(pixels[:, 0])
    np.testing.assert_allclose(found, 2 * DIRECTIONS, atol=1e-6)


def test_a_smaller_picture_has_the_same_directions() -> None:
    camera = CameraModel(FOCAL, CENTER, SIZE, (-0.2, 0.05))
    half = camera.scaled((320, 240))
    np.testing.assert_allclose(half.directions(PIXELS / 2), camera.directions(PIXELS))
    with pytest.raises(ValueError, match="another shape"):
        camera.scaled((640, 360))


@pytest.mark.parametrize("focal", [(0.0, 0.0), (float("nan"), 500.0), (500.0, -1.0)])
def test_a_camera_that_was_never_calibrated_is_refused(focal: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="calibrated"):
        CameraModel(focal, CENTER, SIZE)


def test_distortion_that_is_none_of_a_lens_gives_finite_directions() -> None:
    found = CameraModel(FOCAL, CENTER, SIZE, (-90.0, 4000.0, 3.0, 5.0)).directions(PIXELS * 10)
    assert np.isfinite(found).all()
