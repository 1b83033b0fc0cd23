"""Spliced visits, what became of people in them, and drawn crossings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers.stick_figures import person

from bench.crossings import KINDS, crossings, swapped
from bench.dressed_people import BLACK, BLUE, GREEN, RED, picture
from bench.visits import Clip, ids_of_visits, outcome, spliced
from co_perception.engine.settings import values_of
from co_perception.pose.finder import PoseSettings


def clip(*people: tuple[str, float, Any, Any], frames: int = 12) -> Clip:
    """People with a name, a place, a shirt and trousers, who stand, at 10 Hz."""
    poses = tuple(replace(person(x, 40, 15), id=name) for name, x, _, _ in people)
    drawn = picture([(pose, *clothes) for pose, (_, _, *clothes) in zip(poses, people, strict=True)], (200, 320))
    stamps = tuple(n * 100_000_000 for n in range(frames))
    return Clip("/".join(pose.id for pose in poses), np.stack([drawn] * frames), stamps, (poses,) * frames)


ANN, BOB = ("ann", 80, RED, BLUE), ("bob", 220, GREEN, BLACK)


def test_visits_come_one_after_the_other_with_nobody_in_between() -> None:
    frames = list(spliced([clip(ANN), clip(BOB, frames=3)], [2.0]))
    stamps = [frame.stamp_ns for frame in frames]
    assert stamps == sorted(set(stamps))
    assert [frame.visit for frame in frames] == [0] * 12 + [-1] * 7 + [1] * 3
    assert stamps[-3] - stamps[11] == 2_000_000_000
    assert {pose.id for frame in frames if frame.visit == -1 for pose in frame.people} == set()


@pytest.mark.parametrize(("identity", "becomes"), [("none", "new"), ("appearance", "right")])
def test_ids_of_visits_are_those_of_the_finder(identity: str, becomes: str) -> None:
    settings = values_of(PoseSettings, {"identity": identity})
    visits = ids_of_visits(spliced([clip(ANN, BOB), clip(BOB)], [3.0]), settings)
    assert set(visits[0].values()) == {"p1", "p2"}
    assert outcome("bob", visits) == becomes


def test_outcomes() -> None:
    before = {"ann": "p1", "bob": "p2"}
    for name, last, wanted in (
        ("ann", {"ann": "p1"}, "right"),
        ("ann", {"ann": "p3"}, "new"),
        ("ann", {"ann": "p2"}, "wrong"),
        ("ann", {"ann": ""}, "none"),
        ("eve", {"eve": "p3"}, "right"),
        ("eve", {"eve": "p1"}, "wrong"),
    ):
        assert outcome(name, [before, last]) == wanted


def test_parts_of_a_clip() -> None:
    whole = clip(ANN, BOB)
    end = whole.part(0.5, 1).only("bob")
    assert end.stamps_ns == tuple(n * 100_000_000 for n in range(6)) and end.names == ("bob",)
    assert len(end.pictures) == len(end.people) == 6


def test_who_is_behind_is_not_found_where_they_cross() -> None:
    for crossing in crossings(len(KINDS)):
        found = [[pose.id for pose in crossing.frame(n)[1]] for n in range(0, crossing.places.shape[1], 6)]
        assert found[0] == found[-1] == ["0", "1"]
        assert ["1"] in found or crossing.kind != "pass"


def test_a_crossing_that_ends_with_exchanged_ids_is_told() -> None:
    crossing = next(each for each in crossings(4) if each.kind == "stand")
    settings = values_of(PoseSettings, {})
    assert swapped(crossing, settings) == "held"
    late = crossing.places.shape[1] * 2 // 3
    exchanged = crossing.places.copy()
    exchanged[:, late:] = exchanged[::-1, late:]  # each is where the other one was: ids stay with places
    assert swapped(replace(crossing, places=exchanged), settings) == "swapped"
