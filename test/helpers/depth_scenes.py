"""Drawn rooms with people in them, as a depth camera sees them: every pixel by ray casting, every place known."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.camera_model import CameraModel
from co_perception.engine.target import Pose

Floats = NDArray[np.float64]

WIDTH, HEIGHT, FOCAL = 320, 240, 260.0
CAMERA = CameraModel((FOCAL, FOCAL), (WIDTH / 2, HEIGHT / 2), (WIDTH, HEIGHT))
EYE = 1.2  # [m] height of the camera above the floor; it looks straight ahead

# COCO's joints of somebody 1 m tall who stands: to their left, up from the floor, and to their front.
_JOINTS = np.array(
    [
        (0, 0.93, 0.08), (0.02, 0.95, 0.07), (-0.02, 0.95, 0.07), (0.045, 0.94, 0.02), (-0.045, 0.94, 0.02),
        (0.105, 0.82, 0), (-0.105, 0.82, 0), (0.13, 0.63, 0), (-0.13, 0.63, 0), (0.14, 0.49, 0.04),
        (-0.14, 0.49, 0.04), (0.055, 0.53, 0), (-0.055, 0.53, 0), (0.06, 0.285, 0.01), (-0.06, 0.285, 0.01),
        (0.06, 0.04, 0), (-0.06, 0.04, 0),
    ]
)  # fmt: skip
_LIMBS = ((5, 7, 0.03), (7, 9, 0.025), (6, 8, 0.03), (8, 10, 0.025), (11, 13, 0.045), (13, 15, 0.03),
          (12, 14, 0.045), (14, 16, 0.03), (3, 4, 0.06))  # fmt: skip


@dataclass(frozen=True)
class DrawnPerson:
    """Somebody in a drawn room.

    Args:
        x, z: where they stand, to the right of the camera and ahead of it [m].
        yaw: where they face: 0 to the camera, positive to their own left [rad].
        stature: [m]. depth, breadth: half of their chest, as shares of the stature.
        raised: [m] above the floor.
    """

    x: float
    z: float
    yaw: float = 0.0
    stature: float = 1.7
    depth: float = 0.07
    breadth: float = 0.09
    raised: float = 0.0
    id: str = "p1"

    @property
    def joints(self) -> Floats:
        """(17, 3) in the camera's optical frame [m]."""
        left, up, front = (_JOINTS * self.stature).T
        # Towards the camera from where they stand, then turned about the vertical.
        back = np.arctan2(self.x, self.z)
        ahead = np.array([-np.sin(back), 0.0, -np.cos(back)])
        aside = np.array([np.cos(back), 0.0, -np.sin(back)])
        chest = np.cos(self.yaw) * ahead + np.sin(self.yaw) * aside
        to_left = np.cos(self.yaw) * aside - np.sin(self.yaw) * ahead
        feet = np.array([self.x, EYE - self.raised, self.z])
        return np.asarray(
            feet + left[:, None] * to_left + front[:, None] * chest + up[:, None] * np.array([0.0, -1.0, 0.0])
        )

    @property
    def middle(self) -> Floats:
        """(3,) of the torso, in the camera's optical frame [m]."""
        return np.asarray(self.joints[[5, 6, 11, 12]].mean(0))

    def pose(self, noise_px: float = 0.0, seed: int = 0, lost: tuple[int, ...] = ()) -> Pose:
        """As an estimator finds them."""
        x, y, z = self.joints.T
        pixels = np.stack([FOCAL * x / z + WIDTH / 2, FOCAL * y / z + HEIGHT / 2], 1)
        pixels += np.random.default_rng(seed).normal(0, noise_px, pixels.shape)
        score = np.full(17, 0.9)
        score[list(lost)] = 0
        pixels[list(lost)] = 0
        return Pose(np.column_stack([pixels, score]).astype(np.float32), id=self.id)


def depth_of(*people: DrawnPerson, wall: float = 6.0, boxes: tuple[tuple[float, ...], ...] = ()) -> Floats:
    """(H, W) depth along the optical axis [m] of people in a room with a floor and a wall behind.

    boxes: things in front, as rectangles that face the camera: left, right, top, bottom and z [m] in its frame.
    """
    down, across = np.mgrid[:HEIGHT, :WIDTH]
    rays = np.stack([(across - WIDTH / 2) / FOCAL, (down - HEIGHT / 2) / FOCAL, np.ones_like(down, float)], -1)
    rays = rays.reshape(-1, 3).astype(np.float64)
    found = np.full(len(rays), wall)
    with np.errstate(divide="ignore"):
        floor = np.where(rays[:, 1] > 0, EYE / rays[:, 1], np.inf)
    found = np.minimum(found, floor)
    for left, right, top, bottom, z in boxes:
        inside = (rays[:, 0] * z >= left) & (rays[:, 0] * z <= right) & (rays[:, 1] * z >= top)
        found = np.where(inside & (rays[:, 1] * z <= bottom), np.minimum(found, z), found)
    for person in people:
        joints, size = person.joints, person.stature
        for one, other, radius in _LIMBS:
            _add_capsule(found, rays, joints[one], joints[other], radius * size)
        shoulders, hips = joints[5:7].mean(0), joints[11:13].mean(0)
        chest = np.cross(joints[5] - joints[6], shoulders - hips)
        chest /= np.linalg.norm(chest)
        broad, deep = person.breadth * size, person.depth * size
        wider = np.eye(3) + (broad / deep - 1) * np.outer(chest, chest)  # makes the ellipse of a chest a circle
        short = (shoulders - hips) * 0.35 / 2 / 0.29  # the ends of the capsule are round
        _add_capsule(found, rays, hips + 0.3 * short, shoulders - 0.3 * short, broad, wider)
    return found.reshape(HEIGHT, WIDTH)


def measured_by(depth: Floats, seed: int = 0, holes: float = 0.1, edge_px: int = 2, noise: float = 0.002) -> Floats:
    """What a sensor makes of it: noise that grows with the square of the distance [m / m^2], holes (share of all
    pixels, in patches), and no measurement along edges. 0: not measured."""
    draw = np.random.default_rng(seed)
    seen = depth + draw.normal(0, 1, depth.shape) * noise * depth**2
    patches = np.kron(draw.random((HEIGHT // 5, WIDTH // 5)) < holes, np.ones((5, 5), bool))
    steps = np.zeros(depth.shape, bool)
    for axis in (0, 1):
        jump = np.abs(np.diff(depth, axis=axis)) > 0.15
        index = np.argwhere(jump)
        for shift in range(-edge_px + 1, edge_px + 1):
            moved = index.copy()
            moved[:, axis] = np.clip(moved[:, axis] + shift, 0, depth.shape[axis] - 1)
            steps[moved[:, 0], moved[:, 1]] = True
    return np.where(patches | steps, 0.0, seen)


def depth_message(depth: Floats, encoding: str = "16UC1", big_endian: bool = False, **fields: Any) -> Any:
    """The fields of a sensor_msgs/Image with a depth picture [m]."""
    order = ">" if big_endian else "<"
    values = np.rint(depth * 1000).astype(f"{order}u2") if encoding == "16UC1" else depth.astype(f"{order}f4")
    height, width = depth.shape
    given = {"height": height, "width": width, "encoding": encoding, "is_bigendian": int(big_endian)}
    given |= {"step": width * values.itemsize, "data": values.tobytes(), **fields}
    return SimpleNamespace(**given)


def _add_capsule(
    found: Floats, rays: Floats, one: Floats, other: Floats, radius: float, wider: Floats | None = None
) -> None:
    """Puts a capsule into the depths (N,); `wider` (3, 3) makes it round, where it is not."""
    ends = np.stack([one, other])
    least = ((ends[:, :2] - radius) / (ends[:, 2:] - radius)).min(0), ((ends[:, :2] - radius) / ends[:, 2:]).min(0)
    most = ((ends[:, :2] + radius) / (ends[:, 2:] - radius)).max(0), ((ends[:, :2] + radius) / ends[:, 2:]).max(0)
    near = ((rays[:, :2] >= np.minimum(*least)) & (rays[:, :2] <= np.maximum(*most))).all(1)
    shape = np.eye(3) if wider is None else wider
    found[near] = np.minimum(found[near], _capsule(rays[near] @ shape.T, shape @ one, shape @ other, radius))


def _capsule(rays: Floats, one: Floats, other: Floats, radius: float) -> Floats:
    """(N,) where rays from the origin first meet a capsule, in lengths of each ray; infinite where they miss it."""
    axis, start = other - one, -one
    axis2, ray2 = float(axis @ axis), (rays * rays).sum(1)
    along, ray_start, axis_start = rays @ axis, rays @ start, float(axis @ start)
    a = axis2 * ray2 - along**2
    b = axis2 * ray_start - axis_start * along
    c = axis2 * float(start @ start) - axis_start**2 - radius**2 * axis2
    with np.errstate(invalid="ignore", divide="ignore"):
        t = (-b - np.sqrt(b * b - a * c)) / a
        place = axis_start + t * along
        found = np.where((place > 0) & (place < axis2), t, np.inf)
        for end in (one, other):
            b = -(rays @ end)
            root = b * b - ray2 * (float(end @ end) - radius**2)
            found = np.fmin(found, np.where(root >= 0, (-b - np.sqrt(root)) / ray2, np.inf))
    return np.asarray(np.where(found > 0, found, np.inf))
