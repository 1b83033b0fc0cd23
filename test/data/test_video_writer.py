"""Videos that are written and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")

from co_perception.data.video import VideoReader
from co_perception.data.video_writer import VideoWriter


def test_what_is_written_reads_back_in_order(clip: Path) -> None:
    with VideoReader(str(clip)) as reader:
        frames = list(reader)
        assert (reader.rate_hz, reader.frames, reader.live) == (25.0, 10, False)
    assert [frame.pixels.shape for frame in frames] == [(48, 64, 3)] * 10
    assert [frame.time_s for frame in frames] == pytest.approx([i / 25 for i in range(10)])
    assert [frame.pixels.mean() for frame in frames] == pytest.approx([20 + 10 * i for i in range(10)], abs=4)


def test_colors_keep_their_order_and_odd_sizes_lose_their_last_row_and_column(tmp_path: Path) -> None:
    picture = np.zeros((49, 65, 3), np.uint8)
    picture[..., 0], picture[..., 2] = 220, 30
    with VideoWriter(tmp_path / "red.mp4", 25.0) as writer:
        writer.write(picture)
    with VideoReader(str(tmp_path / "red.mp4")) as reader:
        pixels = next(iter(reader)).pixels
    assert pixels.shape == (48, 64, 3) and pixels.mean(axis=(0, 1)) == pytest.approx([220, 0, 30], abs=8)
