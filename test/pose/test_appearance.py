"""Appearance: the colors of a person's clothes, wherever they stand, and none of the room's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.stick_figures import person

from bench.dressed_people import BEIGE, BLACK, BLUE, GREEN, RED, picture
from co_perception.engine.target import Pose
from co_perception.pose.appearance import Appearance, appearance, lab, similarities


def alike(one: Appearance, other: Appearance) -> float:
    return float(similarities([one], [other])[0, 0])


def seen(shirt: Any, trousers: Any, x: float = 200, size: float = 30, **options: Any) -> Appearance:
    pose = person(x, 100, size)
    found = appearance(picture([(pose, shirt, trousers)], **options), pose)
    assert found is not None
    return found


def test_the_same_clothes_are_alike_anywhere_and_others_are_not() -> None:
    first = seen(RED, BLUE)
    assert alike(first, first) == pytest.approx(1)
    assert alike(first, seen(RED, BLUE, x=450, size=20)) > 0.95
    assert alike(first, seen(GREEN, BLACK)) < 0.5
    assert alike(first, seen(BLUE, RED)) < 0.5, "where a color is matters"
    assert 0.5 < alike(first, seen(RED, BLACK)) < 0.9, "half of the clothes"


def test_the_room_says_nothing() -> None:
    for room in ((255, 255, 255), (0, 90, 0), (10, 10, 200)):
        assert alike(seen(RED, BEIGE), seen(RED, BEIGE, room=room)) > 0.97


def test_light_changes_colors_a_little() -> None:
    dimmer = seen(tuple(round(0.85 * c) for c in RED), tuple(round(0.85 * c) for c in BLUE))
    assert alike(dimmer, seen(RED, BLUE)) > alike(dimmer, seen(GREEN, BLUE)) + 0.2


def test_the_same_from_the_other_side() -> None:
    """Left and right are one part: clothes are the same on both."""
    pose = person(200)
    turned = pose.data.copy()
    turned[[5, 7, 9, 11, 13, 15]], turned[[6, 8, 10, 12, 14, 16]] = (
        pose.data[[6, 8, 10, 12, 14, 16]], pose.data[[5, 7, 9, 11, 13, 15]]
    )  # fmt: skip
    pixels = picture([(pose, RED, BLUE)])
    first, other = appearance(pixels, pose), appearance(pixels, Pose(turned))
    assert first is not None and other is not None and alike(first, other) == pytest.approx(1)


def test_who_is_hardly_in_sight_has_none() -> None:
    pose = person(200)
    pixels = picture([(pose, RED, BLUE)])
    assert appearance(pixels[:, :175], pose) is None, "most of the body is beyond the edge"
    assert appearance(pixels, person(200, size=4)) is None, "too small"
    assert appearance(pixels, person(200, joints=5)) is None, "a face alone"
    legs_hidden = appearance(pixels, person(200, joints=13))
    assert legs_hidden is not None and legs_hidden.weights[-2:].tolist() == [0, 0]
    whole = appearance(pixels, pose)
    assert whole is not None and alike(whole, legs_hidden) == pytest.approx(1)


def test_lab_is_that_of_the_standard() -> None:
    """Values of the sRGB primaries under D65, as in Lindbloom's calculator (brucelindbloom.com)."""
    colors = np.array([(255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0)], np.uint8)
    published = [(100, 0, 0), (53.24, 80.09, 67.20), (87.73, -86.18, 83.18), (32.30, 79.19, -107.86), (0, 0, 0)]
    np.testing.assert_allclose(lab(colors), published, atol=0.05)
