"""Simulated camera and estimator: projection against hand-made geometry, errors of the size asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from co_perception.skeletons.layouts import COCO17
from recipes.readers.deepmimic import JOINTS, places, standing
from recipes.readers.virtual_camera import Camera, Estimator

BODY = places(standing())[:, [JOINTS.index(joint) for joint in COCO17.joints]]


def projected(camera: Camera) -> dict[str, np.ndarray]:
    return dict(zip(COCO17.joints, camera.project(BODY)[0], strict=True))


def test_similar_triangles() -> None:
    camera = Camera(azimuth=0, height=1.0, distance=4.0, aim=1.0)
    # Two metres from the lens, half a metre up, a quarter to the person's right, which is to the left of the picture.
    np.testing.assert_allclose(camera.project(np.array([2.0, 1.5, 0.25])), [-0.125, -0.25])
    side = replace(camera, azimuth=90)
    np.testing.assert_allclose(side.project(np.array([0.25, 1.5, 2.0])), [0.125, -0.25], atol=1e-12)
    rolled = replace(camera, roll=90)
    np.testing.assert_allclose(rolled.project(np.array([2.0, 1.5, 0.25])), [0.25, -0.125], atol=1e-12)


@pytest.mark.parametrize(("azimuth", "sign"), [(0, -1), (20, -1), (180, 1), (200, 1)])
def test_who_faces_the_camera_has_the_right_side_on_the_left(azimuth: float, sign: int) -> None:
    joints = projected(Camera(azimuth))
    for joint in ("shoulder", "hip", "ankle"):
        assert np.sign(joints[f"right_{joint}"][0] - joints[f"left_{joint}"][0]) == sign
    assert joints["nose"][1] < joints["left_hip"][1] < joints["left_ankle"][1]
    joints = projected(Camera(azimuth=90))  # from the person's right: who walks to the right looks to the right
    assert joints["nose"][0] > joints["right_ear"][0]


def test_faults_come_in_the_shares_asked_for() -> None:
    joints = np.repeat(BODY[..., :2] * [1, -1], 400, 0)
    found = Estimator(missing=0.2).detect(joints, COCO17, 15.0, np.random.default_rng(0))
    assert (found.layout, found.rate_hz, found.data.shape) == ("coco17", 15.0, (3, 400, 17, 1))
    lost = found.data[2] == 0
    assert 0.17 < lost.mean() < 0.23 and not found.data[:, lost].any()
    np.testing.assert_allclose(found.data[:2, ~lost[..., 0]][..., 0].T, joints[~lost[..., 0]] * 1000, rtol=1e-5)
    height = np.ptp(joints[0, :, 1])
    shaken = Estimator(jitter=0.02, drift=0.05).detect(joints, COCO17, 15.0, np.random.default_rng(0))
    off = shaken.data[:2, ..., 0].transpose(1, 2, 0) / 1000 - joints
    assert off.std(0).mean() == pytest.approx(0.02 * height, rel=0.1)
    assert off.mean(0).std() == pytest.approx(0.05 * height, rel=0.3)
    held = Estimator(jitter=0.02, held=0.3).detect(joints, COCO17, 15.0, np.random.default_rng(0)).data
    assert 0.24 < (held[:, 1:] == held[:, :-1]).all((0, 2, 3)).mean() < 0.36
    gone = Estimator(gone=0.5).detect(joints, COCO17, 15.0, np.random.default_rng(0)).data[2, ..., 0]
    assert set(np.unique((gone == 0).mean(0))) == {0.0, 1.0}
