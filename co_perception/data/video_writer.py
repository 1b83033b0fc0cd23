"""Writer of video files."""

from __future__ import annotations

from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from co_perception.data.video import pyav
from co_perception.engine.data import Pixels


class VideoWriter(AbstractContextManager["VideoWriter"]):
    """Writes (H, W, 3) uint8 RGB frames of one size into a file a browser plays. Close it, or use it in a `with`.

    The first frame fixes the size; an odd last row or column is left out, as the common codecs need even sizes.
    """

    def __init__(self, path: Path | str, rate_hz: float) -> None:
        self._av = pyav()
        self._container = self._av.open(str(path), "w")
        self._rate = Fraction(rate_hz).limit_denominator(1001)
        self._stream: Any = None

    def write(self, pixels: Pixels) -> None:
        """Appends one frame."""
        height, width = (side // 2 * 2 for side in pixels.shape[:2])
        if self._stream is None:
            coded_h264 = "libx264" in self._av.codecs_available
            self._stream = self._container.add_stream("libx264" if coded_h264 else "mpeg4", rate=self._rate)
            self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
            if coded_h264:
                self._stream.options = {"crf": "23", "preset": "veryfast", "threads": "1"}
            else:
                self._stream.bit_rate = 2_000_000
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), format="rgb24")
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Writes the frames that the codec still holds, and closes the file. May be repeated."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())
            self._stream = None
        self._container.close()

    def __exit__(self, *_: object) -> None:
        self.close()
