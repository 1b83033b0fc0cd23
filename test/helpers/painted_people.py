"""Videos whose pictures say which frame of which people they are, and an estimator that reads that.

So a whole chain from a video file can be tested without a network: what is found is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from co_perception.data.video import pyav
from co_perception.engine.data import Image
from co_perception.engine.target import Pose
from helpers.drawn_people import Figure


@dataclass(frozen=True)
class Performer:
    """Somebody who does one thing at a place: shifted [pixels] from where the figure stands."""

    activity: str
    seed: int
    shift: float = 0.0
    until_s: float = 1e9

    def joints(self, seconds: float) -> NDArray[np.float32]:
        """(17, 3) x, y, score."""
        found = Figure(self.activity, self.seed).frame(seconds)[:, [0, 1, 3]]
        middle = Figure("stand", self.seed).frame(0.0)[11:13, 0].mean()
        found[:, 0] += self.shift - middle
        found[:, 2] = 0.9
        return found


def painted_video(path: Path, people: Sequence[Performer], seconds: float = 3.0, rate_hz: int = 15) -> Path:
    """A lossless video whose pictures have the number of the frame in their first pixels, for `PaintedEstimator`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    container = pyav().open(str(path), "w")
    stream = container.add_stream("ffv1", rate=rate_hz)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "gray"
    name = PaintedEstimator.note(people, rate_hz)
    for number in range(round(seconds * rate_hz)):
        pixels = np.zeros((48, 64), np.uint8)
        pixels[0, :4] = number // 200, number % 200, name // 200, name % 200
        container.mux(stream.encode(pyav().VideoFrame.from_ndarray(pixels, format="gray")))
    container.mux(stream.encode())
    container.close()
    return path


class PaintedEstimator:
    """Finds the people that `painted_video` noted."""

    name, layout = "painted", "coco17"
    _known: list[tuple[Sequence[Performer], int]] = []
    looks = 0
    """Pictures that were looked at, by all of them."""

    @classmethod
    def note(cls, people: Sequence[Performer], rate_hz: int) -> int:
        """The number under which people are known."""
        cls._known.append((people, rate_hz))
        return len(cls._known) - 1

    def estimate(self, image: Image) -> list[Pose]:
        PaintedEstimator.looks += 1
        row = image.data[0, :4, 0].astype(int)
        people, rate_hz = self._known[row[2] * 200 + row[3]]
        seconds = (row[0] * 200 + row[1]) / rate_hz
        return [Pose(each.joints(seconds), confidence=0.9) for each in people if seconds < each.until_s]

    def reset(self) -> None:
        """Nothing to forget."""

    def close(self) -> None:
        """Nothing to free."""
