"""Locator: positions of all people of a frame, from whatever is there: metric joints, depth, or one camera alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from co_perception.data.messages.depth_image import DepthImage
from co_perception.engine.camera_model import CameraModel
from co_perception.engine.coordinates import NEAREST_PERSON, PIXELS, SHARES
from co_perception.engine.person_position import Floats, PersonPosition, PositionSource, in_frame, measured
from co_perception.engine.picture_turn import UPRIGHT, PictureTurn
from co_perception.engine.target import Pose
from co_perception.localization.body_lengths import LengthDistance, LengthModel, distance_by_lengths
from co_perception.localization.orientation import facing_in_picture, facing_in_space, optical
from co_perception.localization.torso import Torso, corner_numbers, torso_of
from co_perception.localization.torso_depth import TorsoDepthModel, patch_depths, torso_depth
from co_perception.localization.velocity import VelocityEstimator, VelocityModel
from co_perception.skeletons.layouts import LAYOUTS

# Half the depth and half the width of a body: what is measured is its surface, and the person is the middle (Gordon et
# al., 2012 Anthropometric Survey of U.S. Army Personnel: chest depth 0.25 m, chest breadth 0.29 m, with both arms 0.48
# m; from the side an arm covers a part of the chest).
HALF_DEPTH, HALF_BREADTH = 0.12, 0.19
DEPTH_DEVIATION, BREADTH_DEVIATION = 0.02, 0.05  # of these between people, clothes and postures [m]
SENSOR_DEVIATION = 0.003  # of stereo and structured light, for each square of the distance [m / m^2]
JOINT_DEVIATION = 0.06  # of a torso's middle as estimators find it, in torso lengths
METRIC_DEVIATION = 0.05  # of the middle of joints in metres, whose sensor is not known [m]


@dataclass(frozen=True)
class LocatorOptions:
    """How people are found in space.

    Args:
        stature: expected height of the people [m].
        stature_deviation: standard deviation of it: two of them reach from a child of 1.4 m to 2 m [m].
        lengths, torso, velocity: models of the steps.
    """

    stature: float = 1.7
    stature_deviation: float = 0.15
    lengths: LengthModel = field(default_factory=LengthModel)
    torso: TorsoDepthModel = field(default_factory=TorsoDepthModel)
    velocity: VelocityModel = field(default_factory=VelocityModel)

    def __post_init__(self) -> None:
        if not (0.3 <= self.stature <= 3.0 and 0 <= self.stature_deviation < self.stature):
            raise ValueError(
                f"people are 0.3 to 3 m tall, with a deviation below that, got {self.stature} and "
                f"{self.stature_deviation} m"
            )


class Locator:
    """Finds the positions of people, frame by frame.

    Joints in metres come as they are. Of joints in pixels the depth picture is asked first, then the lengths of the
    body. Whoever cannot be found has no position.
    """

    def __init__(self, options: LocatorOptions | None = None) -> None:
        self.options = options or LocatorOptions()
        self._velocities = VelocityEstimator(self.options.velocity)

    def locate(
        self,
        poses: Iterable[Pose],
        stamp_ns: int,
        camera: CameraModel | None = None,
        depth: DepthImage | None = None,
        turn: PictureTurn = UPRIGHT,
        place: Callable[[PersonPosition], PersonPosition | None] = lambda position: position,
    ) -> dict[str, PersonPosition]:
        """The positions of a frame by the ids of the people, in the frame of the camera, or of the metric joints.

        Args:
            poses: of the frame.
            stamp_ns: of the frame; velocities need it.
            camera: of the picture that the joints are in, scaled to its size; None: pixels tell no position.
            depth: registered to that picture; None: there is none.
            turn: how that picture becomes one in which people stand upright; bearing and facing are about its vertical.
            place: puts a position into another frame, in which velocities are wanted; None where it cannot.
        """
        found = dict[str, PersonPosition]()
        for pose in poses:
            visible = self.position(pose, camera, depth, turn)
            position = None if visible is None else place(visible)
            if position is not None:
                found[pose.id] = self._velocities.update(pose.id, position, stamp_ns)
        self._velocities.forget_all_but(found.keys(), stamp_ns)
        return found

    def position(
        self,
        pose: Pose,
        camera: CameraModel | None = None,
        depth: DepthImage | None = None,
        turn: PictureTurn = UPRIGHT,
    ) -> PersonPosition | None:
        """The position of one person in one frame, without a velocity; None where it cannot be found."""
        if pose.coordinates not in (PIXELS, SHARES):
            return _metric_position(pose) if pose.data.shape[1] == 4 else None
        if camera is None or pose.coordinates == SHARES:
            return None
        found = self._in_picture(pose, camera, depth, turn)
        return found if found is None or not turn.rotate else in_frame(found, turn.axes(), np.zeros(3), "")

    def _in_picture(
        self, pose: Pose, camera: CameraModel, depth: DepthImage | None, turn: PictureTurn
    ) -> PersonPosition | None:
        """The position in the upright frame, which is that of the camera turned about its axis."""
        torso, options = torso_of(turn.pose_upright(pose, camera.size)), self.options
        if torso is None:
            return None
        torso = torso.placed(lambda places: turn.places_in_source(places, camera.size))
        pixels = np.concatenate([pose.data[:, :2].astype(np.float64), [torso.middle, torso.shoulders, torso.hips]])
        directions = turn.directions_upright(camera.directions(turn.unmirrored(pixels, camera.size)))
        joints, (middle, upper, lower) = directions[:-3], directions[-3:]
        layout = LAYOUTS[pose.layout]
        lengths = distance_by_lengths(
            joints, pose.found, layout, options.stature, options.stature_deviation, options.lengths
        )
        sight = np.array([*middle, 1.0])
        aside = JOINT_DEVIATION * float(np.linalg.norm(upper - lower))
        if depth is not None:
            position = self._in_depth(pose, joints, torso, sight, lengths, aside, camera, depth)
            if position is not None:
                return position
        if lengths is None:
            return None
        return self._monocular(pose, joints, sight, lengths, aside)

    def _in_depth(
        self, pose: Pose, directions: Floats, torso: Torso, sight: Floats, lengths: LengthDistance | None, aside: float,
        camera: CameraModel, depth: DepthImage,
    ) -> PersonPosition | None:  # fmt: skip
        scale = (depth.size[0] / camera.size[0], depth.size[1] / camera.size[1])
        joints = pose.data[:, :2].astype(np.float64) * scale
        expected = lengths.depth if lengths else None
        surface = torso_depth(torso.scaled(scale), joints[pose.found], depth, expected, self.options.torso)
        if surface is None:
            return None
        point = sight * surface.depth
        shoulders = patch_depths(depth, joints[list(corner_numbers(LAYOUTS[pose.layout])[:2])], 2)
        on_body = np.abs(shoulders - surface.depth) < HALF_BREADTH + HALF_DEPTH
        turn = float(shoulders[0] - shoulders[1]) if on_body.all() else math.nan
        facing = facing_in_picture(pose, directions, point, self.options.stature, turn)
        inward, deviation = _inward(facing)
        point += point / np.linalg.norm(point) * inward
        along = math.hypot(deviation, SENSOR_DEVIATION * surface.depth**2, surface.deviation)
        return measured(PositionSource.DEPTH, point, along, aside * surface.depth, pose.coordinates, facing)

    def _monocular(
        self, pose: Pose, joints: Floats, sight: Floats, lengths: LengthDistance, aside: float
    ) -> PersonPosition:
        point = sight * lengths.depth
        facing = facing_in_picture(pose, joints, point, self.options.stature)
        along = lengths.log_deviation * float(np.linalg.norm(point))
        return measured(PositionSource.MONOCULAR, point, along, aside * lengths.depth, pose.coordinates, facing)


def _inward(facing: float) -> tuple[float, float]:
    """From the visible surface of a torso to its middle, and the deviation of that between people [m]."""
    aside = 0.5 if math.isnan(facing) else math.sin(facing) ** 2
    inward = math.sqrt(HALF_DEPTH**2 * (1 - aside) + HALF_BREADTH**2 * aside)
    return inward, math.sqrt(DEPTH_DEVIATION**2 * (1 - aside) + BREADTH_DEVIATION**2 * aside)


def _metric_position(pose: Pose) -> PersonPosition | None:
    """The position of somebody whose joints are in metres; None without a torso, or where the origin is the person."""
    numbers = list(corner_numbers(LAYOUTS[pose.layout]))
    joints, found = pose.data[numbers, :3].astype(np.float64), pose.found[numbers]
    upper, lower = joints[:2][found[:2]], joints[2:][found[2:]]
    if not len(upper) or not len(lower):
        return None
    point = (upper.mean(0) + lower.mean(0)) / 2
    if np.linalg.norm(point) < NEAREST_PERSON:  # joints relative to the hips, as of MediaPipe's world
        return None
    with_gaps = np.where(found[:, None], joints, np.nan)
    facing = facing_in_space(optical(with_gaps, pose.coordinates), optical(point[None], pose.coordinates)[0])
    return measured(PositionSource.METRIC, point, METRIC_DEVIATION, METRIC_DEVIATION, pose.coordinates, facing)
