"""Preprocessing of camera frames for video networks: crop, resize, normalize. Free of torch."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from co_perception.networks.variants import PAD, SQUASH, VideoVariant
from co_perception.pose.resize import AxisSamples, axis_samples, bilinear
from co_perception.training.augment import ClipView

CENTER = ClipView()


def image_input(frame: NDArray[np.uint8], variant: VideoVariant, view: ClipView = CENTER) -> NDArray[np.float32]:
    """One frame as the network's input, normalized as the network expects.

    As published: the short side is scaled to `short_side` (bilinear, two samples per axis, as OpenCV's default, which
    the networks were trained with; an antialiased resize measurably lowers the scores of large frames), then the
    center is cropped. With another `crop` of the variant all of the frame is scaled to `size`.

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
    scaled = _scaled(frame.shape[0], frame.shape[1], variant, view.scale)
    (down, top), (across, left) = _places(frame.shape[0], frame.shape[1], scaled, variant.size, view)
    square = bilinear(frame, down, across)
    square /= np.float32(255 * variant.std / view.gain)
    dark = np.float32((variant.mean - view.shift) / variant.std)
    planes = np.empty((3, variant.size, variant.size), np.float32)
    rows, columns = square.shape[0], square.shape[2]
    if (rows, columns) != planes.shape[1:]:
        planes[:] = -dark
    np.subtract(square.transpose(1, 0, 2), dark, out=planes[:, top : top + rows, left : left + columns])
    return planes


def _scaled(height: int, width: int, variant: VideoVariant, scale: float) -> tuple[int, int]:
    """Height and width of the whole frame where it is scaled as the network wants it, times `scale`."""
    side = round(variant.size * scale)
    if variant.crop == SQUASH:
        return side, side
    if variant.crop == PAD:
        factor = side / max(height, width)
        return max(round(height * factor), 1), max(round(width * factor), 1)
    short_side = round(variant.short_side * scale)
    factor = short_side / min(height, width)
    return max(round(height * factor), short_side), max(round(width * factor), short_side)


Place = tuple[AxisSamples, int]  # the samples along an axis of the input, and before which of them it is black


@lru_cache(maxsize=16)
def _places(height: int, width: int, scaled: tuple[int, int], size: int, view: ClipView) -> tuple[Place, Place]:
    """Sampling of the view's rows and columns in a frame that is scaled, at most `size` of each."""
    down, top = _along(height, scaled[0], size, view.down)
    across, left = _along(width, scaled[1], size, view.right)
    return (down, top), (across.mirrored() if view.mirrored else across, left)


def _along(length: int, scaled: int, size: int, place: float) -> Place:
    """One axis: `size` of the scaled pixels at this place of it, or all where there are fewer."""
    spare = int(abs(scaled - size) * place)
    if scaled < size:
        return axis_samples(length, scaled), spare
    return axis_samples(length, scaled, spare, spare + size), 0
