"""Pictures of people in plain clothes: stick figures with a body around their bones, before a room."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.target import Pose

Color = tuple[int, int, int]
RED, BLUE, GREEN, BLACK, BEIGE = (200, 30, 30), (30, 50, 180), (30, 140, 50), (20, 20, 20), (200, 180, 140)
SKIN = (210, 160, 130)
_SHOULDERS, _HIPS = (5, 6), (11, 12)
_ARMS, _LEGS = ((5, 7), (7, 9), (6, 8), (8, 10)), ((11, 13), (13, 15), (12, 14), (14, 16))


def picture(
    people: Sequence[tuple[Pose, Color, Color]], size: tuple[int, int] = (480, 640), room: Color = (120, 120, 110)
) -> NDArray[np.uint8]:
    """(H, W, 3) of people, each with the colors of shirt and trousers; who comes later stands in front."""
    drawn = np.full((*size, 3), room, np.uint8)
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    places = np.stack([x, y], -1)
    for pose, shirt, trousers in people:
        joints = pose.data[:, :2].astype(np.float64)
        shoulders, hips = joints[[*_SHOULDERS]].mean(0), joints[[*_HIPS]].mean(0)
        length = float(np.linalg.norm(hips - shoulders))
        bodies = [(shoulders, hips, 0.35 * length, shirt)]
        bodies += [(joints[a], joints[b], 0.13 * length, trousers) for a, b in _LEGS]
        bodies += [(joints[a], joints[b], 0.1 * length, shirt) for a, b in _ARMS]
        bodies += [(joints[0], joints[0], 0.25 * length, SKIN)]
        for begin, end, half, color in bodies:
            left, top = np.maximum(np.minimum(begin, end) - half - 1, 0).astype(int)
            right, bottom = (np.maximum(begin, end) + half + 2).astype(int)
            part = np.s_[top : max(bottom, 0), left : max(right, 0)]
            drawn[part][_near(places[part], begin, end) <= half] = color
    return drawn


def _near(places: NDArray[np.float64], begin: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """(H, W) distances of each place from a line's nearest point."""
    along = end - begin
    share = np.clip((places - begin) @ along / max(float(along @ along), 1e-9), 0, 1)
    return np.asarray(np.linalg.norm(places - begin - share[..., None] * along, axis=-1))
