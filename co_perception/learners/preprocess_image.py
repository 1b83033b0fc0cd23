"""Preprocessing of camera frames for video networks: crop, resize, normalize. Free of torch."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from co_perception.networks.variants import VideoVariant
from co_perception.pose.resize import AxisSamples, axis_samples, bilinear
from co_perception.training.augment import ClipView

CENTER = ClipView()


def image_input(frame: NDArray[np.uint8], variant: VideoVariant, view: ClipView = CENTER) -> NDArray[np.float32]:
    """One frame as the network's input, normalized as the network expects.

    As published: the short side is scaled to `short_side` (bilinear, two samples per axis, as OpenCV's default, which
    the networks were trained with; an antialiased resize measurably lowers the scores of large frames), then the
    center is cropped.

    Args:
        frame: (H, W, 3) uint8 in RGB order.
        view: another crop, scale or light, for training.

    Returns:
        (3, size, size) float32.

    Raises:
        ValueError: for anything else than such a frame.
    """
    if not isinstance(frame, np.ndarray) or frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        what = f"{frame.shape} {frame.dtype}" if isinstance(frame, np.ndarray) else type(frame).__name__
        raise ValueError(f"expected an RGB frame (H, W, 3) of uint8, got {what}")
    if 0 in frame.shape:
        raise ValueError(f"the frame has no pixels: {frame.shape}")
    down, across = _places(frame.shape[0], frame.shape[1], variant.size, round(variant.short_side * view.scale), view)
    square = bilinear(frame, down, across)
    square /= np.float32(255 * variant.std / view.gain)
    planes = np.empty((3, variant.size, variant.size), np.float32)
    np.subtract(square.transpose(1, 0, 2), np.float32((variant.mean - view.shift) / variant.std), out=planes)
    return planes


@lru_cache(maxsize=16)
def _places(height: int, width: int, size: int, short_side: int, view: ClipView) -> tuple[AxisSamples, AxisSamples]:
    """Sampling of the view's rows and columns, (size,) each; the frame's shorter side is scaled to `short_side`."""
    factor = short_side / min(height, width)
    scaled = [max(round(length * factor), short_side) for length in (height, width)]
    top, left = int((scaled[0] - size) * view.down), int((scaled[1] - size) * view.right)
    across = axis_samples(width, scaled[1], left, left + size)
    return axis_samples(height, scaled[0], top, top + size), across.mirrored() if view.mirrored else across
