"""People drawn on a picture: box, skeleton, name, and a line of text each. No ROS in here."""

from __future__ import annotations

import colorsys
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.optional import opencv
from co_perception.engine.target import Pose
from co_perception.pose.similarity import boxes
from co_perception.skeletons.layouts import layout

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]  # red, green, blue
WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (190, 190, 190)

# What people recognise as a body, by joint name; a layout has some of them. Its own links are made for graphs, and
# have no line between the shoulders.
_SIDED = (
    ("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "index"), ("shoulder", "hip"), ("hip", "knee"),
    ("knee", "ankle"), ("ankle", "heel"), ("ankle", "foot_index"), ("heel", "foot_index"), ("ankle", "big_toe"),
    ("ankle", "foot"), ("eye", "ear"),
)  # fmt: skip
_LINES = (
    *((f"{side}_{one}", f"{side}_{other}") for one, other in _SIDED for side in ("left", "right")),
    ("left_shoulder", "right_shoulder"),
    ("left_hip", "right_hip"),
    ("nose", "left_eye"),
    ("nose", "right_eye"),
    ("head", "neck"),
    ("spine_shoulder", "spine_base"),
)


def draw_people(rgb: Pixels, poses: Iterable[Pose], captions: Mapping[str, str] | None = None) -> Pixels:
    """A copy of the (H, W, 3) RGB picture with everybody in `poses` on it, in RGB order, uint8.

    poses: in pixels of this picture; captions: subject id to what is written under the id, e.g. the activity.
    """
    cv2 = opencv()
    picture = rgb.copy(order="C")
    seen = [pose for pose in poses if pose.found.any()]
    corners = [_draw_person(cv2, picture, pose) for pose in seen]
    for pose, corner in zip(seen, corners, strict=True):  # words last, so that nobody's limbs cross them
        texts = [text for text in (pose.id, (captions or {}).get(pose.id, "")) if text]
        _write(cv2, picture, corner, texts, colour_of(pose.id))
    return picture


def colour_of(subject_id: str) -> Colour:
    """The colour of a person, the same in every picture, unlike those of neighbouring ids; grey without an id."""
    if not subject_id:
        return GREY
    number = re.search(r"\d+$", subject_id)
    place = int(number[0]) - 1 if number else zlib.crc32(subject_id.encode())
    hue = (0.12 + place * 0.381966) % 1.0  # steps of the golden angle never come close to one taken before
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def lines_of(pose: Pose) -> list[tuple[int, int]]:
    """Pairs of joints that a line joins: both in the layout, and found."""
    names = {joint: number for number, joint in enumerate(layout(pose.layout).joints)}
    pairs = [(names[one], names[other]) for one, other in _LINES if one in names and other in names]
    return [(one, other) for one, other in pairs if pose.found[one] and pose.found[other]]


def _draw_person(cv2: Any, picture: Pixels, pose: Pose) -> tuple[int, int]:
    """Skeleton and box; gives the upper left corner of the box."""
    colour = colour_of(pose.id)
    left, top, right, bottom = boxes(pose.data[None, :, [0, 1, -1]].astype(np.float64))[0]
    thick = max(1, round(max(bottom - top, right - left) / 120))
    places = np.rint(np.where(pose.found[:, None], pose.data[:, :2], 0.0)).astype(int)
    points = [(int(across), int(down)) for across, down in places]
    for one, other in lines_of(pose):  # a dark edge, so that it shows on every background
        cv2.line(picture, points[one], points[other], BLACK, thick + 2, cv2.LINE_AA)
    for one, other in lines_of(pose):
        cv2.line(picture, points[one], points[other], colour, thick, cv2.LINE_AA)
    for joint in np.flatnonzero(pose.found):
        cv2.circle(picture, points[joint], thick + 1, BLACK, -1, cv2.LINE_AA)
        cv2.circle(picture, points[joint], thick, WHITE, -1, cv2.LINE_AA)
    margin = 0.08 * max(bottom - top, right - left)
    corner, end = (round(left - margin), round(top - margin)), (round(right + margin), round(bottom + margin))
    cv2.rectangle(picture, corner, end, colour, max(1, thick // 2), cv2.LINE_AA)
    return corner


def _write(cv2: Any, picture: Pixels, corner: tuple[int, int], texts: list[str], colour: Colour) -> None:
    """Lines of text on a patch of `colour` above `corner`, moved to where the picture has room."""
    if not texts:
        return
    height, width = picture.shape[:2]
    line = max(min(height, width) // 26, 11)
    font, scale, thick = cv2.FONT_HERSHEY_SIMPLEX, line / 30, max(1, line // 18)
    wide = max(cv2.getTextSize(text, font, scale, thick)[0][0] for text in texts) + line // 2
    left = min(max(corner[0], 0), max(width - wide, 0))
    top = min(max(corner[1] - line * len(texts), 0), max(height - line * len(texts), 0))
    cv2.rectangle(picture, (left, top), (left + wide, top + line * len(texts)), colour, -1)
    for row, text in enumerate(texts):
        foot = (left + line // 4, top + round(line * (row + 0.78)))
        cv2.putText(picture, text, foot, font, scale, BLACK, thick, cv2.LINE_AA)
