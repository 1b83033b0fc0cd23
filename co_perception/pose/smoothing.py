"""Smoothing of joints over time by the One Euro filter, one for each person.

A low-pass filter whose cut-off frequency rises with speed: joints at rest are steady, and fast ones have little delay
(Casiez, Roussel and Vogel, CHI 2012, doi:10.1145/2207676.2208639).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.picture_motion import PictureMotion
from co_perception.engine.target import Pose
from co_perception.engine.time import NANO

_SPEED_CUTOFF_HZ = 1.0  # of the filter of the speed itself, as in the paper
_LONGEST_S = 0.5  # a joint not found for longer begins anew


@dataclass
class _JointHistory:
    """The filter's memory of one person.

    places: (V, 2) pixels; speeds: (V, 2) pixels per second; last_seen_ns: (V,) when each joint was found last.
    """

    places: NDArray[np.float64]
    speeds: NDArray[np.float64]
    last_seen_ns: NDArray[np.int64]


class Smoother:
    """Smooths x and y of poses with ids; scores and depth stay as they are.

    Args:
        cutoff_hz: of a joint at rest: lower is steadier and later.
        speed_gain: how much a person's height per second raises it [Hz]: higher is quicker and less steady.

    The speed is measured in heights of the person, so that far and near people are treated alike.
    """

    def __init__(self, cutoff_hz: float = 1.5, speed_gain: float = 8.0) -> None:
        if cutoff_hz <= 0 or speed_gain < 0:
            raise ValueError(f"cutoff_hz is above 0 and speed_gain at least 0, got {cutoff_hz} and {speed_gain}.")
        self._cutoff_hz, self._speed_gain = cutoff_hz, speed_gain
        self._people: dict[str, _JointHistory] = {}

    def smooth(self, poses: Iterable[Pose], stamp_ns: int) -> list[Pose]:
        """The people of one frame, taken at `stamp_ns`, with steadier joints."""
        return [self._one(pose, stamp_ns) for pose in poses]

    def follow_camera(self, motion: PictureMotion, depths: Mapping[str, float]) -> None:
        """Moves what is remembered as the camera's own motion moved what stands still, see `Tracker.follow_camera`."""
        for id, person in self._people.items():
            depth, now = depths.get(id, math.inf), person.places.copy()
            person.places = motion.places(person.places, depth)
            person.speeds = np.stack([motion.velocity(*each) for each in zip(now, person.speeds, strict=True)])

    def forget(self, ids: Iterable[str]) -> None:
        """These people are gone for good."""
        for id in ids:
            self._people.pop(id, None)

    def _one(self, pose: Pose, stamp_ns: int) -> Pose:
        new = np.where(pose.found[:, None], pose.data[:, :2], 0.0).astype(np.float64)
        old = self._people.get(pose.id)
        if old is None or len(old.places) != len(new):
            found_ns = np.where(pose.found, stamp_ns, np.iinfo(np.int64).min // 2)
            self._people[pose.id] = _JointHistory(new, np.zeros_like(new), found_ns)
            return pose
        passed_s = (stamp_ns - old.last_seen_ns)[:, None] / NANO
        follow = pose.found[:, None] & (passed_s > 0) & (passed_s <= _LONGEST_S)
        step_s = np.where(follow, passed_s, 1.0)
        speeds = old.speeds + _share(_SPEED_CUTOFF_HZ, step_s) * ((new - old.places) / step_s - old.speeds)
        height = max(float(np.ptp(new[pose.found, 1])) if pose.found.any() else 0.0, 1.0)
        cutoff_hz = self._cutoff_hz + self._speed_gain * np.abs(speeds) / height
        places = np.where(follow, old.places + _share(cutoff_hz, step_s) * (new - old.places), new)
        found = pose.found[:, None]
        old.places = np.where(found, places, old.places)
        old.speeds = np.where(follow, speeds, np.where(found, 0.0, old.speeds))
        old.last_seen_ns = np.where(pose.found, stamp_ns, old.last_seen_ns)
        data = pose.data.copy()
        data[:, :2] = np.where(found, places, pose.data[:, :2])
        return replace(pose, data=data)


def _share(cutoff_hz: float | NDArray[np.float64], step_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight of the newest value in an exponential filter."""
    turn = 2 * np.pi * cutoff_hz * step_s
    return turn / (turn + 1)
