"""Unit and axes of joints: which a frame of ROS has, and the change from one to another."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.engine.coordinates import CENTER, COORDINATES, FOCAL, change_axes, of_frame, to_picture
from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import Pose


@pytest.mark.parametrize(
    ("frame_id", "coordinates"),
    [
        ("camera_color_optical_frame", "optical"), ("robot1/camera_optical_frame", "optical"),
        ("base_link", "rep103"), ("/robot1/base_footprint", "rep103"), ("odom", "rep103"), ("map", "rep103"),
        ("camera_link", "rep103"), ("laser", None), ("arm_base_link", None), ("", None),
    ],
)  # fmt: skip
def test_the_axes_of_a_frame(frame_id: str, coordinates: str | None) -> None:
    assert of_frame(frame_id) == coordinates


def test_axes_by_hand() -> None:
    """A hand one metre up, two to the right in the picture and three away."""
    optical = np.array([[2, -1, 3, 0.5]], np.float32)
    kinect, rep103 = np.array([[-2, 1, 3, 0.5]], np.float32), np.array([[3, -2, 1, 0.5]], np.float32)
    assert change_axes(optical, "optical") is optical
    assert change_axes(kinect, "kinect", "kinect") is kinect
    assert change_axes(kinect, "kinect").tolist() == optical.tolist()
    assert change_axes(rep103, "rep103").tolist() == optical.tolist()
    assert change_axes(optical, "optical", "kinect").tolist() == kinect.tolist()
    assert change_axes(rep103, "rep103", "kinect").tolist() == kinect.tolist()
    pixels = np.array([[0.5, 0.25, 1]], np.float32)
    assert change_axes(pixels, "pixels") is pixels
    assert change_axes(pixels, "shares", aspect=2.0).tolist() == [[1, 0.25, 1]]


# Joints of one person in a camera's optical frame: x, y, z [m] and score.
PERSON = np.array([[0.5, -1, 2, 1], [-0.6, 0, 3, 0.5], [0, 0.9, 3, 1], [0, 0, 0, 0]], np.float32)


def of_camera(x_over_z: float, y_over_z: float, score: float) -> list[float]:
    return [CENTER + FOCAL * x_over_z, CENTER + FOCAL * y_over_z, score]


@pytest.mark.parametrize(("given", "signs"), [("optical", (1, 1, 1, 1)), ("kinect", (-1, -1, 1, 1))])
def test_metres_of_a_camera_are_seen_in_perspective(given: str, signs: tuple[int, ...]) -> None:
    picture = to_picture(PERSON * np.array(signs, np.float32), given)
    wanted = [of_camera(0.25, -0.5, 1), of_camera(-0.2, 0, 0.5), of_camera(0, 0.3, 1), [0.0, 0.0, 0.0]]
    np.testing.assert_allclose(picture, wanted, rtol=1e-6)
    assert picture.dtype == np.float32


def test_perspective_is_that_of_opencv() -> None:
    cv2 = pytest.importorskip("cv2")
    camera = np.array([[FOCAL, 0, CENTER], [0, FOCAL, CENTER], [0, 0, 1]])
    points, _ = cv2.projectPoints(PERSON[:3, :3].astype(float), np.zeros(3), np.zeros(3), camera, None)
    np.testing.assert_allclose(to_picture(PERSON, "optical")[:3, :2], points[:, 0], rtol=1e-6)


@pytest.mark.parametrize("z", [0.0, -0.5, 1e-30, np.nan])
def test_a_joint_at_the_camera_or_behind_it_is_not_found(z: float) -> None:
    person = PERSON.copy()
    person[1, 2] = z
    picture = to_picture(np.stack([person, PERSON]), "optical")
    assert picture[0, 1].tolist() == [0, 0, 0]
    assert np.delete(picture[0], 1, 0).tolist() == np.delete(picture[1], 1, 0).tolist()


@pytest.mark.parametrize(("given", "shift"), [("optical", (0, 0, -3, 0)), ("rep103", (0, 0, 0, 0))])
def test_metres_whose_origin_is_no_camera_are_seen_without_perspective(given: str, shift: tuple[float, ...]) -> None:
    """Joints relative to the hips, some of them behind the origin, and those of base_link."""
    person = PERSON + np.array(shift, np.float32) * (PERSON[:, 3:] > 0)
    axes = person[:, [2, 0, 1, 3]] * np.array([1, -1, -1, 1], np.float32) if given == "rep103" else person
    picture = to_picture(axes, given)
    assert (picture[:, 2] > 0).tolist() == [True, True, True, False]
    steps, metres = picture[1:3, :2] - picture[:2, :2], person[1:3, :2] - person[:2, :2]
    np.testing.assert_allclose(steps / steps[0, 0], metres / metres[0, 0], rtol=1e-5, atol=1e-6)


def test_pictures_are_as_they_were() -> None:
    pixels = np.array([[0.5, 0.25, 1]], np.float32)
    assert to_picture(pixels, "pixels") is pixels
    assert to_picture(pixels, "shares", aspect=2.0).tolist() == [[1, 0.25, 1]]
    assert to_picture(np.insert(pixels, 2, -0.1, axis=1), "pixels").tolist() == pixels.tolist()


@pytest.mark.parametrize("wanted", ["optical", "kinect"])
@pytest.mark.parametrize("given", ["optical", "kinect", "rep103"])
def test_metres_are_turned_and_never_mirrored(given: str, wanted: str) -> None:
    """All three are right-handed, so a change of axes has the determinant 1; a mirror image has -1."""
    axes = np.c_[np.eye(3), np.ones(3)]
    assert np.linalg.det(change_axes(axes, given, wanted)[:, :3]) == pytest.approx(1)


def test_kinect_left() -> None:
    """A person who faces a Kinect has the left hand at the smaller x, and in a picture at the greater x.

    x grows to the sensor's left (Microsoft, CameraSpacePoint), which is the right of a person who faces it.
    """
    left, right = change_axes(np.array([[-0.3, 1, 2, 1], [0.2, 1, 2, 1]]), "kinect")
    assert left[0] > right[0]


def test_coordinates_are_part_of_a_sequence_and_of_a_pose() -> None:
    assert SkeletonSequence(np.zeros((3, 2, 17, 1), np.float32)).coordinates == "pixels"
    assert SkeletonSequence(np.zeros((4, 2, 25, 1), np.float32), "ntu25").coordinates == "kinect"
    assert Pose(np.zeros((17, 4), np.float32)).coordinates == "optical"
    with pytest.raises(ValueError, match=f"no coordinates 'feet'; there are: {', '.join(COORDINATES)}"):
        Pose(np.zeros((17, 3), np.float32), coordinates="feet")
    with pytest.raises(ValueError, match="rep103 have z upwards"):
        Pose(np.zeros((17, 3), np.float32), coordinates="rep103")
    with pytest.raises(ValueError, match="need its aspect"):
        SkeletonSequence(np.zeros((3, 2, 17, 1), np.float32), coordinates="shares")
