"""Composed short acts of the whole body."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from recipes.everyday import bodies as body
from recipes.everyday import strikes
from recipes.everyday.drawing import ARMS, MOTION, POSTURE, Drawing
from recipes.everyday.labels import GROUPS, UNKNOWN
from recipes.everyday.strike_kinds import STRIKES
from recipes.everyday.take_pool import TakePool
from recipes.readers.takes import Take

FRAMES = 60
STANDING = np.array(
    [[0, -0.7, 0], [0.2, -0.45, 0], [-0.2, -0.45, 0], [0.25, -0.15, 0], [-0.25, -0.15, 0], [0.25, 0.1, 0],
     [-0.25, 0.1, 0], [0.1, 0, 0], [-0.1, 0, 0], [0.1, 0.45, 0], [-0.1, 0.45, 0], [0.1, 0.9, 0], [-0.1, 0.9, 0]]
)  # fmt: skip
BONES = ((1, 3), (3, 5), (2, 4), (4, 6), (7, 9), (9, 11), (8, 10), (10, 12), (7, 8))


@pytest.fixture(scope="module")
def pool() -> TakePool:
    """Somebody who stands still, facing the camera."""
    joints = np.repeat(STANDING[None], 120, 0).astype(np.float32)
    return TakePool.of_takes([Take(joints, 15.0, "Standing", "s1", "vicon_physical", "a")])


def acts(
    pool: TakePool, monkeypatch: pytest.MonkeyPatch, number: int, haste: float = 1.0, steps_none: bool = False
) -> tuple[NDArray, NDArray]:
    """64 windows of one kind of act, and their targets."""
    monkeypatch.setattr(strikes, "STRIKES", (STRIKES[number],))
    people, goals = np.zeros((64, FRAMES, 13, 3), np.float32), np.zeros((64, FRAMES, 4), np.int64)
    how = Drawing(strikes=1.1, haste=haste, steps_none=steps_none)
    strikes.compose_strikes(people, goals, pool, how, np.random.default_rng(number))
    return people, goals


@pytest.mark.parametrize("number", range(len(STRIKES)))
def test_bones_keep_their_lengths_and_one_label_is_told(
    pool: TakePool, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    people, goals = acts(pool, monkeypatch, number)
    lengths = np.stack([np.linalg.norm(people[..., a, :] - people[..., b, :], axis=-1) for a, b in BONES], -1)
    off = np.abs(lengths / lengths.mean(1, keepdims=True) - 1)
    assert np.isfinite(people).all() and np.quantile(off, 0.99) < 0.05 and off.max() < 0.4
    label = STRIKES[number][0](np.random.default_rng(0)).label
    group = MOTION if label in GROUPS["motion"][1:] else ARMS
    told = set(np.unique(goals[..., group])) - {UNKNOWN, 0}
    assert told == (set() if label == "none" else {list(GROUPS.values())[group].index(label)})
    assert not goals[..., POSTURE].any()
    other = goals[..., ARMS if group == MOTION else MOTION]
    assert not (other > 0).any()


def test_a_kick_is_told_while_the_ankle_is_up(pool: TakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    people, goals = acts(pool, monkeypatch, 0)
    ankles = people[..., (body.L_ANKLE, body.R_ANKLE), 1]
    rise = ankles.max(-1) - ankles.min(-1)  # y runs downwards
    told = goals[..., MOTION] == GROUPS["motion"].index("kicking")
    first = told & ~np.pad(told, ((0, 0), (2, 0)))[:, :-2]  # it is told for a moment after its end
    first[:, :2] = False
    assert np.median(rise[first]) > 0.2 > np.quantile(rise[goals[..., MOTION] == 0], 0.97)
    standing = np.sort(np.ptp(ankles, axis=1), -1)
    assert np.median(standing[:, 0]) < 0.2 and np.median(standing[:, 1]) > 0.4  # one leg kicks, the other stands


@pytest.mark.parametrize(("number", "both"), [(1, False), (2, True), (3, False)])
def test_hands_of_a_punch_a_push_and_a_pointing_are_out_while_it_is_told(
    pool: TakePool, monkeypatch: pytest.MonkeyPatch, number: int, both: bool
) -> None:
    people, goals = acts(pool, monkeypatch, number)
    reach = [people[..., wrist, :] - people[..., shoulder, :] for shoulder, _, wrist in body.SIDES]
    out = np.linalg.norm(np.stack(reach, -2), axis=-1)
    _, front = body.frame_of(people)
    ahead = np.stack([(each * front).sum(-1) for each in reach], -1)
    best = (out * (ahead > 0.1)).max(-1)
    length = np.linalg.norm(STANDING[1] - STANDING[3]) + np.linalg.norm(STANDING[3] - STANDING[5])
    inner = (goals[:, :-4, ARMS] > 0) & (goals[:, 4:, ARMS] > 0)  # well within the act
    assert np.median(best[:, 2:-2][inner]) > 0.6 * length
    least = np.sort(ahead, -1)[:, 2:-2, 0][inner]
    assert (np.median(least) > 0.3 * length) == both


def test_one_step_is_no_motion_or_an_unknown_one() -> None:
    acts = [replace(STRIKES[1][0](np.random.default_rng(0)), step=step) for step in (0.0, 0.5)]
    phase, at = strikes.phases(acts, FRAMES, np.random.default_rng(1))
    unknown, none = np.zeros((2, 2, FRAMES, 4), np.int64)
    strikes.set_goals(unknown, acts, phase, at)
    strikes.set_goals(none, acts, phase, at, steps_none=True)
    assert not none[..., MOTION].any() and not unknown[0, :, MOTION].any()
    assert (unknown[1, :, MOTION] == UNKNOWN).any()
    assert np.array_equal(none[..., ARMS], unknown[..., ARMS])


def test_haste_and_steps_of_composed_acts_are_those_of_the_drawing(
    pool: TakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, unknown = acts(pool, monkeypatch, 1)
    same, none = acts(pool, monkeypatch, 1, steps_none=True)
    assert (unknown[..., MOTION] == UNKNOWN).any() and not none[..., MOTION].any() and np.array_equal(slow, same)
    quick, _ = acts(pool, monkeypatch, 1, haste=2.0)
    fastest, before = (np.abs(np.diff(people, axis=1)).max((1, 2, 3)).mean() for people in (quick, slow))
    assert fastest > 1.1 * before
