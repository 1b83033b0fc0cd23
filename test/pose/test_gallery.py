"""Gallery: who was seen lately, bounded in number, views and age."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.pose.appearance import PARTS, WEIGHTS, Appearance
from co_perception.pose.gallery import VIEWS, AppearanceGallery

S = 1_000_000_000


def view(*shares: float) -> Appearance:
    """Somebody with these shares of three colors, everywhere."""
    return Appearance(np.tile(np.sqrt(shares), (len(PARTS), 1)), WEIGHTS)


RED, BLUE = view(1, 0, 0), view(0, 1, 0)


def test_the_most_similar_views_count() -> None:
    gallery = AppearanceGallery(4, 60)
    for n in range(3):
        gallery.add("p1", RED, n * S)
        gallery.add("p1", BLUE, n * S)
        gallery.add("p2", view(0.5, 0.5, 0), n * S)
    assert gallery.similarity("p1", [RED]) == gallery.similarity("p1", [BLUE]) == pytest.approx(1)
    assert gallery.similarity("p2", [RED]) == pytest.approx(np.sqrt(0.5))
    assert gallery.similarity("p1", [RED, view(0, 0, 1)]) == pytest.approx(0.5), "of several views the mean"


def test_views_are_bounded_and_stay_different() -> None:
    gallery = AppearanceGallery(1, 60)
    gallery.add("p1", BLUE, 0)
    for n in range(50):
        assert gallery.is_full("p1") == (n + 1 >= VIEWS)
        gallery.add("p1", RED, n)
    assert gallery.similarity("p1", [BLUE]) == pytest.approx(0.5), "the one other view was not pushed out"


def test_who_is_away_for_too_long_is_forgotten() -> None:
    gallery = AppearanceGallery(4, 10)
    gallery.add("p1", RED, 0)
    gallery.add("p2", RED, 0)
    gallery.expire(9 * S, {"p2"})
    assert gallery.ids == {"p1", "p2"}
    gallery.expire(11 * S, set())
    assert gallery.ids == {"p2"}, "who was in sight two seconds ago"
    gallery.expire(20 * S, set())
    assert gallery.ids == set()


def test_who_is_away_longest_makes_room_and_nobody_present_does() -> None:
    gallery = AppearanceGallery(2, 60)
    gallery.add("p1", RED, 1)
    gallery.add("p2", RED, 2)
    gallery.add("p3", RED, 3, {"p1"})
    assert gallery.ids == {"p1", "p3"}
    gallery.add("p4", RED, 4, {"p1", "p3"})
    assert gallery.ids == {"p1", "p3"}


def test_limits_out_of_range_are_refused() -> None:
    for people, age_s in ((0, 10.0), (4, 0.0), (4, float("nan"))):
        with pytest.raises(ValueError, match="people is at least 1 and age_s above 0"):
            AppearanceGallery(people, age_s)
