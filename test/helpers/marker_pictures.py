"""Renderer of MarkerArray and ImageAnnotations: draws them as a viewer would, by its own projection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NEAR = 0.05  # what is nearer to the eye is not drawn [m]


@dataclass(frozen=True)
class Eye:
    """A pinhole camera that looks at a scene in optical axes: `rotation` (3, 3) and `place` (3,) of it [m]."""

    rotation: Floats
    place: Floats
    focal: float
    size: tuple[int, int]

    @classmethod
    def at(cls, place: Any, target: Any, focal: float, size: tuple[int, int]) -> Eye:
        """An eye that looks at a point, with the picture's lower edge downwards (y)."""
        forward = np.asarray(target, float) - np.asarray(place, float)
        forward /= np.linalg.norm(forward)
        right = np.cross([0.0, 1.0, 0.0], forward)
        right /= np.linalg.norm(right)
        rows = np.stack([right, np.cross(forward, right), forward])
        return cls(rows, np.asarray(place, float), focal, size)

    def pixels(self, points: Floats) -> Floats:
        """(N, 3) across, down [pixels] and depth [m] of points (N, 3)."""
        seen = (np.asarray(points, float).reshape(-1, 3) - self.place) @ self.rotation.T
        deep = np.maximum(seen[:, 2:], NEAR)
        return np.concatenate([self.focal * seen[:, :2] / deep + np.array(self.size) / 2, seen[:, 2:]], 1)


def points_of(marker: Any) -> Floats:
    """(N, 3) the points of a marker, or the place of one without."""
    places = marker.points or [marker.pose.position]
    return np.array([(point.x, point.y, point.z) for point in places])


def draw_markers(picture: NDArray[np.uint8], markers: Any, eye: Eye) -> None:
    """Draws all markers of an array into an RGB picture."""
    for marker in markers:
        if marker.action != marker.ADD:
            continue
        places = eye.pixels(points_of(marker))
        color = [round(255 * value) for value in (marker.color.r, marker.color.g, marker.color.b)]
        sizes = [max(round(eye.focal * marker.scale.x / max(depth, NEAR)), 1) for depth in places[:, 2]]
        corners = [(round(float(x)), round(float(y))) for x, y in places[:, :2]]
        if marker.type in (marker.LINE_LIST, marker.ARROW):
            for n in range(0, len(corners) - 1, 2):
                draw = cv2.arrowedLine if marker.type == marker.ARROW else cv2.line
                draw(picture, corners[n], corners[n + 1], color, max(sizes[n] // 2, 1), cv2.LINE_AA)
        elif marker.type in (marker.SPHERE, marker.SPHERE_LIST):
            for corner, size in zip(corners, sizes, strict=True):
                cv2.circle(picture, corner, max(size // 2, 1), color, -1, cv2.LINE_AA)
        elif marker.type == marker.TEXT_VIEW_FACING:
            _write(picture, marker.text.split("\n"), corners[0], color)


def draw_floor(picture: NDArray[np.uint8], eye: Eye, height: float, depth: int = 6) -> None:
    """Draws a grid of meters at this height (y) below the camera, and the camera itself."""
    for n in range(-3, 4):
        lines = [((n, height, 0), (n, height, depth))]
        lines += [((-3, height, n + 3), (3, height, n + 3))] if n + 3 <= depth else []
        for one, other in lines:
            (x, y, _), (right, down, _) = eye.pixels(np.array([one, other], float))
            cv2.line(picture, (round(x), round(y)), (round(right), round(down)), (90, 90, 90), 1, cv2.LINE_AA)
    corners = eye.pixels(
        np.array([(0, 0, 0), (-0.2, -0.15, 0.3), (0.2, -0.15, 0.3), (0.2, 0.15, 0.3), (-0.2, 0.15, 0.3)])
    )
    ends = [(round(float(x)), round(float(y))) for x, y in corners[:, :2]]
    for n in range(1, 5):
        cv2.line(picture, ends[0], ends[n], (200, 200, 200), 1, cv2.LINE_AA)
        cv2.line(picture, ends[n], ends[n % 4 + 1], (200, 200, 200), 1, cv2.LINE_AA)


def draw_annotations(picture: NDArray[np.uint8], message: Any) -> None:
    """Draws an ImageAnnotations into an RGB picture."""
    for each in message.points:
        color = [round(255 * value) for value in (each.outline_color.r, each.outline_color.g, each.outline_color.b)]
        ends = [(round(point.x), round(point.y)) for point in each.points]
        pairs = {each.LINE_LIST: zip(ends[::2], ends[1::2], strict=True),
                 each.LINE_LOOP: zip(ends, ends[1:] + ends[:1], strict=True)}.get(each.type, ())  # fmt: skip
        for one, other in pairs:
            cv2.line(picture, one, other, color, max(round(each.thickness), 1), cv2.LINE_AA)
        for end in ends if each.type == each.POINTS else ():
            cv2.circle(picture, end, max(round(each.thickness / 2), 1), color, -1, cv2.LINE_AA)
    for each in message.texts:
        color = [
            round(255 * value) for value in (each.background_color.r, each.background_color.g, each.background_color.b)
        ]
        scale = each.font_size / 30
        (wide, high), below = cv2.getTextSize(each.text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        left, foot = round(each.position.x), round(each.position.y)
        cv2.rectangle(picture, (left, foot - high - 2), (left + wide, foot + below), color, -1)
        cv2.putText(picture, each.text, (left, foot), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)


def _write(picture: NDArray[np.uint8], lines: list[str], middle: tuple[int, int], color: list[int]) -> None:
    for row, line in enumerate(lines):
        (wide, high), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
        place = (middle[0] - wide // 2, middle[1] + round((row - len(lines) / 2) * 1.7 * high))
        cv2.putText(picture, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 4, cv2.LINE_AA)
        cv2.putText(picture, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, color, 1, cv2.LINE_AA)
