"""A video that the package wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Ten frames at 25 Hz; frame i has brightness 20 + 10 i."""
    pytest.importorskip("av")
    from co_perception.data.video_writer import VideoWriter

    with VideoWriter(tmp_path / "clip.mp4", 25.0) as writer:
        for index in range(10):
            writer.write(np.full((48, 64, 3), 20 + 10 * index, np.uint8))
    return tmp_path / "clip.mp4"
