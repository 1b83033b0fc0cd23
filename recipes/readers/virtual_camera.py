"""Simulated camera and pose estimator: joints in space, projected to a picture, with noise and missing joints.

There are far fewer motion captures than views of one. What a camera adds is known, so it can be drawn at random: its
place, the noise of the estimator, and the joints that it misses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.data import SkeletonSequence
from co_perception.skeletons.layouts import Layout

Floats = NDArray[np.float64]
Random = np.random.Generator


@dataclass(frozen=True)
class Camera:
    """A pinhole camera directed at a person.

    Args:
        azimuth: degrees around the person, from the front to their right.
        height: of the lens, m.
        distance: of the lens from the person's axis, m.
        roll: degrees.
        aim: height of the point in the middle of the picture, m.
    """

    azimuth: float
    height: float = 1.2
    distance: float = 3.0
    roll: float = 0.0
    aim: float = 0.9

    def project(self, points: Floats) -> Floats:
        """Points (..., 3) in m (x to the front of the person, y up, z to their right) as (..., 2) in the picture (x to
        the right, y down, in focal lengths from its middle). Points must lie in front of the camera."""
        turn = np.deg2rad(self.azimuth)
        place = np.array([self.distance * np.cos(turn), self.height, self.distance * np.sin(turn)])
        ahead = _unit(np.array([0.0, self.aim, 0.0]) - place)
        right = _unit(np.cross(ahead, [0.0, 1.0, 0.0]))
        local = (points - place) @ np.stack([right, np.cross(ahead, right), ahead], 1)
        flat = local[..., :2] / local[..., 2:]
        c, s = np.cos(np.deg2rad(self.roll)), np.sin(np.deg2rad(self.roll))
        return np.asarray(flat @ np.array([[c, s], [-s, c]]))


@dataclass(frozen=True)
class Estimator:
    """Errors of a pose estimator.

    Args:
        jitter: standard deviation of an error that changes with each frame, in heights of a person.
        drift: standard deviation of an error that is the same in all frames, in heights of a person.
        missing: probability that a joint is lost in a frame.
        gone: probability that a joint is lost in all frames.
        held: probability that a frame is a copy of the one before.
    """

    jitter: float = 0.0
    drift: float = 0.0
    missing: float = 0.0
    gone: float = 0.0
    held: float = 0.0

    def detect(self, joints: Floats, layout: Layout, rate_hz: float, rng: Random) -> SkeletonSequence:
        """Joints (T, V, 2) in the picture as a sequence of one person: (3, T, V, 1), in 1/1000 focal lengths."""
        frames, count = joints.shape[:2]
        height = np.ptp(joints[..., 1], axis=1).max()
        drift = rng.normal(0, self.drift * height, (1, count, 2))
        found = joints + drift + rng.normal(0, self.jitter * height, joints.shape)
        lost = (rng.random((frames, count)) < self.missing) | (rng.random(count) < self.gone)
        score = np.where(lost, 0.0, rng.uniform(0.3, 1.0, (frames, count)))
        values = np.concatenate([np.where(lost[..., None], 0.0, found * 1000), score[..., None]], -1)
        for frame in np.flatnonzero(rng.random(frames - 1) < self.held) + 1:
            values[frame] = values[frame - 1]
        ready = np.ascontiguousarray(values.transpose(2, 0, 1)[..., None], np.float32)
        return SkeletonSequence(ready, layout.name, rate_hz)


def _unit(v: Floats) -> Floats:
    return np.asarray(v / np.linalg.norm(v))
