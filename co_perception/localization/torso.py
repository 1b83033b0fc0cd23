"""Torso of a pose in a picture: its middle, the quadrilateral between shoulders and hips, and points inside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.target import Pose
from co_perception.skeletons.layouts import LAYOUTS, Layout

Floats = NDArray[np.float64]

CORNERS = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
# What is missing of a torso, in lengths of what is there (Winter, Biomechanics and Motor Control of Human Movement,
# 2009, table 4.1: shoulders .818, hips .530 and shoulder width .259 of the stature).
LENGTH_IN_WIDTHS = 1.1
NARROW = 0.25  # width of the torso of somebody in profile, in torso lengths


@dataclass(frozen=True, eq=False)
class Torso:
    """The torso of one person in the plane of the picture, in the units of the joints.

    shoulders, hips: (2,) the middle of each pair. half_shoulders, half_hips: (2,) from there to the left one.
    """

    shoulders: Floats
    hips: Floats
    half_shoulders: Floats
    half_hips: Floats

    @property
    def middle(self) -> Floats:
        """(2,) between shoulders and hips."""
        middle: Floats = (self.shoulders + self.hips) / 2
        return middle

    @property
    def length(self) -> float:
        """From the middle of the shoulders to the middle of the hips."""
        return float(np.linalg.norm(self.hips - self.shoulders))

    @property
    def axes(self) -> tuple[Floats, Floats]:
        """(2,) unit vectors from the shoulders to the hips, and across."""
        along: Floats = (self.hips - self.shoulders) / self.length
        return along, np.array([-along[1], along[0]])

    def placed(self, move: Callable[[Floats], Floats]) -> Torso:
        """The same torso elsewhere; `move` takes places (N, 2) there."""
        ends = np.stack([self.shoulders, self.hips, self.shoulders + self.half_shoulders, self.hips + self.half_hips])
        shoulders, hips, left_shoulder, left_hip = move(ends)
        return Torso(shoulders, hips, left_shoulder - shoulders, left_hip - hips)

    def scaled(self, scale: tuple[float, float]) -> Torso:
        """The same torso in another unit, across and down."""
        parts = (self.shoulders, self.hips, self.half_shoulders, self.half_hips)
        return Torso(*(part * scale for part in parts))

    def points(self, rows: int = 9, columns: int = 7, share: float = 0.7) -> Floats:
        """(rows * columns, 2) points of a grid inside the torso, that covers `share` of its length and width."""
        down = np.linspace(0.5 - share / 2, 0.5 + share / 2, rows)[:, None, None]
        across = np.linspace(-share, share, columns)[None, :, None]
        middle = self.shoulders + down * (self.hips - self.shoulders)
        half = self.half_shoulders + down * (self.half_hips - self.half_shoulders)
        points: Floats = (middle + across * half).reshape(-1, 2)
        return points


@lru_cache(maxsize=16)
def corner_numbers(layout: Layout) -> tuple[int, ...]:
    """Numbers of left and right shoulder, left and right hip; every layout has them."""
    return tuple(layout.index(name) for name in CORNERS)


def torso_of(pose: Pose) -> Torso | None:
    """The torso of a pose, whose missing parts are guessed from the others; None where too little was found.

    Of a pair of which one joint was found, the other is taken to be hidden behind it. Shoulders without hips, and hips
    without shoulders, are continued straight down or up in the picture.
    """
    numbers = list(corner_numbers(LAYOUTS[pose.layout]))
    joints, found = pose.data[numbers, :2].astype(np.float64), pose.found[numbers]
    upper, half_upper = _middle(joints[:2], found[:2])
    lower, half_lower = _middle(joints[2:], found[2:])
    if upper is None and lower is None:
        return None
    if upper is None or lower is None:
        half = half_lower if upper is None else half_upper
        length = 2 * float(np.linalg.norm(half)) * LENGTH_IN_WIDTHS
        if length <= 0:
            return None  # a single joint tells no length
        down = np.array([0.0, length])
        if upper is None:
            assert lower is not None
            upper, half_upper = lower - 2 * down, 1.5 * half_lower  # hips are narrower than shoulders
        else:
            lower, half_lower = upper + down, 0.7 * half_upper
    assert upper is not None and lower is not None
    if not np.linalg.norm(lower - upper) > 0:
        return None
    along = lower - upper
    aside = np.array([along[1], -along[0]]) * NARROW / 2
    half_upper, half_lower = (
        half if np.linalg.norm(half) >= np.linalg.norm(aside) / 2 else aside for half in (half_upper, half_lower)
    )
    return Torso(upper, lower, half_upper, half_lower)


def _middle(pair: Floats, found: NDArray[np.bool_]) -> tuple[Floats | None, Floats]:
    """The middle of a left and a right joint, and the vector from it to the left one; zero where only one was found."""
    if not found.any():
        return None, np.zeros(2)
    middle: Floats = pair[found].mean(0)
    return middle, (pair[0] - pair[1]) / 2 if found.all() else np.zeros(2)
