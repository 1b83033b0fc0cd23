"""People on pictures: where the ink is, and whose color it has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("cv2")

from helpers.stick_figures import person

from co_perception.data.messages.people import Box
from co_perception.engine.target import Pose, Status
from co_perception.nodes.core.draw import color_of, draw_boxes, draw_people, draw_scene, lines_of, state_text
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


@pytest.mark.parametrize("id", ["p1", "p2", ""])
def test_the_color_is_that_of_the_id(id: str) -> None:
    picture = draw_people(BLANK, [replace(person(300, 150), id=id)])
    assert (picture == color_of(id)).all(-1).sum() > 300


def test_twenty_ids_are_told_apart_and_keep_their_color() -> None:
    colors = np.array([color_of(f"p{number}") for number in range(1, 21)], int)
    apart = np.abs(colors[:, None] - colors[None]).sum(-1) + 1000 * np.eye(20, dtype=int)
    assert apart.min() >= 20
    assert np.abs(colors[:-1] - colors[1:]).sum(-1).min() > 150  # neighbors above all
    assert color_of("anna") == color_of("anna") != color_of("bert")


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


@pytest.mark.parametrize("order", [1, -1])
def test_a_scene_is_written_on_the_upper_part(order: int) -> None:
    """Bars are blue, whatever order the colors of the picture's message had."""
    picture = np.full((120, 160, 3), (200, 100, 50), np.uint8)[..., ::order].copy()
    below = picture[60:].copy()
    draw_scene(picture, [("walking", 1.0), ("walking 0.70", 0.7)], sure=True)
    assert (picture[60:] == below).all()
    assert (picture[:30] != picture[60:90]).any()
    bars = picture[10:30].reshape(-1, 3).astype(int)
    assert ((bars[:, 2] > bars[:, 0] + 50).sum()) > 100


def test_a_longer_bar_means_a_higher_score() -> None:
    one, other = np.zeros((240, 320, 3), np.uint8), np.zeros((240, 320, 3), np.uint8)
    for picture, share in ((one, 0.2), (other, 0.9)):
        draw_scene(picture, [("walking", 1.0), ("walking", share)], sure=True)
    assert other.astype(int).sum() > one.astype(int).sum() > 0


def test_what_is_not_known_yet() -> None:
    assert state_text("walking", Status.VALID, 1.0) == "walking"
    assert state_text("", Status.WARMING_UP, 0.4) == "warming up 40%"
    assert (state_text("", Status.UNCERTAIN, 1.0), state_text("", Status.STALE, 1.0)) == ("unsure", "stale")


def test_people_without_joints_have_a_box_in_their_color() -> None:
    picture = BLANK.copy()
    draw_boxes(picture, [("p1", Box(100, 100, 50, 80))], {"p1": "walking"})
    rows, columns = np.nonzero(changed(picture))
    assert (columns.min(), rows.max()) == (pytest.approx(100, abs=2), pytest.approx(180, abs=2))
    assert (picture == color_of("p1")).all(-1).sum() > 200 and not changed(picture)[120:160, 110:140].any()
