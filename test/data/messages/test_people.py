"""Poses from skeleton messages; here the messages are plain objects."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.stick_figures import person

from co_perception.data.messages.people import (
    from_bodies,
    from_detections,
    from_poses,
    from_skeletons,
    poses_of,
)
from co_perception.data.messages.people_fields import METRES, PIXELS
from co_perception.engine.picture_turn import PictureTurn
from co_perception.skeletons.layouts import LAYOUTS

NAN = float("nan")


def message(coordinates: int, *joints: tuple[float, float, float, float], score: float = 0.5) -> Any:
    keypoints = [SimpleNamespace(x=x, y=y, z=z, score=s) for x, y, z, s in joints]
    skeleton = SimpleNamespace(subject_id="p1", layout="coco17", score=score, keypoints=keypoints)
    header = SimpleNamespace(frame_id="eye_optical_frame")
    return SimpleNamespace(header=header, coordinates=coordinates, skeletons=[skeleton])


def test_pixels_are_x_y_score_whatever_z_says() -> None:
    (pose,) = poses_of(message(PIXELS, (1, 2, NAN, 0.5), (3, 4, 9, 0.25)))
    assert pose.data.tolist() == [[1, 2, 0.5], [3, 4, 0.25]]
    assert (pose.id, pose.layout, pose.confidence) == ("p1", "coco17", 0.5)


def test_metres_keep_z_where_every_found_joint_has_one() -> None:
    (pose,) = poses_of(message(METRES, (1, 2, 3, 0.5), (9, 9, NAN, 0)))
    assert pose.data.tolist() == [[1, 2, 3, 0.5], [0, 0, 0, 0]]
    (flat,) = poses_of(message(METRES, (1, 2, 3, 0.5), (4, 5, NAN, 0.5)))
    assert flat.data.tolist() == [[1, 2, 0.5], [4, 5, 0.5]]


def test_a_lost_joint_is_zeros_and_an_odd_score_is_no_reason_to_fail() -> None:
    (pose,) = poses_of(message(PIXELS, (1, NAN, 0, 0.5), (7, 8, 0, 0), (float("inf"), 1, 0, 1), score=NAN))
    assert not pose.data.any()
    assert np.isfinite(pose.data).all()
    assert pose.confidence == 0.0


def test_joints_at_zero_in_a_picture_are_not_found_and_are_places_in_metres() -> None:
    (pose,) = poses_of(message(PIXELS, (0, 0, NAN, 0.44), (0, 4, NAN, 0.9)))
    assert pose.data.tolist() == [[0, 0, 0], [0, 4, np.float32(0.9)]]
    (pose,) = poses_of(message(METRES, (0, 0, 0, 0.5), (0, 1, 0, 0.5)))
    assert pose.data[:, 3].tolist() == [0.5, 0.5]


def test_a_joint_that_is_given_twice_in_one_detection_is_refused_and_never_replaced() -> None:
    point = SimpleNamespace(x=40.0, y=50.0)
    joints = [SimpleNamespace(id=number, point=point, score=0.9) for number in (1, 2, 3, 2)]
    twice, once = (
        SimpleNamespace(id=name, score=0.9, keypoints=SimpleNamespace(data=points))
        for name, points in (("7", joints), ("8", joints[:3]))
    )
    people = from_detections(SimpleNamespace(detections=[twice, once]))
    assert [pose.id for pose in people.poses] == ["8"]
    [refusal] = people.refused
    assert refusal.kind == "wrong joints" and "'7' has joint number 2 more than once" in refusal.why


def test_scores_and_depths_that_are_missing_together_refuse_nobody() -> None:
    joints = [(10.0 * n + 1, 5.0 * n + 1, NAN, 0.0) for n in range(17)]
    given = message(PIXELS, *joints)
    given.image_width, given.image_height = 640, 480
    given.skeletons[0].roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    people = from_skeletons(given)
    assert people.refused == []
    assert people.poses[0].found.all()


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (640, 480), (480, 640)])
@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 120])
def test_angles_of_hri_are_those_in_the_picture(size: tuple[int, int], degrees: int) -> None:
    """Its joints are shares of width and height: scaled by another picture's size, an elbow of 45 degrees has 37."""
    width, height = size
    upper, lower = np.array([0.0, 60.0]), 60 * np.array([np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])
    places = np.array([[width / 2 + 4 * n, height / 2 - 3 * n] for n in range(18)])  # [pixels]
    shoulder, elbow, wrist = (LAYOUTS["hri18"].joints.index(f"left_{name}") for name in ("shoulder", "elbow", "wrist"))
    places[shoulder] = width / 2, height / 3
    places[elbow] = places[shoulder] + upper
    places[wrist] = places[elbow] + lower
    points = [SimpleNamespace(x=x / width, y=y / height, c=0.9) for x, y in places]
    [pose] = from_bodies({"p": SimpleNamespace(skeleton=points)}, size).poses
    one, other = (pose.data[end, :2] - pose.data[begin, :2] for begin, end in ((shoulder, elbow), (elbow, wrist)))
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert abs(np.degrees(np.arccos(np.clip(cosine, -1, 1))) - degrees) <= 1


def test_joints_of_a_turned_picture_are_read_upright_and_regions_are_not() -> None:
    """A camera on its side, 640 x 480: its picture is turned clockwise by a quarter."""
    joints = [(100.0 + 10 * n, 50.0 + n, NAN, 0.9) for n in range(17)]
    given = message(PIXELS, *joints)
    given.image_width, given.image_height, given.rotate, given.mirrored = 640, 480, 90, False
    given.skeletons[0].roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    people = from_skeletons(given)
    [pose] = people.poses
    np.testing.assert_allclose(pose.data[:, :2], [(480 - y, x) for x, y, *_ in joints])
    np.testing.assert_allclose(people.source_poses[0].data[:, :2], [(x, y) for x, y, *_ in joints])
    assert people.regions[pose.id] == (100, 50, 160, 16)


@pytest.mark.parametrize(("fields", "teaches"), [({"rotate": 45}, "one of 0, 90"), ({"image_width": 0}, "are 0")])
def test_a_turn_that_is_none_or_of_no_picture_is_refused(fields: dict[str, int], teaches: str) -> None:
    given = message(PIXELS, (1, 2, NAN, 0.9))
    given.image_width, given.image_height, given.rotate, given.mirrored = 640, 480, 90, False
    for name, value in fields.items():
        setattr(given, name, value)
    with pytest.raises(ValueError, match=teaches):
        from_skeletons(given)


def test_without_the_cameras_motion_people_stand_where_they_stood() -> None:
    """What is drawn and cut out stays where the picture has it."""
    sent = message(PIXELS, (10, 20, NAN, 0.5), (0, 0, NAN, 0), (14, 28, NAN, 0.5))
    sent.skeletons[0].camera_motion_x, sent.skeletons[0].camera_motion_y = -4.0, 8.0
    (pose,), (still,) = poses_of(sent), poses_of(sent, still=True)
    assert pose.data[:, :2].tolist() == [[10, 20], [0, 0], [14, 28]]
    assert still.data[:, :2].tolist() == [[14, 12], [0, 0], [18, 20]]
    whole = replace(person(100, 40, 10), id="p1")
    people = from_poses([whole], (300, 200), motions={"p1": (-4.0, 8.0)})
    assert np.array_equal(people.poses[0].data, whole.data) and np.array_equal(people.source_poses[0].data, whole.data)
    assert people.still_poses[0].data - whole.data == pytest.approx(np.tile([4, -8, 0], (17, 1)))


@pytest.mark.parametrize("turn", [PictureTurn(90), PictureTurn(270, True)])
def test_so_it_is_in_the_upright_picture(turn: PictureTurn) -> None:
    """A motion of the source picture is another one there."""
    moved, still = (replace(person(100 + x, 40 + y, 10), id="p1") for x, y in ((5, -7), (0, 0)))
    people = from_poses([moved], (300, 200), turn=turn, motions={"p1": (5.0, -7.0)})
    assert people.still_poses[0].data == pytest.approx(turn.pose_upright(still, (300, 200)).data, abs=1e-4)


@pytest.mark.parametrize("motion", [(0.0, 0.0), (NAN, 3.0), (1e30, 0.0), None])
def test_no_motion_is_no_motion(motion: Any) -> None:
    """Messages of earlier versions have no such field."""
    sent = message(PIXELS, (10, 20, NAN, 0.5), (14, 28, NAN, 0.5))
    if motion is not None:
        sent.skeletons[0].camera_motion_x, sent.skeletons[0].camera_motion_y = motion
    (still,) = poses_of(sent, still=True)
    assert still.data[:, :2].tolist() == [[10, 20], [14, 28]]
    metres = message(METRES, (1, 2, 3, 0.5), (2, 2, 3, 0.5))
    metres.skeletons[0].camera_motion_x = metres.skeletons[0].camera_motion_y = 9.0
    assert poses_of(metres, still=True)[0].data[0, :3].tolist() == [1, 2, 3]
