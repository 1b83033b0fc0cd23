"""From a camera's frame to a network's input: centre crop, resize, normalise."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from co_perception.networks.variants import VideoVariant


def to_input(frame: NDArray[np.uint8], variant: VideoVariant, *, device: torch.device | str = "cpu") -> Tensor:
    """(3, size, size) float32 from an RGB frame (H, W, 3) uint8, normalised as the network expects.

    The published recipe scales the short side to `short_side` and crops the centre; here the same square is cut out first, so that only
    pixels that count are resampled (antialiased bilinear). A frame whose short side already is `short_side` is cropped and nothing else.
    """
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise ValueError(f"expected an RGB frame (H, W, 3) of uint8, got {frame.shape} {frame.dtype}")
    if 0 in frame.shape:
        raise ValueError(f"the frame has no pixels: {frame.shape}")
    square = torch.from_numpy(np.ascontiguousarray(_centre(frame, variant.size / variant.short_side)))
    pixels = square.permute(2, 0, 1).unsqueeze(0)
    if pixels.shape[-2:] != (variant.size, variant.size):
        pixels = F.interpolate(pixels, (variant.size, variant.size), mode="bilinear", antialias=True)
    return pixels[0].to(device).to(torch.float32).div_(255 * variant.std).sub_(variant.mean / variant.std).contiguous()


def _centre(frame: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """The centred square whose side is `share` of the short side."""
    height, width = frame.shape[:2]
    side = max(round(min(height, width) * share), 1)
    top, left = (height - side) // 2, (width - side) // 2
    return frame[top : top + side, left : left + side]
