"""Markers against a renderer of its own, and against drawn people whose place and facing are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("visualization_msgs")

from helpers.depth_scenes import FOCAL, HEIGHT, WIDTH
from helpers.marker_pictures import Eye, draw_markers, points_of
from helpers.output_frames import (
    LEFT,
    RIGHT,
    OutputBench,
    activities_of,
    boxed,
    chest,
    degrees_between,
    frame_of,
    position,
)

from co_perception.engine.person_position import in_frame
from co_perception.engine.picture_turn import PictureTurn
from co_perception.engine.target import Pose
from co_perception.nodes.core.draw import color_of
from co_perception.nodes.output_formats.markers import MarkerOutput
from co_perception.nodes.output_formats.people_frame import FrameReader, PeopleFrame, VisiblePerson

CAMERA_EYE = Eye(np.eye(3), np.zeros(3), FOCAL, (WIDTH, HEIGHT))


def markers(frame: PeopleFrame) -> dict[tuple[str, str], Any]:
    """Markers by namespace and the text of their person."""
    found = MarkerOutput(OutputBench(), None, None).message(frame).markers  # type: ignore[arg-type]
    names = {each.id: each.text.split()[0] for each in found if each.ns == "labels"}
    return {(each.ns, names[each.id]): each for each in found}


def test_seen_from_the_camera_a_skeleton_covers_the_person() -> None:
    """Each joint is on its line of sight, and the torso is where the person is."""
    found = markers(frame_of(LEFT, RIGHT))
    for person in (LEFT, RIGHT):
        joints = found["joints", person.id]
        seen = CAMERA_EYE.pixels(points_of(joints))
        assert np.abs(seen[:, :2] - person.pose().data[:, :2]).max() < 0.5
        assert joints.header.frame_id == "eye_optical_frame"
        middle = points_of(joints)[[5, 6, 11, 12]].mean(0)
        assert np.linalg.norm(middle - person.middle) < 0.05
        assert points_of(found["people", person.id])[0] == pytest.approx(person.middle)


@pytest.mark.parametrize("turn", [PictureTurn(90), PictureTurn(180), PictureTurn(0, mirrored=True)])
def test_so_it_is_of_a_camera_on_its_side_and_of_a_mirror_image(turn: PictureTurn) -> None:
    """The source picture is another one; the directions of the joints in space are those of the camera."""
    frame = frame_of(LEFT, turn=turn)
    seen = CAMERA_EYE.pixels(points_of(markers(frame)["joints", "p1"]) @ turn.axes())
    assert np.abs(seen[:, :2] - LEFT.pose().data[:, :2]).max() < 0.5


def test_the_arrow_points_where_the_chest_does() -> None:
    found = markers(frame_of(LEFT, RIGHT))
    for person in (LEFT, RIGHT):
        start, end = points_of(found["facing", person.id])
        assert degrees_between(end - start, chest(person)) < 1.0
        assert start == pytest.approx(person.middle)


def test_another_frame_has_place_and_velocity_and_the_camera_keeps_the_skeleton() -> None:
    turn = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    there = in_frame(position(LEFT, (0.5, 0.0, 0.0)), turn, np.array([1.0, 2.0, 3.0]), "odom")
    found = markers(frame_of(LEFT, positions={"p1": there}))
    assert found["people", "p1"].header.frame_id == found["velocity", "p1"].header.frame_id == "odom"
    assert points_of(found["people", "p1"])[0] == pytest.approx(turn @ LEFT.middle + (1, 2, 3))
    start, end = points_of(found["velocity", "p1"])
    assert end - start == pytest.approx([0.0, -0.5, 0.0])
    assert found["skeletons", "p1"].header.frame_id == found["facing", "p1"].header.frame_id == "eye_optical_frame"
    assert np.linalg.norm(points_of(found["facing", "p1"])[0] - LEFT.middle) < 0.05


def test_metres_are_drawn_as_they_came() -> None:
    joints = np.column_stack([LEFT.joints, np.ones(17)]).astype(np.float32)
    person = VisiblePerson("p1", Pose(joints, id="p1"), position=replace(position(LEFT), frame_id="eye_optical_frame"))
    found = markers(replace(frame_of(LEFT), people=(person,), camera=None))
    assert points_of(found["joints", "p1"]) == pytest.approx(LEFT.joints, abs=1e-5)


def test_without_a_camera_or_a_place_nothing_is_made_up() -> None:
    assert {ns for ns, _ in markers(replace(frame_of(LEFT), camera=None))} == {"people", "facing", "labels"}
    assert markers(frame_of(LEFT, positions={})) == {}
    boxes = FrameReader().read(None, activities_of(boxed("y4", (10, 20, 30, 60), position(LEFT))))
    assert {ns for ns, _ in markers(boxes)} == {"people", "facing", "labels"}


def test_who_is_gone_is_deleted_once_and_ids_stay() -> None:
    output = MarkerOutput(OutputBench(), None, None)  # type: ignore[arg-type]
    first = output.message(frame_of(LEFT, RIGHT)).markers
    numbers = {each.ns: each.id for each in first if each.text.startswith("p2") or each.ns == "labels"}
    second, third = (output.message(frame_of(LEFT)).markers for _ in range(2))
    deleted = [each for each in second if each.action == each.DELETE]
    assert {each.id for each in deleted} == {numbers["labels"]} and {each.ns for each in deleted} >= {
        "labels",
        "joints",
    }
    assert not [each for each in third if each.action == each.DELETE]
    assert {(each.ns, each.id) for each in third} < {(each.ns, each.id) for each in first}
    assert all(each.lifetime.sec > 0 for each in first)


def test_a_viewer_shows_ink_in_the_color_of_the_id() -> None:
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    draw_markers(picture, MarkerOutput(OutputBench(), None, None).message(frame_of()).markers, CAMERA_EYE)  # type: ignore
    for person in (LEFT, RIGHT):
        rows, columns = np.nonzero((picture == color_of(person.id)).all(-1))
        left, right = person.pose().data[:, 0].min(), person.pose().data[:, 0].max()
        assert len(rows) > 100 and left - 60 < columns.min() and columns.max() < right + 60
