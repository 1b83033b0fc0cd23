"""Synthetic people: figures with COCO's 17 joints that wave their arms, squat, or stand; bags of them with annotations.

Each has a body, a place, a size and a tempo of its own, drawn from a seed, and a detector's noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from co_perception.data.annotations.intervals import Interval, write_annotations

RATE_HZ, PAUSE_S = 15.0, 0.8
T0 = 1_700_000_000_000_000_000  # [ns] of the first frame of a recording
ACTIVITIES = ("wave", "squat", "stand")

# x to the figure's left, y downwards, in body heights from the middle of the hips.
_RESTING = np.array(
    [
        (0.0, -0.42), (0.02, -0.44), (-0.02, -0.44), (0.04, -0.43), (-0.04, -0.43), (0.11, -0.30), (-0.11, -0.30),
        (0.13, -0.14), (-0.13, -0.14), (0.14, 0.02), (-0.14, 0.02), (0.07, 0.0), (-0.07, 0.0), (0.08, 0.24),
        (-0.08, 0.24), (0.08, 0.48), (-0.08, 0.48),
    ]
)  # fmt: skip
_SHOULDERS, _ELBOWS, _WRISTS, _KNEES, _ANKLES = (5, 6), (7, 8), (9, 10), (13, 14), (15, 16)


@dataclass(frozen=True)
class Figure:
    """One person doing one thing. `frame(t)` is the same for the same figure and time."""

    activity: str
    seed: int

    def frame(self, seconds: float) -> NDArray[np.float32]:
        """(17, 4) of x, y [pixels], NaN for z, and score."""
        (size,), place = self._drawn(2, 150, 320), self._drawn(3, (150, 200), (500, 280))
        noise = np.random.default_rng([self.seed, 5, round(seconds * 1000)])
        joints = self._posed(seconds) * size + place + noise.normal(0, 0.006 * size, (17, 2))
        score = np.where(noise.random(17) < 0.03, 0.0, noise.uniform(0.5, 1.0, 17))
        return np.column_stack([joints, np.full(17, np.nan), score]).astype(np.float32)

    def _posed(self, seconds: float) -> NDArray[np.float64]:
        """(17, 2) in body heights."""
        joints = _RESTING * self._drawn(1, 0.9, 1.1, 2)
        phase = 2 * np.pi * self._drawn(4, 0.7, 1.4)[0] * seconds + self._drawn(6, 0, 6)[0]
        if self.activity == "wave":
            for out, shoulder, elbow, wrist in zip((1, -1), _SHOULDERS, _ELBOWS, _WRISTS, strict=True):
                joints[elbow] = joints[shoulder] + (0.14 * out, -0.06)
                joints[wrist] = joints[elbow] + (0.1 * np.sin(phase) * out, -0.15)
        elif self.activity == "squat":
            down = 0.13 * (1 - np.cos(phase))
            joints[[*range(13)], 1] += down
            joints[[*_KNEES], 1] += down / 2
            joints[[*_KNEES], 0] *= 1 + 2 * down
        return joints + (0.01 * np.sin(0.7 * seconds + self.seed), 0)

    def _drawn(self, what: int, low: object, high: object, count: int | None = None) -> NDArray[np.float64]:
        """Something about this figure that stays."""
        return np.atleast_1d(np.random.default_rng([self.seed, what]).uniform(low, high, count))  # type: ignore[call-overload]


def performance(rounds: int, seconds: float, activities: Sequence[str], seed: int) -> list[tuple[Figure, list[float]]]:
    """Figures and their instants at 15 Hz: each activity in each round, by another figure, with pauses between."""
    acts, begin = [], 0.0
    for number, (place, activity) in product(range(rounds), enumerate(activities)):
        figure = Figure(activity, 1000 * seed + 10 * number + place)
        acts.append((figure, [begin + i / RATE_HZ for i in range(round(seconds * RATE_HZ))]))
        begin += seconds + PAUSE_S
    return acts


def recording(
    path: Path,
    seed: int,
    rounds: int = 3,
    storage: Literal["mcap", "sqlite3"] = "mcap",
    seconds: float = 3.0,
    activities: Sequence[str] = ("wave", "squat"),
) -> Path:
    """A bag with a figure for each activity in each round, and its annotations beside it."""
    from helpers.bag_writer import SECOND, Frame, Person, write_bag  # needs rosbags

    frames, annotations = [], []
    for figure, instants in performance(rounds, seconds, activities, seed):
        shown = [Frame(T0 + round(at_s * SECOND), [Person("body_1", figure.frame(at_s))]) for at_s in instants]
        annotations.append(Interval(shown[0].stamp_ns, shown[-1].stamp_ns + 1, figure.activity))
        frames += shown
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bag(path, {"/skeletons": frames}, storage)
    write_annotations(path / "annotations.csv", annotations)
    return path
