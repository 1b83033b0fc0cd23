"""What a frame is of: the messages of its stamp, labels of a moment ago, and nobody who is out of sight."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy")

from helpers.output_frames import LEFT, RIGHT, activities_of, activity, boxed, position, skeletons_of

from co_perception.engine.picture_turn import PictureTurn
from co_perception.msg import Activity
from co_perception.nodes.output_formats.people_frame import FrameReader


def test_people_have_joints_activities_and_places() -> None:
    answers = [
        activity("p1", "standing", 0.9),
        activity("p1", "waving", 0.75, "arms"),
        activity("", "cooking", 0.5, ""),
    ]
    frame = FrameReader().read(skeletons_of(LEFT, RIGHT), activities_of(*answers))
    first, second = frame.people
    assert (first.id, first.caption, first.place) == ("p1", "standing 0.90 · waving 0.75", "2.7 m")
    assert first.lines == ["p1 2.7 m", "standing 0.90 · waving 0.75"]
    assert (second.id, second.caption, second.activities) == ("p2", "", ())
    assert [each.label for each in frame.scene] == ["cooking"]
    assert first.box.width > 0 and first.in_picture and frame.size == (320, 240)


def test_labels_stay_for_half_a_second() -> None:
    reader = FrameReader()
    reader.read(skeletons_of(LEFT, seconds=1.0), activities_of(activity("p1", "standing", 0.9), seconds=1.0))
    assert reader.read(skeletons_of(LEFT, seconds=1.4), None).people[0].caption == "standing 0.90"
    assert reader.read(skeletons_of(LEFT, seconds=1.6), None).people[0].caption == ""
    reader.read(skeletons_of(LEFT, seconds=2.0), activities_of(activity("p1", "standing", 0.9), seconds=2.0))
    assert reader.read(skeletons_of(LEFT, seconds=1.0), None).people[0].caption == "", "stamps went back"


def test_who_is_out_of_sight_is_not_there() -> None:
    stale = activity("p9", "standing", 0.9, status=Activity.STATUS_STALE)
    assert FrameReader().read(None, activities_of(stale)).people == ()


def test_without_joints_there_is_a_box_and_a_place() -> None:
    """As of an estimator of others, whose skeletons only the recognizer gets."""
    frame = FrameReader().read(None, activities_of(boxed("y4", (10, 20, 30, 60), position(LEFT))))
    (person,) = frame.people
    assert (person.pose, tuple(person.box), person.place) == (None, (10, 20, 30, 60), "2.7 m")
    assert person.position is not None and person.position.frame_id == "eye_optical_frame"


def test_the_place_is_the_recognizers_where_the_skeleton_has_none() -> None:
    frame = FrameReader().read(
        skeletons_of(LEFT, positions={}), activities_of(boxed("p1", (0, 0, 1, 1), position(LEFT)))
    )
    assert [person.place for person in frame.people] == ["2.7 m"]


def test_joints_are_those_of_the_source_picture_of_a_camera_on_its_side() -> None:
    turned = skeletons_of(LEFT, turn=PictureTurn(90))
    (person,) = FrameReader().read(turned, None).people
    assert person.pose is not None
    nose = turned.skeletons[0].keypoints[0]
    assert person.pose.data[0, :2].tolist() == pytest.approx([nose.x, nose.y], abs=1e-3)


def test_why_there_is_no_label() -> None:
    cold = activity("p1", "", 0.0, status=Activity.STATUS_WARMING_UP, progress=0.4)
    unsure = activity("p2", "", 0.3, status=Activity.STATUS_UNCERTAIN)
    frame = FrameReader().read(skeletons_of(LEFT, RIGHT), activities_of(cold, unsure))
    assert [person.caption for person in frame.people] == ["warming up 40%", "unsure"]


def test_skeletons_that_cannot_be_read_say_so() -> None:
    wrong = skeletons_of(LEFT, turn=PictureTurn(90))
    wrong.image_width = 0
    with pytest.raises(ValueError, match="image_width"):
        FrameReader().read(wrong, None)
