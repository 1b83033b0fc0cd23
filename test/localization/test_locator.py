"""Positions of drawn people whose place is known: from depth, from one camera alone, from metric joints."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.depth_scenes import CAMERA, FOCAL, DrawnPerson, depth_message, depth_of, measured_by
from numpy.typing import NDArray

from co_perception.data.messages.depth_image import read_depth
from co_perception.engine.camera_model import CameraModel
from co_perception.engine.coordinates import KINECT, OPTICAL, REP103
from co_perception.engine.person_position import PersonPosition, PositionSource
from co_perception.engine.picture_turn import TURNS, PictureTurn
from co_perception.engine.target import Pose
from co_perception.localization.locator import Locator, LocatorOptions

NOISE = 0.015  # of joints, as an estimator has it [m]
BEHIND = 0.3  # [m] no position is farther behind the truth: walls and people are


def drawn(rng: np.random.Generator, id: str = "p1", z: float | None = None, x: float | None = None) -> DrawnPerson:
    """Somebody of any size, somewhere in sight up to 5 m away, turned anywhere."""
    z = rng.uniform(1.3, 5.0) if z is None else z
    x = rng.uniform(-0.3, 0.3) * z if x is None else x
    return DrawnPerson(
        x, z, rng.uniform(-math.pi, math.pi), rng.uniform(1.5, 1.9), rng.uniform(0.06, 0.085), rng.uniform(0.085, 0.1),
        id=id,
    )  # fmt: skip


def found(person: DrawnPerson, depth: NDArray[np.float64], seed: int, encoding: str = "16UC1") -> PersonPosition | None:
    pose = person.pose(NOISE * FOCAL / person.z, seed)
    return Locator().position(pose, CAMERA, read_depth(depth_message(depth, encoding)))


def error(position: PersonPosition, person: DrawnPerson) -> float:
    return float(np.linalg.norm(position.point - person.middle))


def scene(seed: int, kind: str) -> tuple[DrawnPerson, NDArray[np.float64]]:
    """Somebody, and what a depth camera sees of a room with them and others in it."""
    rng = np.random.default_rng(seed)
    person = drawn(rng)
    others, boxes = [], tuple[tuple[float, ...], ...]()
    if kind != "alone":
        others = [
            drawn(rng, "b", person.z + rng.uniform(0.6, 2), 1.3 * person.x + rng.uniform(-0.3, 0.3)) for _ in "ab"
        ]
    if (
        kind == "occluded"
    ):  # by a table up to the belly, or by the edge of a door that hides an arm and some of the chest
        x, y, _ = person.middle
        z = person.z - rng.uniform(0.4, 0.7)
        table = (x - 0.6, x + 0.6, y + rng.uniform(0.0, 0.1), 2.0, z)
        door = (x - 1.0, x - rng.uniform(0.03, 0.1), -2.0, 2.0, z)
        boxes = (table if seed % 2 else door,)
    depth = depth_of(person, *others, wall=person.z + rng.uniform(0.7, 4), boxes=boxes)
    return person, measured_by(depth, seed, holes=rng.uniform(0, 0.4))


@pytest.mark.parametrize("kind", ["alone", "people behind", "occluded"])
def test_depth_gives_the_middle_of_the_torso(kind: str) -> None:
    check_depth(kind, range(6))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["alone", "people behind", "occluded"])
def test_depth_gives_the_middle_of_the_torso_of_many(kind: str) -> None:
    check_depth(kind, range(100, 160))


def check_depth(kind: str, seeds: range) -> None:
    errors, covered = [], []
    for seed in seeds:
        person, depth = scene(seed, kind)
        position = found(person, depth, seed)
        assert position is not None
        if position.source == PositionSource.DEPTH:
            errors.append(error(position, person))
            truth = float(np.linalg.norm(person.middle))
            assert position.distance < truth + BEHIND
            covered.append(abs(position.distance - truth) <= 2 * position.distance_deviation)
    print(f"{kind}: median {np.median(errors):.3f} m, most {max(errors):.3f} m, {np.mean(covered):.2f} covered")
    assert len(errors) >= 0.9 * len(seeds)
    in_front = np.mean(np.array(errors) > BEHIND)  # on the door, where it hides nearly all of somebody in profile
    assert np.median(errors) <= 0.05 and in_front <= (0.2 if kind == "occluded" else 0)
    assert np.mean(covered) >= 0.8


def test_both_encodings_and_byte_orders_say_the_same() -> None:
    person, depth = scene(3, "alone")
    pose = person.pose()
    kinds = [("16UC1", False), ("16UC1", True), ("32FC1", False), ("32FC1", True)]
    places = [Locator().position(pose, CAMERA, read_depth(depth_message(depth, *kind))) for kind in kinds]
    assert all(place is not None and error(place, person) < 0.1 for place in places)
    assert np.ptp([place.point for place in places if place], axis=0).max() < 0.003  # rounded to millimeters


def test_a_depth_picture_may_be_smaller_than_the_color_picture() -> None:
    person, depth = scene(5, "alone")
    small = read_depth(depth_message(np.ascontiguousarray(depth[::2, ::2])))
    position = Locator().position(person.pose(), CAMERA, small)
    assert position is not None and position.source == PositionSource.DEPTH and error(position, person) < 0.1


def test_nobody_is_on_the_wall_behind() -> None:
    """Where the body gives no depth at all (black clothes) and only the wall is measured, the wall is not believed."""
    person = DrawnPerson(0.2, 2.0)
    empty = depth_of(wall=3.5)
    position = found(person, empty, 0)
    assert position is not None and position.source == PositionSource.MONOCULAR
    assert found(person, np.full_like(empty, np.nan), 0, "32FC1").source == PositionSource.MONOCULAR  # type: ignore[union-attr]
    assert found(person, np.zeros_like(empty), 0).source == PositionSource.MONOCULAR  # type: ignore[union-attr]


@pytest.mark.parametrize("yaw", np.radians([0, 30, -60, 110, -150, 180]))
@pytest.mark.parametrize("x", [-0.8, 0.0, 0.8])
def test_facing_is_that_of_the_chest(yaw: float, x: float) -> None:
    person = DrawnPerson(x, 2.5, float(yaw))
    with_depth = found(person, measured_by(depth_of(person), 1), 1)
    alone = Locator().position(person.pose(), CAMERA)
    metric = Locator().position(metric_pose(person))
    for position, most in ((with_depth, 35), (alone, 35), (metric, 1)):
        assert position is not None
        assert abs(math.degrees(math.remainder(position.facing - yaw, 2 * math.pi))) < most


def metric_pose(person: DrawnPerson, coordinates: str = OPTICAL) -> Pose:
    joints = person.joints
    x, y, z = joints.T
    turned = {OPTICAL: joints, KINECT: np.stack([-x, -y, z], 1), REP103: np.stack([z, -x, -y], 1)}[coordinates]
    data = np.column_stack([turned, np.full(17, 0.9)]).astype(np.float32)
    return Pose(data, coordinates=coordinates, id=person.id)


@pytest.mark.parametrize("coordinates", [OPTICAL, KINECT, REP103])
def test_metric_joints_are_taken_as_they_come(coordinates: str) -> None:
    person = DrawnPerson(-1.0, 3.0, 0.7)
    position = Locator().position(metric_pose(person, coordinates))
    assert position is not None and position.source == PositionSource.METRIC
    assert position.distance == pytest.approx(np.linalg.norm(person.middle), abs=1e-5)
    assert position.bearing == pytest.approx(math.atan2(1.0, 3.0), abs=1e-5), "to the left is positive"
    assert position.facing == pytest.approx(0.7, abs=1e-3)
    assert np.linalg.norm(position.point) == pytest.approx(position.distance)


def test_joints_relative_to_the_hips_are_no_position() -> None:
    pose = metric_pose(DrawnPerson(0.0, 3.0))
    joints = pose.data.copy()
    joints[:, :3] -= joints[[11, 12], :3].mean(0)
    assert Locator().position(replace(pose, data=joints)) is None


def test_one_camera_tells_the_distance_within_its_deviation() -> None:
    """People between 1.5 and 1.9 m, of whom 1.7 m is expected."""
    errors, covered = [], []
    for seed in range(200):
        person = drawn(np.random.default_rng(seed), z=1.5 + seed / 40)
        position = Locator().position(person.pose(NOISE * FOCAL / person.z, seed), CAMERA)
        assert position is not None and position.source == PositionSource.MONOCULAR
        truth = float(np.linalg.norm(person.middle))
        errors.append(abs(position.distance - truth) / truth)
        covered.append(abs(position.distance - truth) <= 2 * position.distance_deviation)
    assert np.median(errors) < 0.1 and np.mean(covered) > 0.9


def test_children_are_found_where_their_height_is_expected() -> None:
    child = DrawnPerson(0.0, 2.0, stature=1.1)
    expected = LocatorOptions(stature=1.1)
    near, far = Locator(expected).position(child.pose(), CAMERA), Locator().position(child.pose(), CAMERA)
    assert near is not None and near.distance == pytest.approx(np.linalg.norm(child.middle), rel=0.06)
    assert far is not None and far.distance > 1.3 * near.distance


def test_half_a_body_is_found_and_nobody_without_a_torso() -> None:
    person = DrawnPerson(0.3, 2.0, 0.3)
    depth = measured_by(depth_of(person), 2)
    for lost in ((13, 14, 15, 16), (11, 12, 13, 14, 15, 16), (5, 7, 9, 11, 13, 15)):
        position = Locator().position(person.pose(lost=lost), CAMERA, read_depth(depth_message(depth)))
        assert position is not None and error(position, person) < 0.25, lost
    assert Locator().position(person.pose(lost=(5, 6, 11, 12)), CAMERA) is None
    assert Locator().position(person.pose()) is None, "pixels without a camera"


def test_velocity_is_that_of_a_walk() -> None:
    locator, ids = Locator(), ("p1", "p2")
    for frame in range(20):
        seconds = frame / 15
        people = [DrawnPerson(-0.5 + 0.8 * seconds, 3.0 - 0.6 * seconds), DrawnPerson(0.7, 4.0, id="p2")]
        positions = locator.locate([metric_pose(person) for person in people], round(seconds * 1e9))
        if frame < 3:
            assert np.isnan([positions[id].velocity for id in ids]).all()
    walking, standing = (positions[id] for id in ids)
    assert walking.velocity == pytest.approx([0.8, 0.0, -0.6], abs=0.02) and walking.velocity_deviation < 0.02
    assert standing.velocity == pytest.approx([0, 0, 0], abs=0.01)
    again = locator.locate([metric_pose(people[0])], 0)
    assert np.isnan(again["p1"].velocity).all(), "stamps that go back begin anew"


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotate", TURNS)
def test_a_turned_camera_says_the_same_in_its_own_frame(rotate: int, mirrored: bool) -> None:
    """The picture of an upright camera, as one that is mounted otherwise gives it: same place, in the turned frame."""
    person, turn = DrawnPerson(0.5, 2.5, 0.6), PictureTurn(rotate, mirrored)
    pose, depth = person.pose(), measured_by(depth_of(person), 4)
    size = turn.upright_size(CAMERA.size)  # of the source picture
    sides = {0: CAMERA.center, 180: CAMERA.center}.get(rotate, CAMERA.center[::-1])
    camera = CameraModel(CAMERA.focal, sides, size)
    source = turn.pose_in_source(pose, size)
    back = depth[:, ::-1] if mirrored else depth
    turned = read_depth(depth_message(np.ascontiguousarray(np.rot90(back, rotate // 90))))
    for given, expected in ((None, None), (turned, read_depth(depth_message(depth)))):
        found = Locator().position(source, camera, given, turn)
        truth = Locator().position(pose, CAMERA, expected)
        assert found is not None and truth is not None and found.source == truth.source
        np.testing.assert_allclose(turn.axes().T @ found.point, truth.point, atol=0.02)
        assert found.distance == pytest.approx(truth.distance, abs=0.02)
        assert (found.bearing, found.facing) == pytest.approx((truth.bearing, truth.facing), abs=0.15)
