"""The second look at people who lie: real pictures that are turned, and an estimator that finds upright people only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.fake_learners import NoEstimator
from helpers.stick_figures import frames, person

from co_perception.engine.data import Image, Pixels
from co_perception.engine.settings import values_of
from co_perception.engine.target import Pose
from co_perception.pose.finder import Finder, PoseSettings, TrackedPoses, build
from co_perception.pose.second_look import SecondLook, TurnedPart

FRAME_NS = 66_000_000
SIDE = 640
MAN = (314, 130)  # where he stands in the clip


class UprightOnly(NoEstimator):
    """Finds a red head above blue feet."""

    def __init__(self) -> None:
        self.runs = 0

    def estimate(self, image: Image) -> list[Pose]:
        self.runs += 1
        places = [np.argwhere(image.data[..., color] > 200) for color in (0, 2)]
        if not all(map(len, places)):
            return []
        (y, x), (feet_y, feet_x) = (place.mean(0) + 0.5 for place in places)
        return [person(x, y, (feet_y - y) / 7)] if feet_y - y > abs(feet_x - x) else []


def picture(head: tuple[int, int], feet: tuple[int, int]) -> Pixels:
    """(480, 640, 3) with a head and feet, centers in x, y."""
    out = np.zeros((480, 640, 3), np.uint8)
    for (x, y), color in ((head, 0), (feet, 2)):
        out[y - 4 : y + 4, x - 4 : x + 4, color] = 255
    return out


STANDS = picture((300, 200), (300, 340))
FALLEN = {
    "feet to the left": ((370, 300), (230, 300)),
    "feet to the right": ((230, 300), (370, 300)),
    "head to the camera": ((300, 350), (300, 210)),
}


def follow(pictures: list[Pixels], **settings: Any) -> tuple[list[TrackedPoses], UprightOnly]:
    estimator = UprightOnly()
    finder = Finder(estimator, values_of(PoseSettings, settings))
    return [finder.find(Image(pixels, n * FRAME_NS)) for n, pixels in enumerate(pictures)], estimator


@pytest.mark.parametrize("how", FALLEN)
def test_who_falls_is_found_again_under_the_same_id(how: str) -> None:
    head, feet = FALLEN[how]
    story, _ = follow([STANDS] * 5 + [picture(head, feet)] * 30, second_look=1)
    assert {pose.id for each in story for pose in each.poses} == {"p1"}
    assert all(each.poses for each in story[8:])  # after three turns at the most
    (pose,) = story[-1].poses
    assert np.abs(pose.data[0, :2] - head).max() < 1
    assert np.abs(pose.data[15:, :2].mean(0) - feet).max() < 1


def test_without_the_second_look_who_falls_is_lost_and_nothing_is_paid() -> None:
    head, feet = FALLEN["feet to the left"]
    story, estimator = follow([STANDS] * 5 + [picture(head, feet)] * 30, second_look=0)
    assert not any(each.poses for each in story[5:])
    assert estimator.runs == len(story)
    assert sum(each.looks for each in story) == 0


@pytest.mark.parametrize("every", [1, 2, 5])
def test_looks_are_bounded_and_counted(every: int) -> None:
    head, feet = FALLEN["feet to the left"]
    story, estimator = follow([STANDS] * 5 + [picture(head, feet)] * 30, second_look=every)
    assert [each.looks for each in story] == [0] * 5 + [int(n % every == 0) for n in range(30)]
    assert [each.finds for each in story] == [each.looks for each in story]
    assert estimator.runs == len(story) + 30 / every


def test_who_is_seen_at_the_first_look_costs_no_second_one() -> None:
    story, estimator = follow([STANDS] * 30, second_look=1)
    assert estimator.runs == len(story) == 30


def test_who_leaves_is_looked_for_until_the_id_ends() -> None:
    story, estimator = follow([STANDS] * 5 + [np.zeros_like(STANDS)] * 60, second_look=1, max_missed_s=1.0)
    assert estimator.runs - len(story) == sum(each.looks for each in story) == 15  # of 66 ms each
    assert not any(each.poses for each in story[5:])


def test_nobody_new_is_found_lying() -> None:
    story, estimator = follow([picture(*FALLEN["feet to the left"])] * 10, second_look=1)
    assert not any(each.poses for each in story)
    assert estimator.runs == len(story)


def test_somebody_else_there_does_not_get_the_id() -> None:
    """Two vanish at once: the look for one finds the other, who is no answer."""

    expected = [Pose(person(x, 100, 10).data, id=id) for x, id in ((100, "p1"), (140, "p2"))]
    part = TurnedPart.around(expected[0], STANDS, 1)
    turned = np.zeros((17, 3), np.float32)
    x, y, score = expected[1].data.T
    turned[:] = np.stack([y - part.top, part.right - x, score], -1)

    class FindsTheOther(NoEstimator):
        def estimate(self, image: Image) -> list[Pose]:
            return [Pose(turned)]

    assert SecondLook(FindsTheOther(), 0.25, 1).improve(Image(STANDS), [], expected) == ([], 1, 0)
    (alone,) = SecondLook(FindsTheOther(), 0.25, 1).improve(Image(STANDS), [], expected[1:]).poses
    assert alone.id == "p2"


def test_an_estimator_with_a_memory_is_not_disturbed() -> None:
    head, feet = FALLEN["feet to the left"]
    story, estimator = follow([STANDS] * 5 + [picture(head, feet)] * 10, second_look=1, estimator="mediapipe")
    assert estimator.runs == len(story)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_point_of_the_turned_part_goes_back_to_its_place(turns: int) -> None:
    part = TurnedPart(200, 100, 420, 390, turns)
    rows, columns = np.nonzero(part.apply(picture((250, 130), (400, 380)))[..., 0])
    data = np.zeros((17, 3), np.float32)
    data[0] = columns.mean() + 0.5, rows.mean() + 0.5, 1.0
    restored = part.restored(Pose(data)).data
    assert np.abs(restored[0] - (250, 130, 1)).max() < 1e-4
    assert not restored[1:].any()


def test_a_part_lies_inside_the_picture() -> None:
    for x, y in ((0, 0), (639, 479), (-500, 900)):
        part = TurnedPart.around(person(x, y), STANDS, 1)
        assert 0 <= part.left < part.right <= 640
        assert 0 <= part.top < part.bottom <= 480


def test_every_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="1 or more, got 0"):
        SecondLook(UprightOnly(), 0.25, 0)


def around_the_man(image: Image) -> Pixels:
    """(SIDE, SIDE, 3) with the man of the clip in the middle, black beside the picture."""
    half, (x, y) = SIDE // 2, MAN
    framed = np.pad(image.data, ((half, half), (half, half), (0, 0)))
    return framed[y : y + SIDE, x : x + SIDE]


@pytest.mark.parametrize("turns", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_real_picture_that_is_turned_shows_the_same_joints(turns: int) -> None:
    """MoveNet at its defaults; a small man, whom it does not find in pictures that are turned."""
    values = values_of(PoseSettings, {})
    estimator = build(values)
    finder = Finder(estimator, values)
    clip = frames("sports2d_demo", 480, 2)
    for n, image in enumerate(clip[:10]):
        upright = finder.find(Image(around_the_man(image), n * FRAME_NS))
    (before,) = upright.poses
    lying = Image(np.ascontiguousarray(np.rot90(around_the_man(clip[9]), turns)), 10 * FRAME_NS)
    assert not any(pose.confidence >= 0.25 for pose in estimator.estimate(lying))
    for n in range(10, 16):
        found = finder.find(Image(lying.data, n * FRAME_NS))
        if n % values.second_look == 0:
            (pose,) = found.poses
            assert (pose.id, found.finds) == (before.id, 1)
    x, y = before.data[:, 0], before.data[:, 1]
    places = np.stack((y, SIDE - x) if turns == 1 else (SIDE - y, x), -1)
    both = before.found & pose.found
    assert both.sum() >= 14
    off = np.linalg.norm(pose.data[:, :2] - places, axis=-1)[both]
    assert np.median(off) < 0.04 * np.ptp(before.data[before.found, 1])


def test_a_doubtful_answer_of_the_second_look_moves_nobody() -> None:
    """A lying man lost his id to a score of 0.26 beside him."""

    class Doubtful(NoEstimator):
        score = 0.26

        def estimate(self, image: Image) -> list[Pose]:
            return [person(150, 60, 15, score=self.score)]

    estimator = Doubtful()
    look = SecondLook(estimator, 0.25, 1)
    expected = [Pose(person(300, 150, 20).data, id="p1")]
    assert look.improve(Image(STANDS), [], expected) == ([], 1, 0)
    estimator.score = 0.5
    assert [pose.id for pose in look.improve(Image(STANDS), [], expected).poses] == ["p1"]
