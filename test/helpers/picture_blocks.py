"""Pictures with blocks of known colors, and a search for these blocks in bytes of any origin."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLORS = ((203, 58, 131), (23, 177, 92), (90, 14, 222), (241, 150, 30))
"""Red, green and blue of the blocks, far from each other and from grey: no run of equal bytes is one."""
RUN, NEAR = 8, 6  # pixels of one color side by side that are a block, and by how much each may differ
SIGNATURES = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n")
Pixels = NDArray[np.uint8]


def with_blocks(picture: Pixels) -> Pixels:
    """The picture with a block of each color in its corners, an eighth of its height and width large."""
    made = picture.copy()
    height, width = picture.shape[0] // 8, picture.shape[1] // 8
    corners = [(slice(0, height), slice(0, width)), (slice(0, height), slice(-width, None)),
               (slice(-height, None), slice(0, width)), (slice(-height, None), slice(-width, None))]  # fmt: skip
    for corner, color in zip(corners, COLORS, strict=True):
        made[corner] = color
    return made


def write_video(path: Path, pictures: Sequence[Pixels], rate_hz: int = 15) -> None:
    """Writes pictures without loss."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=Fraction(rate_hz))
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def has_blocks(content: bytes) -> bool:
    """Whether pixels of a block are in it: as bytes or floats of 0..1 or 0..255, in either order of colors, with or
    without a fourth channel, as they are or coded as JPEG or PNG."""
    if len(content) < 3 * RUN:
        return False
    if _in_values(np.frombuffer(content, np.uint8).astype(np.float32)):
        return True
    for offset in range(4):
        floats = np.frombuffer(content, np.float32, (len(content) - offset) // 4, offset)
        floats = np.nan_to_num(floats, nan=-1e3, posinf=-1e3, neginf=-1e3)
        if _in_values(floats) or _in_values(np.clip(floats, -10, 10) * 255):
            return True
    return any(_in_values(picture.reshape(-1).astype(np.float32)) for picture in _coded_pictures(content))


def _in_values(values: NDArray[np.float32]) -> bool:
    for color in COLORS:
        for order in (color, color[::-1]):
            near = [np.abs(values[channel:] - wanted) <= NEAR for channel, wanted in enumerate(order)]
            pixels = near[0][: len(near[2])] & near[1][: len(near[2])] & near[2]
            if not pixels.any():
                continue
            for stride in (3, 4):
                count = len(pixels) - stride * (RUN - 1)
                if count > 0 and np.logical_and.reduce([pixels[n * stride :][:count] for n in range(RUN)]).any():
                    return True
    return False


def _coded_pictures(content: bytes) -> Iterator[Pixels]:
    import cv2

    for found in SIGNATURES.finditer(content):
        picture = cv2.imdecode(np.frombuffer(content[found.start() :], np.uint8), cv2.IMREAD_COLOR)
        if picture is not None:
            yield np.asarray(picture, np.uint8)
