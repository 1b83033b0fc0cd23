"""Squares that follow people, and what is cut out of pictures."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from co_perception.data.messages.people import Box, from_poses
from co_perception.engine.data import Image
from co_perception.engine.picture_turn import PictureTurn
from co_perception.engine.target import Pose
from co_perception.online.crops import (
    PersonCrop,
    Region,
    Square,
    cut_square,
    follow,
    person_crops,
    smoothing_share,
    square_around,
)

SIZE = (640, 480)


def test_the_square_is_around_the_person_with_room_on_each_side() -> None:
    assert square_around(Region(300, 100, 60, 200), SIZE, 0.25) == Square(330, 200, 300)
    assert square_around(Region(300, 100, 60, 200), SIZE, 0.0) == Square(330, 200, 200)


def test_room_gives_way_before_bars_are_added() -> None:
    assert square_around(Region(300, 40, 100, 400), SIZE, 0.25).side == 480
    assert square_around(Region(20, 100, 600, 300), SIZE, 0.25).side == 600  # wider than the image is high: bars


def test_a_person_of_one_joint_has_a_square_too() -> None:
    assert square_around(Region(100, 100, 0, 0), SIZE, 0.0).side == 8


@pytest.mark.parametrize(
    ("region", "seen"),
    [
        (Region(10, 20, 30, 40), Region(10, 20, 30, 40)),
        (Region(-10, 470, 30, 40), Region(0, 470, 20, 10)),
        (Region(600, 0, 4e9, 4e9), Region(600, 0, 40, 480)),
        (Region(640, 0, 10, 10), None),
        (Region(0, -50, 10, 10), None),
    ],
)
def test_regions_end_with_the_picture(region: Region, seen: Region | None) -> None:
    assert region.within(SIZE) == seen


def test_people_of_a_turned_picture_are_cut_upright() -> None:
    """Their regions are those of the source picture, the crops those of the upright one."""
    picture = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    turn = PictureTurn(270, mirrored=True)
    joints = np.zeros((17, 3), np.float32)
    joints[:, :] = (25, 20, 1)
    people = from_poses([Pose(joints, id="a")], (60, 40), turn=turn)
    people = dataclasses.replace(people, regions={"a": Box(20, 10, 12, 25)})
    [crop], refused = person_crops(people, Image(picture))
    assert not refused and crop.image.data.shape == (60, 40, 3)
    left, top, width, height = (round(value) for value in crop.region)
    part = crop.image.data[top : top + height, left : left + width]
    np.testing.assert_array_equal(part, turn.upright(picture[10:35, 20:32]))
    [pose] = people.poses
    assert (pose.data[0, 0], pose.data[0, 1]) == tuple(turn.places_upright(np.array([(25, 20)]), (60, 40))[0])
    np.testing.assert_allclose(people.source_poses[0].data, joints)


def trembling(frames: int = 200) -> list[Region]:
    """Somebody who walks to the right by a pixel a frame, seen with errors of 3 pixels at each edge."""
    errors = np.random.default_rng(0).normal(0, 3, (frames, 4))
    places = [(200 + i + e[0], 100 + e[1], 80 + e[2], 200 + e[3]) for i, e in enumerate(errors)]
    return [Region(*place) for place in places]


def squares(regions: list[Region], share: float) -> np.ndarray:
    made: list[Square] = []
    for region in regions:
        made.append(follow(made[-1] if made else None, square_around(region, SIZE, 0.25), region, share))
    return np.array(made)


def test_a_smoothed_square_trembles_a_fifth_as_much_and_stays_with_the_person() -> None:
    regions = trembling()
    rough, smooth = squares(regions, 1.0), squares(regions, smoothing_share(25, 0.4))
    tremor = [np.diff(found[50:], n=2, axis=0).std(axis=0) for found in (rough, smooth)]
    assert (tremor[1] < tremor[0] / 5).all()
    lag = (rough - smooth)[50:, 0].mean()
    assert 8 < lag < 12  # a first-order filter lags by its time constant: 10 frames at a pixel a frame
    assert abs((rough - smooth)[50:, 2].mean()) < 3


def test_a_square_is_made_of_the_past_only() -> None:
    regions = trembling()
    np.testing.assert_array_equal(squares(regions, 0.1)[:50], squares(regions[:50], 0.1))


def test_whoever_jumps_stays_in_the_square_whole() -> None:
    before = square_around(Region(100, 100, 50, 100), SIZE, 0.25)
    for region in (Region(400, 100, 50, 100), Region(100, 300, 50, 100), Region(90, 80, 200, 300)):
        square = follow(before, square_around(region, SIZE, 0.25), region, 0.1)
        half = square.side / 2
        assert square.x - half <= region.left + 1e-9
        assert square.x + half >= region.left + region.width - 1e-9
        assert square.y - half <= region.top + 1e-9
        assert square.y + half >= region.top + region.height - 1e-9


def test_the_share_is_that_of_a_low_pass() -> None:
    assert smoothing_share(25, 0.4) == pytest.approx(0.0952, abs=1e-4)
    assert (1 - smoothing_share(25, 0.4)) ** 10 == pytest.approx(np.exp(-1))  # ten frames are one time constant
    assert smoothing_share(25, 0) == smoothing_share(0, 0.4) == 1


def picture(height: int = 48, width: int = 64) -> np.ndarray:
    """Red tells the row, green the column."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.full_like(rows, 255)], axis=-1).astype(np.uint8)


def test_what_lies_inside_is_cut_out_as_it_is() -> None:
    found = cut_square(picture(), Square(30, 20, 10))
    np.testing.assert_array_equal(found, picture()[15:25, 25:35])


@pytest.mark.parametrize(("square", "corner"), [(Square(2, 3, 10), (0, 0)), (Square(63, 47, 10), (38, 54))])
def test_at_the_border_the_square_moves_into_the_picture(square: Square, corner: tuple[int, int]) -> None:
    found = cut_square(picture(), square)
    assert found.shape == (10, 10, 3)
    assert tuple(found[0, 0, :2]) == corner
    assert (found[..., 2] == 255).all()


def test_what_is_larger_than_the_picture_gets_black_bars() -> None:
    found = cut_square(picture(), Square(30, 40, 60))
    assert found.shape == (60, 60, 3)
    np.testing.assert_array_equal(found[6:54], picture()[:, :60])
    assert not found[:6].any()
    assert not found[54:].any()
    everything = cut_square(picture(), Square(0, 0, 80))
    np.testing.assert_array_equal(everything[16:64, 8:72], picture())
    assert everything.astype(int).sum() == picture().astype(int).sum()


def test_what_was_cut_out_does_not_keep_the_picture_alive() -> None:
    pixels = picture()
    assert not np.shares_memory(cut_square(pixels, Square(30, 20, 10)), pixels)


def test_a_blank_is_the_same_place_in_the_dark() -> None:
    crop = PersonCrop(Image(picture(), 5), Region(1, 2, 3, 4), 0.5, "a")
    blank = crop.blank()
    assert (blank.id, blank.region, blank.confidence, blank.image.stamp_ns) == ("a", crop.region, 0.5, 5)
    assert blank.image.data.shape == picture().shape
    assert not blank.image.data.any()
    assert crop.image.data.any()
