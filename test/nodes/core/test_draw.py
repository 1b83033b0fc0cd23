"""People on pictures: where the ink is, and whose color it has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from co_perception.engine.target import Category, Status
from co_perception.online.recognizer import Answer

pytest.importorskip("cv2")

from helpers.stick_figures import person

from co_perception.engine.target import Pose
from co_perception.nodes.core.draw import annotate, color_of, draw_people, lines, lines_of
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


LABELS = ("walking", "standing on one leg with both arms stretched out", "falling")
SCORES = np.array([0.7, 0.1, 0.2], np.float32)


def answer(status: Status = Status.VALID, progress: float = 1.0, best: int = 0) -> Answer:
    category = Category(best, status=status, progress=progress)
    if best >= 0:
        category = replace(category, description=LABELS[best], confidence=0.7, probabilities=SCORES)
    return Answer(category, 0, 0, None)


def test_lines_are_label_and_scores_best_first_and_what_is_not_known_yet() -> None:
    best = [("walking 0.70", pytest.approx(0.7)), ("falling 0.20", pytest.approx(0.2))]
    assert lines(answer(), LABELS, 2) == [("walking", 1.0), *best]
    assert lines(answer(Status.WARMING_UP, 0.4, best=-1), LABELS, 3) == [("warming up 40%", 0.4)]
    assert lines(answer(Status.UNCERTAIN), LABELS, 1)[0] == ("uncertain", 1.0)


@pytest.mark.parametrize("order", [1, -1])
def test_the_picture_turns_to_bgr_keeps_its_lower_part_and_is_a_copy(order: int) -> None:
    message = np.full((120, 160, 3), (200, 100, 50), np.uint8)  # a message's own pixels, rgb8 or bgr8
    drawn = annotate(message[..., ::order], answer(), LABELS)
    assert drawn.shape == message.shape
    assert not np.shares_memory(drawn, message)
    assert (drawn[60:] == (200, 100, 50)[::-order]).all()
    assert (drawn[:40] != (200, 100, 50)[::-order]).any()
    assert (message == (200, 100, 50)).all()


def test_a_longer_bar_means_a_higher_score() -> None:
    rgb = np.zeros((240, 320, 3), np.uint8)
    one, other = (annotate(rgb, answer(best=0), LABELS, top_k=k).astype(int).sum() for k in (1, 3))
    assert other > one > 0


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (12, 300), (300, 12)])
def test_no_picture_is_too_small(size: tuple[int, int]) -> None:
    assert annotate(np.zeros((*size, 3), np.uint8), answer(), LABELS).shape == (*size, 3)
