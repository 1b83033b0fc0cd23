"""Stick figures for the tests of poses, and frames of real clips."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from co_perception.data.video import VideoReader
from co_perception.engine.data import Image
from co_perception.engine.target import Pose
from co_perception.runtime.store import store

# A person who stands, in heads: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles of COCO.
STANDING = np.array(
    [
        (0, 0), (0.2, -0.2), (-0.2, -0.2), (0.4, -0.1), (-0.4, -0.1), (0.8, 1), (-0.8, 1), (1, 2.2), (-1, 2.2),
        (1, 3.3), (-1, 3.3), (0.5, 3.4), (-0.5, 3.4), (0.5, 5.2), (-0.5, 5.2), (0.5, 7), (-0.5, 7),
    ],
    np.float32,
)  # fmt: skip


def person(x: float, y: float = 100.0, size: float = 30.0, score: float = 0.9, joints: int = 17) -> Pose:
    """Somebody whose nose is at x, y and whose head is `size` pixels; only the first `joints` are found."""
    data = np.zeros((17, 3), np.float32)
    data[:joints, :2] = STANDING[:joints] * size + (x, y)
    data[:joints, 2] = score
    return Pose(data, confidence=score)


@lru_cache(maxsize=2)
def frames(clip: str, short_side: int = 480, every: int = 1) -> tuple[Image, ...]:
    """Frames of a clip of the store, with stamps."""
    with VideoReader(str(store.locate(clip)), short_side) as reader:
        shown = (frame for number, frame in enumerate(reader) if number % every == 0)
        return tuple(Image(np.ascontiguousarray(frame.pixels), round(frame.time_s * 1e9)) for frame in shown)
