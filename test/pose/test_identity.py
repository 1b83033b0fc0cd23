"""Identity: who comes back has the old id, and nobody else has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers.stick_figures import person

from bench.dressed_people import BEIGE, BLACK, BLUE, GREEN, RED, picture
from co_perception.engine.data import Image
from co_perception.engine.picture_motion import PictureMotion
from co_perception.engine.settings import values_of
from co_perception.engine.target import Pose
from co_perception.pose.finder import Finder, PoseSettings, TrackedPoses
from co_perception.pose.identity import Identity
from co_perception.pose.tracker import Tracked, Tracker

RATE_HZ = 10
Dressed = tuple[Pose, Any, Any]


class Theater:
    """Shows people to a `Finder`, which gets their poses."""

    name, layout = "theater", "coco17"

    def __init__(self, **settings: Any) -> None:
        chosen = {"identity": "appearance", "confirm": 1, "second_look": 0, **settings}
        self.finder = Finder(self, values_of(PoseSettings, chosen))
        self.now_s = 1.0
        self.people: Sequence[Dressed] = ()

    def show(self, *people: Dressed, seconds: float = 1.0, size: tuple[int, int] = (480, 640)) -> list[TrackedPoses]:
        """Frames in which these people are in sight; the last one of the same picture."""
        self.people, pixels = people, picture(people, size)
        found = []
        for _ in range(round(seconds * RATE_HZ)):
            found.append(self.finder.find(Image(pixels, round(self.now_s * 1e9))))
            self.now_s += 1 / RATE_HZ
        return found

    def estimate(self, image: Image) -> list[Pose]:
        return [replace(pose) for pose, _, _ in self.people]

    def reset(self) -> None: ...

    def close(self) -> None: ...


ANN = (person(150), RED, BLUE)
ANN_ELSEWHERE = (person(480, 120, 26), RED, BLUE)
BOB = (person(480), GREEN, BLACK)
EVE = (person(150), BEIGE, BLACK)  # where Ann was
ANNS_TWIN = (person(330), RED, BLUE)


def ids(found: TrackedPoses) -> list[str]:
    return [pose.id for pose in found.poses]


@pytest.mark.parametrize("away_s", [2, 30])
def test_who_comes_back_elsewhere_has_the_old_id(away_s: float) -> None:
    scene = Theater()
    assert ids(scene.show(ANN, BOB)[-1]) == ["p1", "p2"]
    assert [each.tracked.lost for each in scene.show(seconds=away_s) if each.tracked.lost] == [("p1", "p2")]
    found = scene.show(ANN_ELSEWHERE)
    assert ids(found[-1]) == ["p1"]
    events = [(each.tracked.born, each.tracked.back) for each in found if each.tracked.born or each.tracked.back]
    assert events == [((), ("p1",))]
    assert {id for each in found for id in ids(each)} == {"p1"}, "no other id before that"


def test_off_everybody_is_new() -> None:
    scene = Theater(identity="none")
    scene.show(ANN)
    scene.show(seconds=2)
    assert ids(scene.show(ANN)[-1]) == ["p2"]


def test_another_person_in_the_same_place_is_new() -> None:
    scene = Theater()
    scene.show(ANN)
    scene.show(seconds=2)
    found = scene.show(EVE)
    assert ids(found[-1]) == ["p2"] and found[-1].tracked.doubtful == ()
    scene.show(seconds=2)
    assert ids(scene.show(ANN, seconds=1)[-1]) == ["p1"]


def test_two_who_look_the_same_are_in_doubt_and_new() -> None:
    scene = Theater()
    scene.show(ANN, ANNS_TWIN)
    scene.show(seconds=2)
    found = scene.show(ANN)
    assert ids(found[-1]) == ["p3"]
    assert [id for each in found for id in each.tracked.doubtful] == ["p3"]


def test_somebody_like_one_who_is_present_is_in_doubt() -> None:
    """The one who stayed shows how much two are alike here."""
    scene = Theater()
    scene.show(ANN, ANNS_TWIN)
    scene.show(ANNS_TWIN, seconds=2)
    assert ids(scene.show(ANN, ANNS_TWIN)[-1]) == ["p2", "p3"]


def test_two_at_once_have_their_own_and_likes_have_none() -> None:
    scene = Theater()
    scene.show(ANN, BOB)
    scene.show(seconds=2)
    assert sorted(ids(scene.show(ANN, BOB)[-1])) == ["p1", "p2"]
    scene.show(seconds=2)
    assert ids(scene.show(ANN, ANNS_TWIN, BOB)[-1])[:2] == ["p5", "p6"], "either may be her"


def test_nobody_waits_for_an_id_while_nobody_is_away() -> None:
    scene = Theater()
    assert ids(scene.show(ANN)[0]) == ["p1"]
    assert ids(scene.show(ANN, BOB)[0]) == ["p1", "p2"]
    scene.show(ANN, seconds=2)
    waiting = scene.show(ANN, (BOB[0], BEIGE, RED))
    assert [len(ids(each)) for each in waiting[:6]] == [1, 1, 1, 1, 2, 2]
    assert waiting[0].tracked.ignored == 1


def test_who_is_hardly_in_sight_waits_no_longer_than_the_limit() -> None:
    face = (person(150, joints=5), RED, BLUE)
    for wait_s, frames in ((1.0, 10), (0.0, 0)):
        scene = Theater(identity_wait_s=wait_s)
        scene.show(BOB)
        scene.show(seconds=2)
        found = scene.show(face, seconds=2)
        assert [bool(ids(each)) for each in found] == [False] * frames + [True] * (20 - frames)


def test_looks_are_forgotten_with_time_a_reset_and_another_stream() -> None:
    scene = Theater(identity_age_s=5)
    scene.show(ANN)
    scene.show(seconds=4)
    assert ids(scene.show(ANN)[-1]) == ["p1"]
    scene.show(seconds=7)
    assert ids(scene.show(ANN)[-1]) == ["p3"]
    assert scene.finder.reset() == ("p3",)
    assert ids(scene.show(ANN)[-1]) == ["p4"]
    scene.finder.end_stream()
    assert ids(scene.show(ANN)[-1]) == ["p5"]
    scene.now_s = 0.5  # the clock is set back
    assert ids(scene.show(ANN)[-1]) == ["p6"]


def test_pictures_of_another_size_show_the_same_people() -> None:
    scene = Theater()
    scene.show(ANN)
    found = scene.show(ANN, size=(500, 700))
    assert found[0].tracked.lost == ("p1",) and ids(found[-1]) == ["p1"]


def test_a_turned_camera_sees_the_same_clothes() -> None:
    scene = Theater(rotate=90)
    scene.people = (ANN,)
    pixels = np.rot90(picture([ANN]))  # upright after a turn clockwise
    for now_s in (*np.arange(1, 2, 0.1), *np.arange(5, 6, 0.1)):
        found = scene.finder.find(Image(np.ascontiguousarray(pixels), round(now_s * 1e9)))
    assert ids(found) == ["p1"]


def test_memory_is_bounded() -> None:
    scene = Theater(identity_gallery=2)
    colors = [(RED, BLUE), (GREEN, BLACK), (BEIGE, RED)]
    for shirt, trousers in colors:
        scene.show((person(150), shirt, trousers))
        scene.show(seconds=2)
    assert ids(scene.show((person(150), *colors[2]))[-1]) == ["p3"]
    scene.show(seconds=2)
    assert ids(scene.show((person(150), *colors[0]))[-1]) == ["p5"], "the first made room"


def test_two_whom_the_tracker_exchanges_where_they_meet_have_their_ids_again() -> None:
    identity = Identity(values_of(PoseSettings, {"identity": "appearance"}))
    ann, bob = ((RED, BLUE), (GREEN, BLACK))
    given: list[set[tuple[str, Any]]] = []
    for number in range(40):
        clothes = (ann, bob) if number < 20 else (bob, ann)  # of who is followed as p1 and p2
        places = (150, 480) if not 18 <= number < 22 else (300, 320)
        poses = [replace(person(x), id=id) for x, id in zip(places, ("p1", "p2"), strict=True)]
        pixels = picture([(pose, *worn) for pose, worn in zip(poses, clothes, strict=True)])
        found = identity.resolve(pixels, Tracked(tuple(poses)), round(1e9 + number * 1e8)).poses
        given.append({(pose.id, worn) for pose, worn in zip(found, clothes, strict=True)})
    assert given[0] == given[17] == {("p1", ann), ("p2", bob)}
    assert given[22] == {("p1", bob), ("p2", ann)}, "as the tracker has it"
    assert given[30] == given[39] == {("p1", ann), ("p2", bob)}


class Depths:
    """A camera that shifts the picture by (3, 0) a frame, where everybody under these ids is at 2 m."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._depths = dict.fromkeys(ids, 2.0)
        self.counts = Counter[str]()

    def motion(self, image: Image, people: Sequence[Pose]) -> PictureMotion:
        return PictureMotion(np.array([[1.0, 0.0, 3.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))

    def depths(self) -> dict[str, float]:
        return self._depths

    def reset(self) -> None: ...


def test_the_motion_of_a_camera_is_told_of_who_has_an_old_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tracker knows them by another id than all others do: it gets their depth, and gives their motion."""
    told: list[Mapping[str, float]] = []
    plain = Tracker.follow_camera

    def follow_camera(self: Tracker, motion: PictureMotion, depths: Mapping[str, float]) -> None:
        told.append(depths)
        plain(self, motion, depths)

    monkeypatch.setattr(Tracker, "follow_camera", follow_camera)
    scene = Theater()
    scene.finder.camera_motion = Depths(["p1"])
    assert ids(scene.show(ANN)[-1]) == ["p1"]
    scene.show(seconds=3)
    found = scene.show(ANN_ELSEWHERE)
    assert ids(found[-1]) == ["p1"]
    assert set(found[-1].motions) == {"p1"} and found[-1].motions["p1"][0] > 0
    assert told[-1] == {"p2": 2.0}, "the track that she has now"
