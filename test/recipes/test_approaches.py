"""Composed walks over the floor, and what people do before, after and while they walk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from recipes.everyday import approaches, strikes
from recipes.everyday import bodies as body
from recipes.everyday.drawing import ARMS, CLASS, MOTION, POSTURE, SIT, STAND, WALKING, Drawing
from recipes.everyday.examples import ExampleSource
from recipes.everyday.labels import GROUPS, UNKNOWN
from recipes.everyday.take_pool import TakePool
from recipes.readers.takes import Take

FRAMES, PEOPLE = 60, 128
PLAIN = Drawing(frames=FRAMES)
STANDING = np.array(
    [[0, -0.7, 0], [0.2, -0.45, 0], [-0.2, -0.45, 0], [0.25, -0.15, 0], [-0.25, -0.15, 0], [0.25, 0.1, 0],
     [-0.25, 0.1, 0], [0.1, 0, 0], [-0.1, 0, 0], [0.1, 0.45, 0], [-0.1, 0.45, 0], [0.1, 0.9, 0], [-0.1, 0.9, 0]]
)  # fmt: skip
LEG_BONES = ((7, 9), (9, 11), (8, 10), (10, 12))


@pytest.fixture(scope="module")
def still() -> Take:
    """Somebody who stands still, facing the camera."""
    return Take(np.repeat(STANDING[None], 120, 0).astype(np.float32), 15.0, "Standing", "s1", "vicon_physical", "a")


def drawn(still: Take, monkeypatch: pytest.MonkeyPatch, kind: int, how: Drawing = PLAIN) -> tuple[NDArray, NDArray]:
    """128 windows of one kind, and their targets."""
    monkeypatch.setattr(approaches, "CHANCES", tuple(float(number == kind) for number in range(4)))
    rng = np.random.default_rng(kind)
    return approaches.approaches(PEOPLE, TakePool.of_takes([still]), how, rng)


def speeds(people: NDArray, *joints: int) -> NDArray:
    """Level speed (n, T - 1) of the middle of joints, m/s."""
    places = people[..., list(joints), :].mean(2)[..., [0, 2]]
    return np.linalg.norm(np.diff(places, axis=1), axis=-1) * 15


@pytest.mark.parametrize("kind", range(4))
def test_legs_keep_their_lengths_and_feet_the_floor(still: Take, monkeypatch: pytest.MonkeyPatch, kind: int) -> None:
    people, _ = drawn(still, monkeypatch, kind)
    assert np.isfinite(people).all()
    lengths = np.stack([np.linalg.norm(people[..., a, :] - people[..., b, :], axis=-1) for a, b in LEG_BONES], -1)
    assert np.quantile(np.abs(lengths / lengths[:, :1] - 1), 0.99) < 0.05
    assert people[..., (body.L_ANKLE, body.R_ANKLE), 1].max() < 0.95  # 0.9 where they stand, and y runs downwards


@pytest.mark.parametrize("kind", [approaches.WALK, approaches.WAY, approaches.GESTURE])
def test_one_foot_stands_while_the_hips_go_on(still: Take, monkeypatch: pytest.MonkeyPatch, kind: int) -> None:
    people, goals = drawn(still, monkeypatch, kind)
    slower = np.minimum(speeds(people, body.L_ANKLE), speeds(people, body.R_ANKLE))
    hips = speeds(people, body.L_HIP, body.R_HIP)
    walking = goals[:, 1:, MOTION] == WALKING
    assert np.median(hips[walking]) > 0.4
    assert np.quantile(slower[walking], 0.9) < 0.3 * np.median(hips[walking])
    still_there = (goals[:, 1:, MOTION] == 0) & (goals[:, 1:, ARMS] == 0) & (goals[:, 1:, POSTURE] == STAND)
    assert np.quantile(hips[still_there], 0.9) < 0.3


def test_who_walks_goes_to_the_front(still: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    people, goals = drawn(still, monkeypatch, approaches.WALK)
    steps = np.diff(body.middle(people, body.L_HIP, body.R_HIP), axis=1)
    ahead = (steps * body.frame_of(people)[1][:, 1:]).sum(-1) * 15
    walking = goals[:, 1:, MOTION] == WALKING
    assert (ahead[walking] > 0).mean() > 0.95


def test_walks_lead_to_bends_and_chairs_and_away_from_them(still: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    people, goals = drawn(still, monkeypatch, approaches.WAY)
    motion = goals[..., MOTION]
    for name in ("sitting_down", "bending", "squatting"):
        own = (motion == CLASS[MOTION, name]).any(1)
        first = (motion == CLASS[MOTION, name]).argmax(1)
        before = [(row[:at] == WALKING).any() for row, at in zip(motion[own], first[own], strict=True)]
        assert sum(before) > 5, name
    left = [row for row in motion if (row == CLASS[MOTION, "standing_up"]).any() and (row == WALKING).any()]
    assert len(left) > 5
    assert all((row == WALKING).argmax() > (row == CLASS[MOTION, "standing_up"]).argmax() for row in left)
    height = body.middle(people, body.L_HIP, body.R_HIP)[..., 1]
    assert height[goals[..., POSTURE] == SIT].min() > height[motion == WALKING].max()  # y runs downwards


def test_short_acts_are_told_as_such_after_a_walk(still: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    _, goals = drawn(still, monkeypatch, approaches.SHORT_ACT)
    struck = (goals[..., ARMS] > 0).any(1) | (goals[..., MOTION] == CLASS[MOTION, "kicking"]).any(1)
    walked = (goals[..., MOTION] == WALKING).any(1)
    assert struck.sum() > 30 and (struck & walked).sum() > 15
    assert set(np.unique(goals[..., MOTION])) <= {UNKNOWN, 0, WALKING, CLASS[MOTION, "kicking"]}


def test_the_step_of_a_short_act_after_a_walk_is_told_as_the_drawing_says(
    still: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    people, unknown = drawn(still, monkeypatch, approaches.SHORT_ACT, replace(PLAIN, steps_none=False))
    same, told = drawn(still, monkeypatch, approaches.SHORT_ACT, replace(PLAIN, steps_none=True))
    assert np.array_equal(people, same)
    differs = unknown[..., MOTION] != told[..., MOTION]
    assert differs.sum() > 50 and set(np.unique(unknown[..., MOTION][differs])) == {UNKNOWN}


def test_haste_makes_short_acts_quicker_and_nothing_else() -> None:
    slow, quick = (strikes.drawn(200, np.random.default_rng(1), haste) for haste in (1.0, 2.0))
    assert [act.label for act in slow] == [act.label for act in quick]
    ratio = np.array([sum(one.times) / sum(other.times) for one, other in zip(slow, quick, strict=True)])
    assert 1 <= ratio.min() < 1.1 and 1.9 < ratio.max() <= 2 + 1e-9


def test_examples_have_their_share_of_approaches(still: Take) -> None:
    how = Drawing(strikes=0, idle=0, drinking=0, gestures=0, transitions=0, single=0, seated=0, lying=0, falling=0,
                  picture_share=0)  # fmt: skip
    without, some = (
        ExampleSource([still], replace(how, approaches=share)).draw(40, np.random.default_rng(3)).targets
        for share in (0.0, 0.5)
    )
    assert without.shape == some.shape
    walks = (some[..., MOTION] == WALKING).any(1)
    assert not (without[..., MOTION] == WALKING).any() and not walks[:20].any() and walks[20:].mean() > 0.5


def test_who_appears_as_an_act_begins_is_not_seen_before(still: Take) -> None:
    how = Drawing(strikes=1.0, idle=0, drinking=0, gestures=0, late=0, cut=0, lost=0, legless=0, single=0, seated=0,
                  lying=0, falling=0, abrupt=1.0, picture_share=0)  # fmt: skip
    batch = ExampleSource([still], how).draw(200, np.random.default_rng(2))
    short = [CLASS[ARMS, name] for name in ("pointing", "throwing", "punching", "pushing")]
    for joints, goals in zip(batch.joints, batch.targets, strict=True):
        told = np.isin(goals[:, ARMS], short) | (goals[:, MOTION] == list(GROUPS["motion"]).index("kicking"))
        if not told.any():
            continue
        first, seen = int(told.argmax()), (joints[..., 2] > 0).any(1)
        assert seen[first:].all() and not seen[: max(first - 10, 0)].any()
