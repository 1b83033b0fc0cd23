"""A film has every picture once, in order, with what was said of that very picture."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("cv2")

from co_perception.engine.target import Pose
from co_perception.evaluation.moments import Moment
from co_perception.nodes.draw import colour_of
from co_perception.nodes.film import Cutter, caption, compose, scene_lines

WALKS = Moment(0.0, "walk", 1.0, (("walk", 0.81), ("run", 0.1)), True)
COLD = Moment(0.0, "", 0.4, (), False)
UNSURE = Moment(0.0, "", 1.0, (("walk", 0.2), ("run", 0.1)), True)


def cut(cutter: Cutter, all_of_them: bool = False) -> list[tuple[int, str, dict[str, list[str]]]]:
    """What is ready, without stamps of what was said."""
    return [
        (stamp_ns, picture, {name: [what for _, what in said] for name, said in told.items()})
        for stamp_ns, picture, told in cutter.ready(all_of_them)
    ]


def test_a_picture_waits_for_all_that_is_said_of_it() -> None:
    cutter = Cutter(("poses", "activity"), most=10)
    cutter.show(1, "one")
    cutter.tell("poses", 1, "a")
    assert cut(cutter) == []
    cutter.tell("activity", 1, "b")
    assert cut(cutter) == [(1, "one", {"poses": ["a"], "activity": ["b"]})]
    assert cut(cutter) == []


def test_a_topic_that_tells_of_a_later_picture_has_nothing_more_to_say_of_this_one() -> None:
    cutter = Cutter(("poses",), most=10)
    for stamp_ns, picture in enumerate(("one", "two", "three"), 1):
        cutter.show(stamp_ns, picture)
    cutter.tell("poses", 2, "of two")
    assert cut(cutter) == [(1, "one", {"poses": []}), (2, "two", {"poses": ["of two"]})]


def test_what_was_said_before_its_picture_came_is_kept() -> None:
    cutter = Cutter(("poses",), most=10)
    cutter.tell("poses", 1, "of one")
    cutter.tell("poses", 2, "of two")
    cutter.show(2, "two")
    assert cut(cutter) == [(2, "two", {"poses": ["of one", "of two"]})]


def test_pictures_beyond_the_bound_go_out_without_waiting() -> None:
    cutter = Cutter(("poses",), most=2)
    for stamp_ns in range(4):
        cutter.show(stamp_ns, "picture")
    assert [stamp_ns for stamp_ns, _, _ in cut(cutter)] == [0, 1]
    assert [stamp_ns for stamp_ns, _, _ in cut(cutter, all_of_them=True)] == [2, 3]


def test_captions_say_label_and_score_or_why_there_is_none() -> None:
    assert [caption(moment) for moment in (WALKS, COLD, UNSURE)] == ["walk 0.81", "warming up 40%", "unsure"]


def test_the_scene_has_a_head_and_bars() -> None:
    assert scene_lines(WALKS) == [("scene: walk", 1.0), ("walk 0.81", 0.81), ("run 0.10", 0.1)]
    assert scene_lines(COLD) == [("scene: warming up 40%", 0.4)]
    assert scene_lines(UNSURE)[0] == ("scene: unsure", 1.0)
    assert scene_lines(None) == [("scene: nothing said", 0.0)]


@pytest.fixture
def pose() -> Pose:
    joints = np.ones((17, 3), np.float32)
    joints[:, 0], joints[:, 1] = np.linspace(80, 120, 17), np.linspace(60, 180, 17)
    return Pose(joints, "coco17", confidence=1.0, id="p4")


def test_people_are_drawn_in_their_colour_and_the_scene_underneath(pose: Pose) -> None:
    rgb = np.full((240, 320, 3), 128, np.uint8)
    drawn = compose(rgb, [pose], {"": WALKS, "p4": WALKS}, scenic=True)
    assert drawn.shape[0] > 240 and drawn.shape[1] == 320
    assert (drawn[:240] == colour_of("p4")).all(-1).sum() > 100
    assert (drawn[:240, 200:] == 128).all()
    assert drawn[240:].max() == 255  # something is written there


def test_without_a_scene_the_picture_keeps_its_size(pose: Pose) -> None:
    rgb = np.full((240, 320, 3), 128, np.uint8)
    silent, told = (compose(rgb, [pose], moments, scenic=False) for moments in ({}, {"p4": WALKS}))
    assert silent.shape == told.shape == rgb.shape
    assert (told != silent).any()


def test_a_person_who_is_back_has_the_same_colour(pose: Pose) -> None:
    rgb = np.full((240, 320, 3), 128, np.uint8)
    first, _, again = (compose(rgb, poses, {}, scenic=False) for poses in ([pose], [], [pose]))
    assert (first == again).all()


def test_the_scene_is_never_a_caption(pose: Pose) -> None:
    rgb = np.full((240, 320, 3), 128, np.uint8)
    nameless: Any = Pose(pose.data, "coco17", confidence=1.0, id="")
    assert (compose(rgb, [nameless], {"": WALKS}, False) == compose(rgb, [nameless], {}, False)).all()
