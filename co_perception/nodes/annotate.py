"""What the recogniser says, written on the picture. No ROS in here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.optional import opencv
from co_perception.engine.target import Status
from co_perception.learners.recognition import Answer

Pixels = NDArray[np.uint8]
Line = tuple[str, float]
Colour = tuple[int, int, int]  # blue, green, red
WHITE, GREY, SURE, UNSURE = (255, 255, 255), (170, 170, 170), (150, 110, 20), (90, 90, 90)


def annotate(rgb: Pixels, answer: Answer, labels: Sequence[str], top_k: int = 3) -> Pixels:
    """A copy of the (H, W, 3) RGB picture with status, bars of the best scores, and progress. BGR order, uint8."""
    picture = np.array(rgb[..., ::-1], order="C")  # a copy, also of a message whose colours lie in this order already
    line = max(min(picture.shape[:2]) // 14, 10)
    picture[: height_of(top_k, line)] //= 3
    write_bars(picture, lines(answer, labels, top_k), line, sure=bool(answer.label))
    return picture


def lines(answer: Answer, labels: Sequence[str], top_k: int) -> list[Line]:
    """What is written, line by line, each with the share 0..1 its bar shows."""
    category = answer.category
    if category.status == Status.WARMING_UP:
        head = f"warming up {category.progress:.0%}"
    else:
        head = answer.label or Status(category.status).name.lower()
    best = category.top(top_k) if category.data >= 0 else []
    return [(head, category.progress), *((f"{labels[i]} {score:.2f}", score) for i, score in best)]


def height_of(bars: int, line: int) -> int:
    """Pixels that a head and so many bars take, in lines of `line` pixels."""
    return line * (bars + 2)


def write_bars(picture: Pixels, told: Sequence[Line], line: int, sure: bool) -> None:
    """Writes from the top of the (H, W, 3) BGR picture: first the head, over a line that shows progress; then bars."""
    cv2 = opencv()
    width = picture.shape[1]
    (head, progress), *best = told
    _write(cv2, picture, head, 1.2 * line, 1.25 * line, WHITE if sure else GREY)
    if progress < 1.0:
        cv2.rectangle(picture, (0, 0), (round(width * progress), max(line // 6, 2)), GREY, -1)
    for row, (text, share) in enumerate(best):
        top = round((row + 1.6) * line)
        cv2.rectangle(picture, (0, top), (round(width * share), top + line - 2), SURE if sure else UNSURE, -1)
        _write(cv2, picture, text, top + 0.78 * line, 0.9 * line, WHITE if sure else GREY)


def _write(cv2: Any, picture: Pixels, text: str, base: float, size: float, colour: Colour) -> None:
    """One line of text with its foot at `base`, `size` pixels high, or smaller where it would not fit."""
    font, left = cv2.FONT_HERSHEY_SIMPLEX, 6
    (wide, _), _ = cv2.getTextSize(text, font, 1.0, 1)
    scale = min(size / 30, max(picture.shape[1] - 2 * left, 4) / max(wide, 1))
    cv2.putText(picture, text, (left, round(base)), font, scale, colour, 1, cv2.LINE_AA)
