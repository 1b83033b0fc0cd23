"""A film has every picture once, in order, with the answers to that very picture."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers.synthetic_recordings import scored

pytest.importorskip("rclpy")
pytest.importorskip("cv2")

from co_perception.engine.target import Pose, Status
from co_perception.nodes.core.draw import color_of
from co_perception.nodes.demo.subscribers import FrameCollector, caption, captions_of, compose, row_of, scene_lines

CLASSES = ("run", "walk", "sit")
WALKS = scored(0, {"walk": 0.81, "run": 0.125}, CLASSES)
COLD = scored(0, {}, CLASSES, Status.WARMING_UP, progress=0.4)
UNSURE = scored(0, {"walk": 0.2, "run": 0.1}, CLASSES, Status.UNCERTAIN)
Collector = FrameCollector[str, str]


def taken(collector: Collector, flush: bool = False) -> list[tuple[int, str, dict[str, list[str]]]]:
    """The pictures that are ready, without the stamps of the messages."""
    return [
        (stamp_ns, picture, {topic: [content for _, content in found] for topic, found in messages.items()})
        for stamp_ns, picture, messages in collector.ready(flush)
    ]


def test_a_picture_waits_for_all_that_is_said_of_it() -> None:
    collector = Collector(("poses", "activity"), most=10)
    collector.add_picture(1, "one")
    collector.add_message("poses", 1, "a")
    assert taken(collector) == []
    collector.add_message("activity", 1, "b")
    assert taken(collector) == [(1, "one", {"poses": ["a"], "activity": ["b"]})]
    assert taken(collector) == []


def test_a_topic_that_tells_of_a_later_picture_has_nothing_more_to_say_of_this_one() -> None:
    collector = Collector(("poses",), most=10)
    for stamp_ns, picture in enumerate(("one", "two", "three"), 1):
        collector.add_picture(stamp_ns, picture)
    collector.add_message("poses", 2, "of two")
    assert taken(collector) == [(1, "one", {"poses": []}), (2, "two", {"poses": ["of two"]})]


def test_what_was_said_before_its_picture_came_is_kept() -> None:
    collector = Collector(("poses",), most=10)
    collector.add_message("poses", 1, "of one")
    collector.add_message("poses", 2, "of two")
    collector.add_picture(2, "two")
    assert taken(collector) == [(2, "two", {"poses": ["of one", "of two"]})]


def test_pictures_beyond_the_bound_go_out_without_waiting() -> None:
    collector = Collector(("poses",), most=2)
    for stamp_ns in range(4):
        collector.add_picture(stamp_ns, "picture")
    assert [stamp_ns for stamp_ns, _, _ in taken(collector)] == [0, 1]
    assert [stamp_ns for stamp_ns, _, _ in taken(collector, flush=True)] == [2, 3]


def test_captions_say_label_and_score_or_why_there_is_none() -> None:
    assert [caption(record, CLASSES) for record in (WALKS, COLD, UNSURE)] == ["walk 0.81", "warming up 40%", "unsure"]


def test_the_scene_has_a_head_and_bars() -> None:
    assert scene_lines(WALKS, CLASSES) == [
        ("scene: walk", 1.0), ("walk 0.81", pytest.approx(0.81)), ("run 0.12", 0.125)
    ]  # fmt: skip
    assert scene_lines(COLD, CLASSES) == [("scene: warming up 40%", 0.4)]
    assert scene_lines(UNSURE, CLASSES)[0] == ("scene: unsure", 1.0)
    assert scene_lines(None, CLASSES) == [("scene: no answer", 0.0)]


RGB = np.full((240, 320, 3), 128, np.uint8)


@pytest.fixture
def pose() -> Pose:
    joints = np.ones((17, 3), np.float32)
    joints[:, 0], joints[:, 1] = np.linspace(80, 120, 17), np.linspace(60, 180, 17)
    return Pose(joints, "coco17", confidence=1.0, id="p4")


RGB = np.full((240, 320, 3), 128, np.uint8)


def test_people_are_drawn_in_their_color_and_the_scene_underneath(pose: Pose) -> None:
    drawn = compose(RGB, [pose], {"": WALKS, "p4": WALKS}, CLASSES, with_scene=True)
    assert drawn.shape[0] > 240 and drawn.shape[1] == 320
    assert (drawn[:240] == color_of("p4")).all(-1).sum() > 100
    assert (drawn[:240, 200:] == 128).all()
    assert drawn[240:].max() == 255  # something is written there


def test_without_a_scene_the_picture_keeps_its_size_and_shows_captions_of_people_only(pose: Pose) -> None:
    nameless: Any = Pose(pose.data, "coco17", confidence=1.0, id="")
    silent, labeled, again = (compose(RGB, [pose], records, CLASSES, False) for records in ({}, {"p4": WALKS}, {}))
    assert silent.shape == labeled.shape == RGB.shape
    assert (labeled != silent).any()
    assert (again == silent).all()
    assert (compose(RGB, [nameless], {"": WALKS}, CLASSES, False) == compose(RGB, [nameless], {}, CLASSES, False)).all()


def test_a_caption_joins_the_groups_of_a_person() -> None:
    """That there is no gesture is not written."""
    classes = ("sitting", "no_gesture", "waving")
    said = [("posture", {"sitting": 0.9}), ("arms", {"waving": 0.75}), ("arms", {"no_gesture": 0.5})]
    sits, waves, rests = (
        replace(scored(0, scores, classes), subject="p4", group=group) for group, scores in said
    )  # fmt: skip
    assert captions_of({row_of(each): each for each in (sits, waves)}, classes) == {"p4": "sitting 0.90 · waving 0.75"}
    assert captions_of({row_of(each): each for each in (sits, rests)}, classes) == {"p4": "sitting 0.90"}
    assert captions_of({row_of(rests): rests}, classes) == {"p4": "no_gesture 0.50"}
    cold = [replace(COLD, subject="p4", group=group) for group in ("posture", "arms")]
    assert captions_of({row_of(each): each for each in cold}, classes) == {"p4": "warming up 40%"}
    unsure = replace(UNSURE, subject="p4", group="arms")
    assert captions_of({row_of(each): each for each in (unsure, sits)}, classes) == {"p4": "sitting 0.90"}
    assert (row_of(sits), row_of(WALKS)) == ("p4/posture", WALKS.subject)
