"""A pose estimator that needs no weights, for pictures 320 pixels wide: one person left, one right, who may leave."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from co_perception.engine.data import Image
from co_perception.engine.target import Pose

LEFT, RIGHT = 60, 240


class TwoPeople:
    """Sees somebody on the left in every picture, and somebody on the right where `right` says so of its number."""

    name, layout = "fake/two_people", "coco17"

    def __init__(self, right: Callable[[int], bool] = lambda number: True) -> None:
        self._right = right
        self.shapes: list[tuple[int, ...]] = []
        self.closed = False

    def estimate(self, image: Image) -> list[Pose]:
        self.shapes.append(image.data.shape)
        people = [LEFT, RIGHT] if self._right(len(self.shapes) - 1) else [LEFT]
        return [_standing(x) for x in people]

    def reset(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def _standing(x: float) -> Pose:
    joints = np.ones((17, 3), np.float32)
    joints[:, 0] = x + np.tile([-10, 10], 9)[:17]
    joints[:, 1] = np.linspace(60, 180, 17)
    return Pose(joints, "coco17", confidence=0.9)
