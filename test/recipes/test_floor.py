"""People on the floor: their limbs keep their lengths, their feet are on it, and who sinks down ends on the back."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.everyday import bodies as body
from recipes.everyday import floor

COUNT = 60
BONES = ((5, 3), (3, 1), (6, 4), (4, 2), (7, 9), (9, 11), (8, 10), (10, 12), (1, 2), (7, 8))


def standing(frames: int = 20) -> np.ndarray:
    """The same person (COUNT, frames, 13, 3) on their feet, looking along +z or whatever `frame_of` says, y down."""
    figure = np.zeros((13, 3), np.float32)
    figure[0] = 0, -1.6, 0
    heights = ((0.2, 1.4), (0.25, 1.1), (0.25, 0.85), (0.1, 0.9), (0.1, 0.45), (0.1, 0.0))
    for sign, first in ((1, 1), (-1, 2)):
        for row, (aside, height) in zip(range(first, 13, 2), heights, strict=True):
            figure[row] = sign * aside, -height, 0
    return np.broadcast_to(figure, (COUNT, frames, 13, 3)).copy()


def trunk_angle(bodies: np.ndarray) -> np.ndarray:
    """Degrees between the trunk and the vertical."""
    trunk = body.middle(bodies, body.L_SHOULDER, body.R_SHOULDER) - body.middle(bodies, body.L_HIP, body.R_HIP)
    return np.degrees(np.arccos(-trunk[..., 1] / np.linalg.norm(trunk, axis=-1)))


def lengths(bodies: np.ndarray) -> np.ndarray:
    return np.stack([np.linalg.norm(bodies[..., a, :] - bodies[..., b, :], axis=-1) for a, b in BONES], -1)


@pytest.mark.parametrize("how", [floor.sitting, floor.lying])
def test_legs_are_those_of_the_body_and_feet_are_near_the_floor(how: object) -> None:
    people = standing(2)
    found = body.seated(people, *how(COUNT, np.random.default_rng(0)))  # type: ignore[operator]
    np.testing.assert_allclose(lengths(found), lengths(people), atol=1e-3)
    hips = body.middle(found, body.L_HIP, body.R_HIP)[..., 1]
    ankles = found[..., [body.L_ANKLE, body.R_ANKLE], 1].mean(-1)
    assert np.percentile(np.abs(ankles - hips), 90) < 0.2  # the floor is where the hips are, within a hand's breadth
    angles = trunk_angle(found)
    assert (angles < 60).all() if how is floor.sitting else (angles > 65).all()


def test_who_sinks_down_stands_first_and_lies_on_the_back_then() -> None:
    people = standing()
    share = np.broadcast_to(np.linspace(0, 1, 20), (COUNT, 20)).astype(np.float32)
    found = floor.sunk(people, share, np.random.default_rng(1))
    np.testing.assert_allclose(found[:, 0], people[:, 0], atol=1e-5)
    assert (trunk_angle(found[:, :6]) < 30).all() and (trunk_angle(found[:, -1]) > 65).all()
    shoulders = body.middle(found, body.L_SHOULDER, body.R_SHOULDER)[..., 1]
    assert (np.diff(shoulders, axis=1) > -0.02).all()  # only downwards
    assert (shoulders[:, -1] > -0.35).all()  # from 1.4 m to the floor
    np.testing.assert_allclose(lengths(found[:, -1]), lengths(people[:, -1]), atol=1e-3)
    trunks = np.linalg.norm(
        body.middle(found, body.L_SHOULDER, body.R_SHOULDER) - body.middle(found, body.L_HIP, body.R_HIP), axis=-1
    )
    assert (trunks > 0.45).all()  # nobody is squeezed on the way down
