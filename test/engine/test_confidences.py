"""Which joints were found must not depend on how an estimator scales its confidences."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from co_perception.engine.confidences import claimed, found, rescaled

P = np.array([0.95, 0.9, 0.6, 0.52, 0.3, 0.08, 0.02])  # the last two were not found
FOUND = P > 0.095


def joints(scores: NDArray[np.float64], columns: int = 3) -> NDArray[np.float32]:
    places = np.arange(len(scores) * (columns - 1), dtype=np.float32).reshape(len(scores), -1) + 5
    return np.column_stack([places, scores]).astype(np.float32)


def logit(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(p / (1 - p))


@pytest.mark.parametrize(
    ("scores", "wanted"),
    [
        (P, FOUND), (P / 2, FOUND), (P * 0.01, FOUND), (P * 1.3, FOUND), (100 * P, FOUND), (255 * P, FOUND),
        (1000 * P, FOUND), (logit(P), FOUND), (FOUND.astype(float), FOUND), (np.where(FOUND, P, 0), FOUND),
        (np.where(FOUND, P, -1), FOUND), (np.where(FOUND, P, np.nan), FOUND), (np.where(FOUND, P, -1e-3), FOUND),
        (np.zeros(7), np.ones(7, bool)), (-np.ones(7), np.ones(7, bool)), (np.full(7, np.nan), np.ones(7, bool)),
        (np.ones(7), np.ones(7, bool)), (np.where(FOUND, logit(P), -np.inf), FOUND),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("columns", "coordinates"), [(3, "pixels"), (3, "shares"), (4, "optical"), (4, "kinect")])
def test_any_scale(scores: NDArray[np.float64], wanted: NDArray[np.bool_], columns: int, coordinates: str) -> None:
    person = joints(scores, columns)
    np.testing.assert_array_equal(found(person, coordinates), wanted)
    again = rescaled(person, coordinates)
    assert not again[~wanted].any() and (again[wanted, -1] > 0).all() and again[:, -1].max() <= 1.5
    np.testing.assert_array_equal(again[wanted, :-1], person[wanted, :-1])
    np.testing.assert_allclose(rescaled(again, coordinates), again)


@pytest.mark.parametrize("scores", [P, np.zeros(7)])
def test_the_corner_of_a_picture_is_no_place(scores: NDArray[np.float64]) -> None:
    person = joints(scores)
    person[1, :2] = 0
    assert not found(person, "pixels")[1] and found(person, "pixels")[0]


@pytest.mark.parametrize(("away", "there"), [(3.0, False), (0.4, True)])
def test_the_origin_in_space_is_a_place_of_a_person_around_it_alone(away: float, there: bool) -> None:
    person = np.tile(np.array([away, 0.1, 0.1, 0.9], np.float32), (7, 1))
    person[2, :3] = 0
    assert found(person, "kinect").tolist() == [True, True, there, True, True, True, True]


def test_nobody_and_people_of_several_scales_in_one_array() -> None:
    people = np.stack([np.zeros((7, 3), np.float32), joints(P), joints(255 * P)])
    assert found(people, "pixels").tolist() == [[False] * 7, FOUND.tolist(), FOUND.tolist()]


def test_a_place_that_is_no_number_is_claimed_and_not_found() -> None:
    person = joints(P)
    person[0, 0] = np.nan
    assert claimed(person, "pixels")[0] and not found(person, "pixels")[0]
