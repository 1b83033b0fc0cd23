"""People on pictures: where the ink is, and whose colour it has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("cv2")

from stick_figures import person

from co_perception.engine.target import Pose
from co_perception.nodes.draw import colour_of, draw_people, lines_of
from co_perception.skeletons.layouts import LAYOUTS

BLANK = np.full((480, 640, 3), 60, np.uint8)


def changed(picture: np.ndarray) -> np.ndarray:
    return np.asarray((picture != BLANK).any(-1))


def test_the_ink_is_on_the_person_and_the_picture_is_a_copy() -> None:
    before = BLANK.copy()
    picture = draw_people(BLANK, [replace(person(300, 150), id="p1")], {"p1": "walking"})
    assert np.array_equal(BLANK, before)
    rows, columns = np.nonzero(changed(picture))
    assert (225 < columns.min() < 300 < columns.max() < 400) and (80 < rows.min() < 150 < rows.max() < 400)
    for x, y in person(300, 150).data[:, :2]:  # each joint is a light dot
        assert picture[round(float(y)), round(float(x))].min() > 200
    for one, other in lines_of(person(300, 150)):
        middle = person(300, 150).data[[one, other], :2].mean(0)
        assert changed(picture)[round(float(middle[1])), round(float(middle[0]))]


def test_the_colour_is_that_of_the_id() -> None:
    pictures = [draw_people(BLANK, [replace(person(300, 150), id=id)]) for id in ("p1", "p2", "")]
    for picture, id in zip(pictures, ("p1", "p2", ""), strict=True):
        assert (picture == colour_of(id)).all(-1).sum() > 300


def test_twenty_ids_are_told_apart_and_keep_their_colour() -> None:
    colours = np.array([colour_of(f"p{number}") for number in range(1, 21)], int)
    apart = np.abs(colours[:, None] - colours[None]).sum(-1) + 1000 * np.eye(20, dtype=int)
    assert apart.min() >= 20
    assert np.abs(colours[:-1] - colours[1:]).sum(-1).min() > 150  # neighbours above all
    assert colour_of("anna") == colour_of("anna") != colour_of("bert")


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_has_arms_and_legs(name: str) -> None:
    joints = LAYOUTS[name].joints
    everything = Pose(np.ones((len(joints), 3), np.float32), name)
    named = {frozenset((joints[one], joints[other])) for one, other in lines_of(everything)}
    for pair in (("left_shoulder", "left_elbow"), ("right_elbow", "right_wrist"), ("left_hip", "left_knee")):
        assert frozenset(pair) in named
    assert not lines_of(Pose(np.zeros((len(joints), 3), np.float32), name))


def test_people_at_the_edge_outside_and_without_joints() -> None:
    absent = Pose(np.full((17, 3), [np.nan, np.inf, 0.0], np.float32))
    outside = replace(person(-5000, 90000), id="p9")
    assert not changed(draw_people(BLANK, [absent])).any()
    captions = {"p1": "a caption much too long for this picture " * 3}
    draw_people(BLANK, [outside, replace(person(635, 5), id="p1")], captions)
    tiny = draw_people(np.zeros((4, 3, 3), np.uint8), [person(1, 1, 0.1)])
    assert tiny.shape == (4, 3, 3)
