"""Videos of two classes that differ in motion only: the same images in one order or the reverse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.data import Video
from co_perception.engine.target import Category

DIRECTIONS = ("left", "right")
RATE_HZ = 5.0  # of the network that they are made for


def moving(label: int, frames: int, seed: int, size: int = 36) -> NDArray[np.uint8]:
    """(T, H, W, 3): bright and dark bars that move to the left (0) or to the right (1), two pixels or so a frame."""
    rng = np.random.default_rng([seed, label])
    period, speed, phase = rng.uniform(10, 16), rng.uniform(1.5, 2.5), rng.uniform(0, 2 * np.pi)
    moved = speed * np.arange(frames) * (1 if label else -1)
    bars = 128 + 90 * np.sin(2 * np.pi * (np.arange(size) - moved[:, None]) / period + phase)  # (T, W)
    picture = bars[:, None, :, None] + rng.uniform(-20, 20, (frames, size, size, 3))
    return picture.astype(np.uint8)


class Moving(Sequence[tuple[Video, Category]]):
    """A dataset of such clips, half of each class, with names for them."""

    classes = DIRECTIONS

    def __init__(self, size: int, frames: int, seed: int) -> None:
        self.size, self.frames, self.seed = size, frames, seed

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[Video, Category]:  # type: ignore[override]  # slices are of no use here
        if not 0 <= index < self.size:
            raise IndexError(index)
        clip = moving(index % 2, self.frames, self.seed * 1000 + index)
        return Video(clip.transpose(3, 0, 1, 2), RATE_HZ), Category(index % 2, description=DIRECTIONS[index % 2])
