"""Keypoint similarity, against the formula written out for single joints."""

from __future__ import annotations

import math

import numpy as np
import pytest

from co_perception.pose.similarity import areas, boxes, sigmas, similarity
from co_perception.skeletons.layouts import LAYOUTS

# As in COCO's own evaluation (cocoeval.py, kpt_oks_sigmas), joint by joint.
COCO = (26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89)


def test_sigmas_are_those_of_coco() -> None:
    assert [round(1000 * sigma) for sigma in sigmas("coco17")] == list(COCO)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_has_sigmas(name: str) -> None:
    assert sigmas(name).shape == (len(LAYOUTS[name]),)
    assert (sigmas(name) > 0).all()


def test_one_joint_by_hand() -> None:
    rng = np.random.default_rng(0)
    one = np.concatenate([rng.uniform(0, 200, (1, 17, 2)), np.ones((1, 17, 1))], -1)
    other = one.copy()
    other[0, 9, :2] += (3, -4)
    area = (areas(one)[0] + areas(other)[0]) / 2
    wrist = math.exp(-(5**2) / (2 * area * (2 * 0.062) ** 2))
    assert similarity(one, other, "coco17")[0, 0] == pytest.approx((16 + wrist) / 17)
    twice = math.exp(-(5**2) / (2 * area * (4 * 0.062) ** 2))
    assert similarity(one, other, "coco17", slack=2.0)[0, 0] == pytest.approx((16 + twice) / 17)


def test_only_joints_found_in_both_count_and_two_are_too_few() -> None:
    one = np.concatenate([np.arange(34.0).reshape(1, 17, 2), np.ones((1, 17, 1))], -1)
    other = one.copy()
    other[0, 3:] = 0.0
    assert similarity(one, other, "coco17")[0, 0] == 1.0
    other[0, 2] = 0.0
    assert similarity(one, other, "coco17")[0, 0] == 0.0


def test_boxes_hold_the_joints_found() -> None:
    pose = np.zeros((2, 17, 3))
    pose[0, :3] = [(10, 40, 1), (30, 20, 0.5), (20, 25, 1)]
    assert boxes(pose).tolist() == [[10, 20, 30, 40], [0, 0, 0, 0]]
    assert areas(pose)[0] == pytest.approx(0.53 * 400)
