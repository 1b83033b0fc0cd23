"""A recording of pictures, bright while somebody waves, with annotations beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.annotations.intervals import Interval, write_annotations
from helpers.bag_writer import SECOND, image, store, write_messages

T0 = 1_700_000_000 * SECOND  # of the first picture
HZ = 10
NUMBERS = (*range(30), *range(31, 60), *range(80, 100))  # of the pictures that there are: one is missing, then a gap


def picture(bright: bool, seed: int) -> NDArray[np.uint8]:
    low = 150 if bright else 20
    blocks = np.random.default_rng(seed).integers(low, low + 80, (6, 8, 3), dtype=np.uint8)
    return blocks.repeat(8, 0).repeat(8, 1)


def stamp_ns(number: int) -> int:
    return T0 + number * SECOND // HZ


def write_picture_bag(path: Path) -> Path:
    """Ten seconds of pictures at 10 Hz, bright from 2 to 4 s, which is annotated as Anna's "wave"."""
    types = store()

    def pictures() -> Iterator[tuple[int, Any]]:
        for number in NUMBERS:
            yield stamp_ns(number), image(types, stamp_ns(number), picture(20 <= number < 40, number), "rgb8")

    write_messages(path, {"/camera/image_raw": pictures()}, types=types)
    write_annotations(path / "annotations.csv", [Interval(T0 + 2 * SECOND, T0 + 4 * SECOND, "wave", "anna")])
    return path
