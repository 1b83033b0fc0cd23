"""Draw on images: people (box, skeleton, name), and the label and scores of a scene. No ROS in here."""

from __future__ import annotations

import colorsys
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType

import numpy as np

from co_perception.data.messages.image import opencv
from co_perception.data.messages.people import Box
from co_perception.engine.data import Pixels
from co_perception.engine.target import Pose, Status
from co_perception.pose.matching import boxes
from co_perception.skeletons.layouts import layout

Color = tuple[int, int, int]
WHITE, BLACK, GRAY = (255, 255, 255), (0, 0, 0), (190, 190, 190)
DIM, SURE, UNSURE = (170, 170, 170), (150, 110, 20), (90, 90, 90)  # of the score bars, in BGR order
Line = tuple[str, float]  # a text, and the share 0..1 that its bar shows

# Lines of a body by joint name; a layout has some of them. The links of a layout are made for graph networks, and have
# no line between the shoulders.
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
    """Draws people on a copy of an RGB image, (H, W, 3) uint8.

    Args:
        rgb: the image.
        poses: people, in pixels of this image; those without a found joint are not drawn.
        captions: a line of text under the id of a person, by id, such as the activity.
    """
    cv2 = opencv()
    picture = rgb.copy(order="C")
    visible = [pose for pose in poses if pose.found.any()]
    corners = [_draw_person(cv2, picture, pose) for pose in visible]
    for pose, corner in zip(visible, corners, strict=True):  # text last, so that no limb crosses it
        texts = [text for text in (pose.id, (captions or {}).get(pose.id, "")) if text]
        _write_label(cv2, picture, corner, texts, color_of(pose.id))
    return picture


def color_of(subject_id: str) -> Color:
    """The color of a person, the same in every picture, unlike those of neighboring ids; gray without an id."""
    if not subject_id:
        return GRAY
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


def _draw_person(cv2: ModuleType, picture: Pixels, pose: Pose) -> tuple[int, int]:
    """Skeleton and box; gives the upper left corner of the box."""
    color = color_of(pose.id)
    left, top, right, bottom = boxes(pose.data[None, :, [0, 1, -1]].astype(np.float64))[0]
    thick = max(1, round(max(bottom - top, right - left) / 120))
    places = np.rint(np.where(pose.found[:, None], pose.data[:, :2], 0.0)).astype(int)
    points = [(int(across), int(down)) for across, down in places]
    for one, other in lines_of(pose):  # a dark edge, so that it shows on every background
        cv2.line(picture, points[one], points[other], BLACK, thick + 2, cv2.LINE_AA)
    for one, other in lines_of(pose):
        cv2.line(picture, points[one], points[other], color, thick, cv2.LINE_AA)
    for joint in np.flatnonzero(pose.found):
        cv2.circle(picture, points[joint], thick + 1, BLACK, -1, cv2.LINE_AA)
        cv2.circle(picture, points[joint], thick, WHITE, -1, cv2.LINE_AA)
    margin = 0.08 * max(bottom - top, right - left)
    corner, end = (round(left - margin), round(top - margin)), (round(right + margin), round(bottom + margin))
    cv2.rectangle(picture, corner, end, color, max(1, thick // 2), cv2.LINE_AA)
    return corner


def _write_label(cv2: ModuleType, picture: Pixels, corner: tuple[int, int], texts: list[str], color: Color) -> None:
    """Lines of text on a patch of `color` above `corner`, moved to where the picture has room."""
    if not texts:
        return
    height, width = picture.shape[:2]
    line = max(min(height, width) // 26, 11)
    font, scale, thick = cv2.FONT_HERSHEY_SIMPLEX, line / 30, max(1, line // 18)
    wide = max(cv2.getTextSize(text, font, scale, thick)[0][0] for text in texts) + line // 2
    left = min(max(corner[0], 0), max(width - wide, 0))
    top = min(max(corner[1] - line * len(texts), 0), max(height - line * len(texts), 0))
    cv2.rectangle(picture, (left, top), (left + wide, top + line * len(texts)), color, -1)
    for row, text in enumerate(texts):
        foot = (left + line // 4, top + round(line * (row + 0.78)))
        cv2.putText(picture, text, foot, font, scale, BLACK, thick, cv2.LINE_AA)


def draw_boxes(picture: Pixels, regions: Iterable[tuple[str, Box]], captions: Mapping[str, str] | None = None) -> None:
    """Draws people whose joints are not known into an RGB picture: id and region of each, captions as `draw_people`."""
    cv2 = opencv()
    for id, box in regions:
        corner, end = (box.x_offset, box.y_offset), (box.x_offset + box.width, box.y_offset + box.height)
        cv2.rectangle(picture, corner, end, color_of(id), 2, cv2.LINE_AA)
        texts = [text for text in (id, (captions or {}).get(id, "")) if text]
        _write_label(cv2, picture, corner, texts, color_of(id))


def draw_scene(picture: Pixels, texts: Sequence[Line], sure: bool) -> None:
    """Writes the lines of the scene, see `write_bars`, on the darkened upper part of an RGB picture."""
    line = max(min(picture.shape[:2]) // 14, 10)
    top = np.array(picture[: height_of(len(texts) - 1, line), :, ::-1], order="C")
    top //= 3
    write_bars(top, texts, line, sure)
    picture[: len(top)] = top[..., ::-1]


def state_text(label: str, status: int, progress: float) -> str:
    """The label, or why there is none; `status` as in `Activity` and `Status`."""
    if status == Status.WARMING_UP:
        return f"warming up {progress:.0%}"
    return label or ("stale" if status == Status.STALE else "unsure")


def height_of(bars: int, line: int) -> int:
    """Height [pixels] of the head and this many bars, in lines of `line` pixels."""
    return line * (bars + 2)


def write_bars(picture: Pixels, texts: Sequence[Line], line: int, sure: bool) -> None:
    """Writes from the top of the (H, W, 3) BGR picture: first the head, over a line that shows progress; then bars."""
    cv2 = opencv()
    width = picture.shape[1]
    (head, progress), *best = texts
    _write_line(cv2, picture, head, 1.2 * line, 1.25 * line, WHITE if sure else DIM)
    if progress < 1.0:
        cv2.rectangle(picture, (0, 0), (round(width * progress), max(line // 6, 2)), DIM, -1)
    for row, (text, share) in enumerate(best):
        top = round((row + 1.6) * line)
        cv2.rectangle(picture, (0, top), (round(width * share), top + line - 2), SURE if sure else UNSURE, -1)
        _write_line(cv2, picture, text, top + 0.78 * line, 0.9 * line, WHITE if sure else DIM)


def _write_line(cv2: ModuleType, picture: Pixels, text: str, base: float, size: float, color: Color) -> None:
    """One line of text with its foot at `base`, `size` pixels high, or smaller where it would not fit."""
    font, left = cv2.FONT_HERSHEY_SIMPLEX, 6
    (wide, _), _ = cv2.getTextSize(text, font, 1.0, 1)
    scale = min(size / 30, max(picture.shape[1] - 2 * left, 4) / max(wide, 1))
    cv2.putText(picture, text, (left, round(base)), font, scale, color, 1, cv2.LINE_AA)
