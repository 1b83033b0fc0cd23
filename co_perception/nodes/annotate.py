"""What the recogniser says, written on the picture. No ROS in here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.target import Status
from co_perception.learners.recognition import Answer
from co_perception.nodes.optional import opencv

Colour = tuple[int, int, int]  # blue, green, red
WHITE, GREY, SURE, UNSURE = (255, 255, 255), (170, 170, 170), (150, 110, 20), (90, 90, 90)


def annotate(rgb: NDArray[np.uint8], answer: Answer, labels: Sequence[str], top_k: int = 3) -> NDArray[np.uint8]:
    """A copy of the (H, W, 3) RGB picture with status, bars of the best scores, and progress. BGR order, uint8."""
    cv2 = opencv()
    picture = np.ascontiguousarray(rgb[..., ::-1])
    height, width = picture.shape[:2]
    line = max(min(height, width) // 14, 10)
    picture[: line * (top_k + 1) + line] //= 3
    (head, progress), *best = lines(answer, labels, top_k)
    _write(cv2, picture, head, 1.2 * line, 1.25 * line, WHITE if answer.label else GREY)
    if progress < 1.0:
        cv2.rectangle(picture, (0, 0), (round(width * progress), max(line // 6, 2)), GREY, -1)
    for row, (text, share) in enumerate(best):
        top = round((row + 1.6) * line)
        cv2.rectangle(picture, (0, top), (round(width * share), top + line - 2), SURE if answer.label else UNSURE, -1)
        _write(cv2, picture, text, top + 0.78 * line, 0.9 * line, WHITE if answer.label else GREY)
    return picture


def lines(answer: Answer, labels: Sequence[str], top_k: int) -> list[tuple[str, float]]:
    """What is written, line by line, each with the share 0..1 its bar shows."""
    category = answer.category
    if category.status == Status.WARMING_UP:
        head = f"warming up {category.progress:.0%}"
    else:
        head = answer.label or Status(category.status).name.lower()
    best = category.top(top_k) if category.data >= 0 else []
    return [(head, category.progress), *((f"{labels[i]} {score:.2f}", score) for i, score in best)]


def _write(cv2: Any, picture: NDArray[np.uint8], text: str, base: float, size: float, colour: Colour) -> None:
    """One line of text with its foot at `base`, `size` pixels high, or smaller where it would not fit."""
    font, left = cv2.FONT_HERSHEY_SIMPLEX, 6
    (wide, _), _ = cv2.getTextSize(text, font, 1.0, 1)
    scale = min(size / 30, max(picture.shape[1] - 2 * left, 4) / max(wide, 1))
    cv2.putText(picture, text, (left, round(base)), font, scale, colour, 1, cv2.LINE_AA)
