"""Pictures of a wall with a pattern, and of people before it, as a camera that moves sees them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from co_perception.engine.data import Image, Pixels
from co_perception.engine.target import Pose
from helpers.stick_figures import person

SIZE = (320, 240)
TICK_NS = 50_000_000


def wall(seed: int = 0) -> Pixels:
    """(H, W, 3) a pattern with corners, larger than the picture on all sides."""
    rng = np.random.default_rng(seed)
    picture = np.full((SIZE[1] + 400, SIZE[0] + 1200, 3), 120, np.uint8)
    for _ in range(900):
        x, y = (int(value) for value in rng.integers(0, (picture.shape[1], picture.shape[0])))
        wide, high = (int(value) for value in rng.integers(8, 40, 2))
        cv2.rectangle(picture, (x, y), (x + wide, y + high), [int(v) for v in rng.integers(0, 255, 3)], -1)
    return cv2.GaussianBlur(picture, (5, 5), 0)


def shown(whole: Pixels, homography: np.ndarray, people: Sequence[Pose] = (), stamp_ns: int = 0) -> Image:
    """The picture through this homography from the wall's pixels, with people as dark figures in pixels of it."""
    pixels = cv2.warpPerspective(whole, homography, SIZE)
    for pose in people:
        points = np.rint(pose.data[:, :2]).astype(np.int32)
        cv2.fillConvexPoly(pixels, cv2.convexHull(points), (30, 30, 30))
    return Image(pixels, stamp_ns)


def window(x: float, y: float = 100.0, roll: float = 0.0) -> np.ndarray:
    """(3, 3) from the wall to a picture whose left upper corner is at x, y, turned by `roll` about its middle [rad]."""
    shift = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1.0]])
    middle = np.array([[1, 0, SIZE[0] / 2], [0, 1, SIZE[1] / 2], [0, 0, 1.0]])
    c, s = np.cos(roll), np.sin(roll)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    return np.asarray(middle @ turn @ np.linalg.inv(middle) @ shift)


def standing(x: float, homography: np.ndarray, size: float = 16.0) -> Pose:
    """Somebody who stands at x of the wall, as a camera with this homography sees them."""
    pose = person(x, 160, size)
    places = np.column_stack([pose.data[:, :2], np.ones(17)]) @ homography.T
    data = pose.data.copy()
    data[:, :2] = places[:, :2] / places[:, 2:]
    return Pose(data, confidence=0.9)
