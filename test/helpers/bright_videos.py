"""Videos of two classes that differ in brightness, which any trunk tells apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from co_perception.engine.data import Video
from co_perception.engine.target import Category

BRIGHTNESSES = ("dark", "bright")


class Brightnesses(Sequence[tuple[Video, Category]]):
    """Noise in two brightnesses, half of the videos in each."""

    classes = BRIGHTNESSES

    def __init__(self, size: int, frames: int, seed: int, rate_hz: float = 5.0) -> None:
        self.size, self.frames, self.seed, self.rate_hz = size, frames, seed, rate_hz

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[Video, Category]:  # type: ignore[override]  # slices are of no use here
        if not 0 <= index < self.size:
            raise IndexError(index)
        rng, label = np.random.default_rng([self.seed, index]), index % 2
        pixels = rng.integers(120 * label, 120 * label + 100, (3, self.frames, 36, 40), dtype=np.uint8)
        return Video(pixels, self.rate_hz), Category(label, description=BRIGHTNESSES[label])
