"""Single short acts of the everyday recipe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recipes.everyday import bodies as body
from recipes.everyday.drawing import ARMS, MOTION, RATE_HZ
from recipes.everyday.labels import GROUPS, HELD_S, UNKNOWN, targets
from recipes.everyday.single_acts import SingleActs, single_acts
from recipes.everyday.take_pool import TakePool
from recipes.readers.takes import Take

STANDING = np.array(
    [[0, -0.7, 0], [0.2, -0.45, 0], [-0.2, -0.45, 0], [0.25, -0.15, 0], [-0.25, -0.15, 0], [0.25, 0.1, 0],
     [-0.25, 0.1, 0], [0.1, 0, 0], [-0.1, 0, 0], [0.1, 0.45, 0], [-0.1, 0.45, 0], [0.1, 0.9, 0], [-0.1, 0.9, 0]]
)  # fmt: skip
HITS = (30, 60, 90)


def boxer(action: str = "boxing") -> Take:
    """Somebody who faces the camera and hits three times with the left hand, half a second each."""
    joints = np.repeat((STANDING + [0, 0, 3.0])[None], 120, 0).astype(np.float32)
    out = np.exp(-(((np.arange(120) - np.array(HITS)[:, None]) / 5.0) ** 2)).sum(0)
    joints[:, body.L_WRIST] += out[:, None] * np.array([0, -0.5, -0.5])
    return Take(joints, 30.0, action, "s1", "utd_mhad", action)


def test_each_hit_of_a_series_is_a_single_act() -> None:
    found = single_acts(boxer().joints, 30.0, "punching")
    assert [(act.first < hit < act.last) for act, hit in zip(found, HITS, strict=True)] == [True] * 3
    assert all(10 < act.last - act.first < 30 and act.label == "punching" for act in found)
    assert not single_acts(boxer().joints, 30.0, "kicking")  # no leg moves


@pytest.mark.parametrize(("action", "label"), [("boxing", "punching"), ("knock", "none")])
def test_a_window_has_one_act_and_none_before_and_long_after_it(action: str, label: str) -> None:
    takes = [boxer(action)]
    source = SingleActs(takes, TakePool.of_takes(takes))
    joints, goals, labels = source.draw(64, 60, (1.0, 1.5), np.random.default_rng(0))
    assert set(labels) == {label} and joints.shape == (64, 60, 13, 3)
    number = GROUPS["arms"].index(label)
    reach = np.linalg.norm(joints[..., body.L_WRIST, :] - joints[..., body.L_HIP, :], axis=-1)
    for way, arms in zip(reach, goals[..., ARMS], strict=True):
        moving = np.flatnonzero(way > way.min() + 0.5 * np.ptp(way))
        if label != "none" and moving[-1] < 40 and np.ptp(way) > 0.5:
            assert (arms == number).sum() >= HELD_S * RATE_HZ
            assert np.ptp(np.flatnonzero(arms == number)) == (arms == number).sum() - 1  # once, without a break
            assert (arms[moving[-1] + 20 :] == 0).all() and UNKNOWN in arms
    assert set(np.unique(goals[..., ARMS])) <= {0, number, UNKNOWN} and not goals[..., MOTION].any()
    assert (goals[..., ARMS] == 0).mean() > 0.2


def test_a_short_act_is_told_for_a_moment_after_its_end() -> None:
    one = boxer()
    found = targets(replace(one, joints=np.concatenate([one.joints, one.joints[-1:].repeat(30, 0)])))
    punching = GROUPS["arms"].index("punching")
    told = np.flatnonzero(found[:, ARMS] == punching)
    assert 90 + HELD_S * 30 <= told[-1] <= 104 + HELD_S * 30
    assert found[told[-1] + 4, ARMS] == UNKNOWN
