"""How training looks at a video clip: another crop, scale and light for each draw, one for all frames of a clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class View(NamedTuple):
    """scale: of the picture before the crop; down, right: place of the crop, 0.5 is the centre; mirrored: left for
    right; gain, shift: of pixel values in [0, 1]."""

    scale: float = 1.0
    down: float = 0.5
    right: float = 0.5
    mirrored: bool = False
    gain: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True)
class ClipAugment:
    """scale: largest enlargement before the crop (X3D's and SlowFast's training scales the short side by 1 to 1.25);
    mirrored: share of clips with left and right exchanged, 0 unless no class means a side; gain, shift: largest change
    of light either way."""

    scale: float = 1.25
    mirrored: float = 0.0
    gain: float = 0.2
    shift: float = 0.1

    def __post_init__(self) -> None:
        if self.scale < 1 or not 0 <= self.mirrored <= 1 or not 0 <= self.gain < 1 or self.shift < 0:
            raise ValueError(f"scale is at least 1, mirrored a share, gain below 1, shift not negative, got {self}")

    def draw(self, rng: np.random.Generator) -> View:
        """A view, from this generator alone."""
        return View(
            scale=rng.uniform(1, self.scale),
            down=rng.uniform(),
            right=rng.uniform(),
            mirrored=bool(rng.uniform() < self.mirrored),
            gain=rng.uniform(1 - self.gain, 1 + self.gain),
            shift=rng.uniform(-self.shift, self.shift),
        )
