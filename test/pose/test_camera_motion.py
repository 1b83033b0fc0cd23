"""The camera's motion by the picture, against drawn homographies; and whom it keeps."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

pytest.importorskip("cv2")

from helpers.moving_scenes import SIZE, TICK_NS, shown, standing, wall, window

from co_perception.engine.data import Image
from co_perception.engine.picture_motion import PictureMotion
from co_perception.engine.picture_turn import PictureTurn
from co_perception.engine.settings import values_of
from co_perception.engine.target import Pose
from co_perception.pose.camera_motion import ImageMotion
from co_perception.pose.finder import Finder, PoseSettings
from co_perception.pose.smoothing import Smoother
from co_perception.pose.tracker import Tracker

WALL = wall()
PLACES = np.array([(10.0, 10.0), (300, 20), (160, 120), (20, 220), (310, 230)])


def known(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """(N, 2) where PLACES of one picture are in the other."""
    return PictureMotion(now @ np.linalg.inv(before)).places(PLACES)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (window(400), window(400)),
        (window(400), window(412.5, 97.5)),
        (window(400), window(430)),
        (window(400), window(404, 102, 0.03)),
        (window(400), np.array([[1, 0.01, -1], [0, 1, 1], [2e-5, 1e-5, 1]]) @ window(403)),
    ],
    ids=["at rest", "shift", "far shift", "roll", "perspective"],
)
def test_the_background_tells_the_homography(before: np.ndarray, now: np.ndarray) -> None:
    source = ImageMotion()
    assert source.motion(shown(WALL, before), ()) is None
    motion = source.motion(shown(WALL, now), ())
    assert motion is not None
    assert np.abs(motion.places(PLACES) - known(before, now)).max() < 0.5


def test_a_camera_that_turns_round_is_found_elsewhere() -> None:
    """By as much to the one side and then to the other, where the last motion expects it at twice the distance."""
    source, views = ImageMotion(), [window(x) for x in (400, 460, 400, 460)]
    source.motion(shown(WALL, views[0]), ())
    for before, now in zip(views, views[1:], strict=False):
        motion = source.motion(shown(WALL, now), ())
        assert motion is not None
        assert np.abs(motion.places(PLACES) - known(before, now)).max() < 0.7


def test_large_pictures_are_followed_in_small_ones() -> None:
    large = np.diag([3.0, 3.0, 1.0])
    before, now = large @ window(400), large @ window(407, 102)
    source = ImageMotion()
    size = (3 * SIZE[0], 3 * SIZE[1])
    import cv2

    pictures = [Image(cv2.warpPerspective(WALL, each, size)) for each in (before, now)]
    source.motion(pictures[0], ())
    motion = source.motion(pictures[1], ())
    assert motion is not None
    assert np.abs(motion.places(3 * PLACES) - PictureMotion(now @ np.linalg.inv(before)).places(3 * PLACES)).max() < 1.5


def test_people_who_walk_are_no_background() -> None:
    """Two who fill half of the picture go to the right together, while the camera turns to the right, too."""
    source, motion = ImageMotion(), None
    for tick in range(3):
        view = window(400 + 6 * tick)
        people = [standing(450 + 20 * tick + 120 * n, view, 24) for n in range(2)]
        before = [standing(450 + 20 * (tick - 1) + 120 * n, window(400 + 6 * (tick - 1)), 24) for n in range(2)]
        motion = source.motion(shown(WALL, view, people), before)
    assert motion is not None
    assert np.abs(motion.places(PLACES) - known(window(406), window(412))).max() < 0.7


def test_a_picture_without_points_says_nothing() -> None:
    source = ImageMotion()
    blank = Image(np.full((240, 320, 3), 90, np.uint8))
    assert source.motion(blank, ()) is None and source.motion(blank, ()) is None
    assert source.counts == {"background could not be followed": 1}
    assert source.motion(shown(WALL, window(400)), ()) is None
    assert source.motion(shown(wall(7), window(700)), ()) is None, "another scene"
    assert source.motion(Image(np.zeros((200, 300, 3), np.uint8)), ()) is None, "another size is no failure"
    assert source.counts == {"background could not be followed": 3}
    source.reset()
    assert source.motion(shown(WALL, window(400)), ()) is None
    assert source.counts == {"background could not be followed": 3}


class Drawn:
    """Finds the people that are there."""

    name, layout = "drawn", "coco17"

    def __init__(self) -> None:
        self.people: list[Pose] = []

    def estimate(self, image: Any) -> list[Pose]:
        return self.people

    def reset(self) -> None: ...

    def close(self) -> None: ...


def swept(step: float, frames: int = 12, **settings: Any) -> list[Any]:
    """Two who stand still, seen by a camera that turns by `step` pixels a frame."""
    estimator, found = Drawn(), []
    finder = Finder(estimator, values_of(PoseSettings, {"second_look": 0, "confirm": 1, **settings}))
    for tick in range(frames):
        view = window(380 + step * max(tick - 3, 0))
        upright = [standing(x, view, 9) for x in (520, 610)]
        image = shown(WALL, view, upright, tick * TICK_NS)
        estimator.people = upright
        if finder.turn:  # the source picture of a camera on its side
            image = replace(image, data=np.ascontiguousarray(np.rot90(image.data, finder.turn.rotate // 90)))
        found.append(finder.find(image))
    return found


def ids(found: list[Any]) -> list[set[str]]:
    return [{pose.id for pose in each.poses} for each in found]


def test_ids_stay_where_the_camera_sweeps_people_across_the_picture() -> None:
    """By 30 pixels a frame from one frame to the next: a third of what is between them."""
    assert ids(swept(30.0))[-1] != {"p1", "p2"}, "what camera_motion is for"
    assert ids(swept(30.0, camera_motion="image")) == [{"p1", "p2"}] * 12


def test_the_motion_at_each_person_is_what_moved_them() -> None:
    found = swept(12.0, camera_motion="image")
    for tick, each in enumerate(found):
        for pose in each.poses:
            assert each.motions[pose.id] == pytest.approx((-12.0 * max(tick - 3, 0), 0.0), abs=1.5)
    assert swept(12.0)[-1].motions == {}


def test_it_is_told_in_the_source_picture_of_a_camera_on_its_side() -> None:
    motions = swept(12.0, camera_motion="image", rotate=90)[-1].motions
    assert PictureTurn(90).upright(np.zeros((2, 3, 3), np.uint8)).shape == (3, 2, 3)
    for motion in motions.values():
        assert motion == pytest.approx((0.0, 96.0), abs=2.0), "left in the upright picture is down in that one"


def test_off_it_is_what_it_was_bit_by_bit() -> None:
    """Also where nothing moves and somebody looks, the tracker does what it did."""
    plain, tracker = swept(3.0), Tracker(confirm=1)
    for tick, each in enumerate(plain):
        view = window(380 + 3 * max(tick - 3, 0))
        own = tracker.update([standing(x, view, 9) for x in (520, 610)], tick * TICK_NS)
        assert [pose.id for pose in own.poses] == [pose.id for pose in each.poses]
        assert all(np.array_equal(a.data, b.data) for a, b in zip(own.poses, each.poses, strict=True))


def test_who_is_missing_is_expected_where_the_camera_has_left_them() -> None:
    tracker = Tracker(confirm=1)
    for tick in range(3):
        tracker.update([standing(500, window(400), 9)], tick * TICK_NS)
    sweep = PictureMotion(window(440) @ np.linalg.inv(window(400)))
    for tick in range(3, 6):
        tracker.follow_camera(sweep, {})
        assert tracker.update([], tick * TICK_NS).missing == ("p1",)
    [expected] = tracker.expected(5 * TICK_NS)
    assert expected.data[0, 0] == pytest.approx(500 - 400 - 3 * 40, abs=1)
    assert tracker.camera_motions()["p1"] == pytest.approx([-120, 0], abs=1)


def test_depth_says_how_far_a_step_of_the_camera_moves_somebody() -> None:
    aside = PictureMotion(np.eye(3), np.array([-30.0, 0.0, 0.0]))
    tracker = Tracker(confirm=1)
    tracker.update([standing(500, window(400), 9), standing(650, window(400), 9)], 0)
    tracker.follow_camera(aside, {"p1": 3.0})
    assert tracker.camera_motions()["p1"] == pytest.approx([-10, 0])
    assert tracker.camera_motions()["p2"] == pytest.approx([0, 0])


def test_smoothed_joints_do_not_trail_behind_the_camera() -> None:
    smoother, move = Smoother(), partial(window, y=100.0)
    for tick in range(10):
        if tick:
            smoother.follow_camera(PictureMotion(move(400 + 12 * tick) @ np.linalg.inv(move(388 + 12 * tick))), {})
        wanted = replace(standing(600, move(400 + 12 * tick), 9), id="p1")
        [smooth] = smoother.smooth([wanted], tick * TICK_NS)
    assert np.abs(smooth.data - wanted.data).max() < 1e-3
