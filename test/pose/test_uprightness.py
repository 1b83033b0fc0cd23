"""A camera that is mounted sideways or upside down is noticed, and the right angle is named."""

from __future__ import annotations

import re

import pytest
from helpers.stick_figures import person

from co_perception.engine.picture_turn import TURNS, PictureTurn
from co_perception.pose.uprightness import Uprightness

SIZE = (640, 480)


def watched(mounted: int, turn: PictureTurn, frames: int = 700) -> Uprightness:
    """After 35 s of somebody who stands before a camera whose pictures would stand after `mounted` degrees."""
    found = Uprightness(turn)
    in_source = PictureTurn(mounted, turn.mirrored).pose_in_source(person(300), SIZE)
    for frame in range(frames):
        found.note([turn.pose_upright(in_source, SIZE)], frame * 50_000_000)
    return found


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotate", TURNS)
@pytest.mark.parametrize("mounted", TURNS)
def test_the_angle_that_is_named_makes_people_stand(mounted: int, rotate: int, mirrored: bool) -> None:
    turn = PictureTurn(rotate, mirrored)
    warning = watched(mounted, turn).warning
    assert bool(warning) == (mounted != rotate)
    if warning:
        assert re.findall(r"set rotate to (\d+)", warning) == [str(mounted)]


def test_it_takes_long_and_most_people() -> None:
    assert not watched(90, PictureTurn(), frames=200).warning, "10 s"
    found = watched(90, PictureTurn())
    assert found.warning
    for frame in range(700, 900):
        found.note([person(300)], frame * 50_000_000)
    assert not found.warning, "somebody stands"


def test_nobody_is_no_reason() -> None:
    found = Uprightness(PictureTurn())
    for frame in range(1000):
        found.note([], frame * 50_000_000)
    assert not found.warning
