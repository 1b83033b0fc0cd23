"""Pictures of cameras that are mounted otherwise: pixels, places, poses, regions and directions agree."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from co_perception.engine.picture_turn import TURNS, PictureTurn, Rectangle
from co_perception.engine.target import Pose

SIZE = (40, 30)
ALL = [PictureTurn(rotate, mirrored) for rotate, mirrored in product(TURNS, (False, True))]


@pytest.fixture(params=ALL, ids=str)
def turn(request: pytest.FixtureRequest) -> PictureTurn:
    found: PictureTurn = request.param
    return found


def spot(x: float, y: float) -> np.ndarray:
    """A picture that is black but for the pixel whose middle is at x, y."""
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    pixels[int(y), int(x)] = 255
    return pixels


def test_places_move_as_pixels_do(turn: PictureTurn) -> None:
    for x, y in ((7.5, 3.5), (0.5, 0.5), (39.5, 29.5)):
        upright = turn.upright(spot(x, y))
        assert (upright.shape[1], upright.shape[0]) == turn.upright_size(SIZE)
        row, column = np.argwhere(upright[..., 0])[0]
        place = turn.places_upright(np.array([(x, y)]), SIZE)
        np.testing.assert_allclose(place, [(column + 0.5, row + 0.5)])
        np.testing.assert_allclose(turn.places_in_source(place, SIZE), [(x, y)])


def test_a_quarter_clockwise_takes_the_left_to_the_top() -> None:
    assert PictureTurn(90).places_upright(np.array([(0.0, 15.0)]), SIZE).tolist() == [[15.0, 0.0]]
    assert PictureTurn(0, True).places_upright(np.array([(0.0, 15.0)]), SIZE).tolist() == [[40.0, 15.0]]


def test_regions_stay_around_what_is_in_them(turn: PictureTurn) -> None:
    region = turn.region_upright(Rectangle(5, 2, 10, 4), SIZE)
    inside = turn.places_upright(np.array([(5.0, 2.0), (15.0, 6.0), (10.0, 4.0)]), SIZE)
    assert (inside.min(0) == (region.left, region.top)).all()
    assert (inside.max(0) == (region.left + region.width, region.top + region.height)).all()


def test_poses_come_back_and_joints_that_were_not_found_stay_zeros(turn: PictureTurn) -> None:
    data = np.random.default_rng(0).uniform(1, 30, (17, 3)).astype(np.float32)
    data[:, 2] = 0.5
    data[3] = 0
    pose = Pose(data, id="a", confidence=0.5)
    upright = turn.pose_upright(pose, SIZE)
    assert (upright.data[3] == 0).all() and upright.id == "a"
    np.testing.assert_allclose(turn.pose_in_source(upright, SIZE).data, data, atol=1e-5)
    metric = Pose(np.ones((17, 4), np.float32))
    assert turn.pose_upright(metric, SIZE) is metric


@pytest.mark.parametrize("rotate", TURNS)
def test_directions_turn_about_the_axis_of_the_camera(rotate: int) -> None:
    """A pixel of the upright picture is seen in the upright direction."""
    turn, center = PictureTurn(rotate), np.array(SIZE) / 2
    places = np.random.default_rng(1).uniform(0, 30, (20, 2))
    upright_center = np.array(turn.upright_size(SIZE)) / 2
    expected = (turn.places_upright(places, SIZE) - upright_center) / 50
    found = turn.directions_upright((places - center) / 50)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    back = np.column_stack([found, np.ones(20)]) @ turn.axes().T
    np.testing.assert_allclose(back[:, :2], (places - center) / 50, atol=1e-12)
    assert np.linalg.det(turn.axes()) == pytest.approx(1)


def test_a_mirrored_place_is_where_the_camera_saw_it(turn: PictureTurn) -> None:
    """The picture of an unmirrored camera that is mounted the same way, turned upright, is the upright picture."""
    place = np.array([(7.5, 3.5)])
    seen = turn.unmirrored(place, SIZE)
    np.testing.assert_allclose(PictureTurn(turn.rotate).places_upright(seen, SIZE), turn.places_upright(place, SIZE))


def test_other_angles_are_refused() -> None:
    with pytest.raises(ValueError, match="one of 0, 90, 180, 270"):
        PictureTurn(45)
