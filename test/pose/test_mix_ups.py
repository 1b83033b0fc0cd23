"""Mix-ups: who met somebody is compared with them once, and ids go to whom they belong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from helpers.stick_figures import person

from co_perception.engine.target import Pose
from co_perception.pose.appearance import PARTS, WEIGHTS, Appearance
from co_perception.pose.gallery import AppearanceGallery
from co_perception.pose.mix_ups import MixUps


def view(*shares: float) -> Appearance:
    return Appearance(np.tile(np.sqrt(shares), (len(PARTS), 1)), WEIGHTS)


ANN, BOB, EITHER = view(0.9, 0.1), view(0.1, 0.9), view(0.5, 0.5)
IDS = {"p1": "ann", "p2": "bob"}


def gallery() -> AppearanceGallery:
    made = AppearanceGallery(4, 60)
    for id, look in (("ann", ANN), ("bob", BOB)):
        made.add(id, look, 0)
    return made


def pose(track: str, x: float) -> Pose:
    return replace(person(x), id=track)


def met() -> MixUps:
    mix_ups = MixUps(views=2, pause_ns=10)
    mix_ups.note([pose("p1", 200), pose("p2", 210)], IDS)
    assert mix_ups.is_open("p1") and mix_ups.is_open("p2")
    return mix_ups


def look(mix_ups: MixUps, track: str, looks: Appearance) -> None:
    for stamp in (100, 110):
        assert mix_ups.is_due(track, stamp) and not (stamp == 110 and mix_ups.is_due(track, 109))
        mix_ups.add(track, looks, stamp)
    assert not mix_ups.is_due(track, 1000), "that is enough"


def test_who_meets_nobody_is_not_looked_at() -> None:
    mix_ups = MixUps(views=2, pause_ns=10)
    mix_ups.note([pose("p1", 100), pose("p2", 400)], IDS)
    mix_ups.note([pose("p1", 100)], IDS)
    assert not mix_ups.is_open("p1") and not mix_ups.is_due("p1", 100)
    assert mix_ups.settle(IDS, gallery()) == {}


def test_two_who_kept_their_places_keep_their_ids() -> None:
    mix_ups = met()
    look(mix_ups, "p1", ANN)
    look(mix_ups, "p2", BOB)
    assert mix_ups.settle(IDS, gallery()) == {}
    assert not mix_ups.is_open("p1") and not mix_ups.is_open("p2")


def test_two_who_were_mixed_up_exchange_their_ids_together() -> None:
    mix_ups = met()
    look(mix_ups, "p1", BOB)
    assert mix_ups.settle(IDS, gallery()) == {}, "bob is not yet known to be ann"
    look(mix_ups, "p2", ANN)
    assert mix_ups.settle(IDS, gallery()) == {"p1": "bob", "p2": "ann"}
    assert not mix_ups.is_open("p1") and not mix_ups.is_open("p2")


def test_one_who_took_over_the_track_of_somebody_who_left() -> None:
    mix_ups = met()
    mix_ups.end(["p2"])
    look(mix_ups, "p1", BOB)
    assert mix_ups.settle({"p1": "ann"}, gallery()) == {"p1": "bob"}


def test_who_might_be_either_stays() -> None:
    mix_ups = met()
    look(mix_ups, "p1", EITHER)
    look(mix_ups, "p2", EITHER)
    assert mix_ups.settle(IDS, gallery()) == {}
    assert not mix_ups.is_open("p1") and not mix_ups.is_open("p2")


def test_an_id_is_not_taken_from_its_owner() -> None:
    mix_ups = met()
    look(mix_ups, "p2", BOB)
    look(mix_ups, "p1", BOB)
    assert mix_ups.settle(IDS, gallery()) == {}
    assert not mix_ups.is_open("p1")


def test_views_begin_anew_while_they_touch() -> None:
    mix_ups = met()
    look(mix_ups, "p1", BOB)
    mix_ups.note([pose("p1", 200), pose("p2", 210)], IDS)
    assert mix_ups.is_due("p1", 1000)
