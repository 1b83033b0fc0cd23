"""How players show a decoded picture: its size, and its turn by the display matrix of phones."""

from __future__ import annotations

from typing import Any

import numpy as np

from co_perception.engine.data import Pixels


def scaled_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """(width, height) scaled down to a shorter side of `short_side` pixels; unchanged for 0, or where it is smaller."""
    shorter = min(width, height)
    if short_side == 0 or shorter <= short_side:
        return width, height
    return max(1, round(width * short_side / shorter)), max(1, round(height * short_side / shorter))


def display_matrix(decoded: Any) -> np.ndarray | None:
    """The display matrix of one of PyAV's frames, as `turned` takes it; None without one.

    PyAV gives no side data at all where there is a kind that it does not know: EXIF in motion JPEG, the second view of
    spatial video. It still tells by how many degrees the frame turns then, and nothing of mirrors.
    """
    try:
        matrix = decoded.side_data.get("DISPLAYMATRIX")
    except ValueError:
        angle = np.radians(getattr(decoded, "rotation", 0))
        cos, sin = round(np.cos(angle)), round(np.sin(angle))
        return np.array([cos, -sin, 0, sin, cos, 0, 0, 0, 1])
    return None if matrix is None else np.frombuffer(matrix, np.int32).copy()


def turned(pixels: Pixels, matrix: np.ndarray) -> Pixels:
    """(H, W, 3) picture turned and mirrored by a display matrix, to the nearest quarter of a turn.

    Args:
        pixels: the picture as it is stored.
        matrix: nine numbers (a, b, u, c, d, v, x, y, w) as in ISO/IEC 14496-12: a stored point (p, q) is shown at
            (a p + c q, b p + d q).
    """
    a, b, c, d = (int(matrix[at]) for at in (0, 1, 3, 4))
    if abs(b) > abs(a):
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    return np.ascontiguousarray(pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
