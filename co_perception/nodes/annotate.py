"""What the recogniser says, written on the picture. No ROS in here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.target import Status
from co_perception.nodes.optional import opencv
from co_perception.nodes.recognition import Answer


def annotate(rgb: NDArray[np.uint8], answer: Answer, labels: Sequence[str], top_k: int = 3) -> NDArray[np.uint8]:
    """A copy of the (H, W, 3) RGB picture with status, bars of the best scores, and progress. BGR order, uint8."""
    cv2 = opencv()
    picture = np.ascontiguousarray(rgb[..., ::-1])
    height, width = picture.shape[:2]
    line = max(height // 18, 12)
    panel = picture[: line * (top_k + 2)]
    panel[:] = panel // 3
    rows = lines(answer, labels, top_k)
    for row, (text, share) in enumerate(rows):
        y = (row + 1) * line
        colour = (90, 200, 90) if answer.label else (160, 160, 160)
        corners = (4, y - line // 2), (4 + round((width - 8) * share), y + line // 4)
        cv2.rectangle(picture, *corners, colour, -1 if row else 1)
        cv2.putText(picture, text, (8, y), cv2.FONT_HERSHEY_SIMPLEX, line / 32, (255, 255, 255), 1, cv2.LINE_AA)
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
