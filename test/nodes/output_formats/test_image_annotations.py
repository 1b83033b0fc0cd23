"""Image annotations of Foxglove, in stand-ins of its messages, and drawn by a renderer of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from helpers.depth_scenes import HEIGHT, WIDTH
from helpers.marker_pictures import draw_annotations
from helpers.output_frames import LEFT, RIGHT, OutputBench, activities_of, boxed, frame_of
from helpers.published_messages import install

from co_perception.nodes.core.draw import color_of, lines_of
from co_perception.nodes.output_formats.image_annotations import AnnotationOutput
from co_perception.nodes.output_formats.people_frame import FrameReader


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Any:
    install(monkeypatch, "foxglove_msgs")
    return OutputBench().make(AnnotationOutput)


def test_joints_bones_box_and_text_lie_on_the_person(output: Any) -> None:
    frame = frame_of(LEFT, RIGHT)
    message = output.message(frame)
    kinds = [each.type for each in message.points]
    first = message.points[0]
    assert kinds == [first.LINE_LOOP, first.LINE_LIST, first.POINTS] * 2
    joints = np.array([(point.x, point.y) for point in message.points[2].points])
    assert joints == pytest.approx(LEFT.pose().data[:, :2], abs=1e-3)
    assert len(message.points[1].points) == 2 * len(lines_of(LEFT.pose()))
    box = frame.people[0].box
    assert [(point.x, point.y) for point in first.points][::2] == [box[:2], (box[0] + box[2], box[1] + box[3])]
    assert [each.text for each in message.texts] == ["p1 2.7 m", "standing 0.90", "p2 3.5 m", "sitting 0.80"]
    assert {each.timestamp.sec for each in (*message.points, *message.texts)} == {1}


def test_a_viewer_shows_ink_in_the_color_of_the_id(output: Any) -> None:
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    draw_annotations(picture, output.message(frame_of(LEFT, RIGHT)))
    for person in (LEFT, RIGHT):
        assert (picture == color_of(person.id)).all(-1).sum() > 300


def test_without_joints_there_is_the_box_and_text_stays_inside_the_picture(output: Any) -> None:
    frame = FrameReader().read(None, activities_of(boxed("y4", (10, 0, 30, 60))))
    message = output.message(frame)
    assert [each.type for each in message.points] == [message.points[0].LINE_LOOP]
    assert all(each.position.y >= each.font_size for each in message.texts)
    assert message.texts[0].position.y < message.texts[1].position.y
