"""CameraModel: a pinhole camera with lens distortion, as sensor_msgs/CameraInfo describes it; directions of pixels.

Distortion models: `plumb_bob` and `rational_polynomial` (Brown 1966, as in OpenCV), `equidistant` (Kannala and Brandt,
TPAMI 2006, OpenCV's fisheye).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS = 10  # of the fixed-point iteration that takes distortion away; it converges in 5 for the lenses of robots
WIDEST = math.tan(math.radians(85.0))  # no direction of a pinhole camera is farther off its axis


@dataclass(frozen=True)
class CameraModel:
    """Directions of the pixels of a picture.

    Args:
        focal: (across, down) focal lengths [pixels].
        center: (across, down) of the optical axis [pixels].
        size: width and height of the picture that focal and center are of [pixels].
        distortion: coefficients in OpenCV's order; empty: none.
        fisheye: whether they are of the equidistant model.

    Raises:
        ValueError: for a focal length or a size that is not above 0, and for numbers that are not finite.
    """

    focal: tuple[float, float]
    center: tuple[float, float]
    size: tuple[int, int]
    distortion: tuple[float, ...] = ()
    fisheye: bool = False

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in (*self.focal, *self.center, *self.distortion)):
            raise ValueError("a camera's focal length, center and distortion are finite numbers: is it calibrated?")
        if min(self.focal) <= 0 or min(self.size) <= 0:
            raise ValueError(
                f"a camera has focal lengths and a size above 0 pixels, got {self.focal} and {self.size}: a "
                "camera_info of zeros is that of a camera that was never calibrated."
            )

    def scaled(self, size: tuple[int, int], tolerance: float = 0.02) -> CameraModel:
        """The same camera for a picture of another size, which was scaled as a whole.

        Raises ValueError where width over height differs by more than the tolerance: then it was cropped, and nothing
        tells where.
        """
        if size == self.size:
            return self
        across, down = (wanted / given for wanted, given in zip(size, self.size, strict=True))
        if min(size) <= 0 or abs(across / down - 1) > tolerance:
            raise ValueError(
                f"camera_info is of a picture of {self.size[0]} x {self.size[1]} pixels, the picture has {size[0]} x "
                f"{size[1]}, which is another shape: give the camera_info of these pictures."
            )
        focal, center = (self.focal[0] * across, self.focal[1] * down), (self.center[0] * across, self.center[1] * down)
        return CameraModel(focal, center, size, self.distortion, self.fisheye)

    def directions(self, pixels: NDArray[np.floating]) -> Floats:
        """(N, 2) of x / z and y / z in the optical frame, for pixels (N, 2) of across and down."""
        bent = (np.asarray(pixels, np.float64) - self.center) / self.focal
        if not any(self.distortion):
            return bent
        straight = _straight_fisheye(bent, self.distortion) if self.fisheye else _straight(bent, self.distortion)
        # Far outside the calibrated picture the polynomials turn back; such a pixel keeps its undistorted direction.
        good = np.isfinite(straight).all(1) & (np.abs(straight).max(1, initial=0) < WIDEST)
        return np.where(good[:, None], straight, bent)


def _straight(bent: Floats, coefficients: tuple[float, ...]) -> Floats:
    """Directions without the distortion of `plumb_bob` or `rational_polynomial`."""
    k1, k2, p1, p2, k3, k4, k5, k6 = (*coefficients, *[0.0] * 8)[:8]
    x, y = bent[:, 0].copy(), bent[:, 1].copy()
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            r2 = x * x + y * y
            radial = (1 + r2 * (k4 + r2 * (k5 + r2 * k6))) / (1 + r2 * (k1 + r2 * (k2 + r2 * k3)))
            dx = 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
            dy = p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
            x, y = (bent[:, 0] - dx) * radial, (bent[:, 1] - dy) * radial
    return np.stack([x, y], 1)


def _straight_fisheye(bent: Floats, coefficients: tuple[float, ...]) -> Floats:
    """Directions without the distortion of `equidistant`: theta_d = theta (1 + k1 theta^2 + ... + k4 theta^8)."""
    k1, k2, k3, k4 = (*coefficients, *[0.0] * 4)[:4]
    radius = np.linalg.norm(bent, axis=1)
    theta = radius.copy()
    with np.errstate(all="ignore"):
        for _ in range(STEPS):  # Newton
            t2 = theta * theta
            value = theta * (1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4)))) - radius
            slope = 1 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + t2 * 9 * k4)))
            theta = theta - value / slope
        scale = np.where(radius > 0, np.tan(theta) / radius, 1.0)
    scale = np.where(np.abs(theta) < math.pi / 2, scale, np.nan)
    return bent * scale[:, None]
