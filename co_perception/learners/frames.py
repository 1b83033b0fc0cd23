"""From a camera's frame to a network's input: centre crop, resize, normalise."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from co_perception.networks.variants import VideoVariant
from co_perception.pose.bilinear import Samples, sample, samples
from co_perception.training.views import View

CENTRE = View()


def to_input(
    frame: NDArray[np.uint8], variant: VideoVariant, *, device: torch.device | str = "cpu", view: View = CENTRE
) -> Tensor:
    """(3, size, size) float32 from an RGB frame (H, W, 3) uint8, normalised as the network expects.

    As published: the short side is scaled to `short_side` (bilinear, two samples per axis, as OpenCV's default, which
    the networks were trained with; an antialiased resize measurably lowers the scores of large frames), then the
    centre is cropped. view: how training looks at it instead."""
    if not isinstance(frame, np.ndarray) or frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        what = f"{frame.shape} {frame.dtype}" if isinstance(frame, np.ndarray) else type(frame).__name__
        raise ValueError(f"expected an RGB frame (H, W, 3) of uint8, got {what}")
    if 0 in frame.shape:
        raise ValueError(f"the frame has no pixels: {frame.shape}")
    down, across = _places(frame.shape[0], frame.shape[1], variant.size, round(variant.short_side * view.scale), view)
    square = sample(frame, down, across)
    square /= np.float32(255 * variant.std / view.gain)
    planes = np.empty((3, variant.size, variant.size), np.float32)
    np.subtract(square.transpose(1, 0, 2), np.float32((variant.mean - view.shift) / variant.std), out=planes)
    return torch.from_numpy(planes).to(device)


@lru_cache(maxsize=16)
def _places(height: int, width: int, size: int, short_side: int, view: View) -> tuple[Samples, Samples]:
    """Where the view's rows and columns lie in a frame: (size,) each, of a shorter side scaled to `short_side`."""
    factor = short_side / min(height, width)
    scaled = [max(round(length * factor), short_side) for length in (height, width)]
    top, left = int((scaled[0] - size) * view.down), int((scaled[1] - size) * view.right)
    across = samples(width, scaled[1], left, left + size)
    return samples(height, scaled[0], top, top + size), across.mirrored() if view.mirrored else across
