"""Velocity of people from their last positions: a straight line through each coordinate, by least squares."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from co_perception.engine.person_position import Floats, PersonPosition
from co_perception.engine.time import NANO

MOST = 64  # positions of one person that are remembered


@dataclass(frozen=True)
class VelocityModel:
    """Of which positions a velocity is made.

    Args:
        window_s: how far back they reach [s]; the velocity is that of the middle of this time.
        least_s: least time between the first and the last [s].
        least: least number of them.
    """

    window_s: float = 0.6
    least_s: float = 0.25
    least: int = 4


class VelocityEstimator:
    """Adds velocities to positions, person by person. Positions found another way begin anew."""

    def __init__(self, model: VelocityModel | None = None) -> None:
        self._model = model or VelocityModel()
        self._past: dict[str, deque[tuple[int, PersonPosition]]] = {}

    def update(self, id: str, position: PersonPosition, stamp_ns: int) -> PersonPosition:
        """The position with its velocity. Stamps that go back, and people without an id, have none."""
        if not id:
            return position
        past = self._past.setdefault(id, deque(maxlen=MOST))
        newest_ns, newest = past[-1] if past else (stamp_ns, position)
        if stamp_ns < newest_ns or (newest.source, newest.frame_id) != (position.source, position.frame_id):
            past.clear()
        elif past and stamp_ns == newest_ns:
            past.pop()
        past.append((stamp_ns, position))
        while stamp_ns - past[0][0] > self._model.window_s * NANO:
            past.popleft()
        times = np.array([(each_ns - stamp_ns) / NANO for each_ns, _ in past])
        if len(past) < self._model.least or times[-1] - times[0] < self._model.least_s:
            return position
        velocity, deviation = _slope(times, np.stack([each.point for _, each in past]))
        return replace(position, velocity=velocity, velocity_deviation=deviation)

    def forget_all_but(self, ids: Collection[str], stamp_ns: int) -> None:
        """Forgets who is not among these and was last seen longer ago than a velocity looks back."""
        limit_ns = self._model.window_s * NANO
        for id in [id for id, past in self._past.items() if id not in ids and abs(stamp_ns - past[-1][0]) > limit_ns]:
            del self._past[id]


def _slope(times: Floats, points: Floats) -> tuple[Floats, float]:
    """(3,) slopes of the points (N, 3) over the times (N,), and the largest standard deviation of one."""
    centered = times - times.mean()
    total = float(centered @ centered)
    slopes: Floats = centered @ points / total
    left = points - points.mean(0) - centered[:, None] * slopes
    variance = (left**2).sum(0) / max(len(times) - 2, 1)
    return slopes, math.sqrt(float(variance.max()) / total)
