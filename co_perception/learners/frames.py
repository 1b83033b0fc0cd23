"""From a camera's frame to a network's input: centre crop, resize, normalise."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from co_perception.networks.variants import VideoVariant
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
    pixels = torch.from_numpy(np.ascontiguousarray(frame)).to(device).permute(2, 0, 1)
    square = _crop(_scale(pixels, round(variant.short_side * view.scale)), variant.size, view)
    unit = 255 * variant.std / view.gain
    return square.to(torch.float32).div(unit).sub_((variant.mean - view.shift) / variant.std).contiguous()


def _scale(pixels: Tensor, short_side: int) -> Tensor:
    """(3, H, W) with its shorter side scaled to `short_side`."""
    height, width = pixels.shape[1:]
    if min(height, width) == short_side:
        return pixels
    factor = short_side / min(height, width)
    size = (max(round(height * factor), short_side), max(round(width * factor), short_side))
    return F.interpolate(pixels[None].to(torch.float32), size, mode="bilinear", align_corners=False)[0]


def _crop(pixels: Tensor, size: int, view: View) -> Tensor:
    """(3, size, size) at the view's place."""
    height, width = pixels.shape[1:]
    top, left = int((height - size) * view.down), int((width - size) * view.right)
    square = pixels[:, top : top + size, left : left + size]
    return square.flip(2) if view.mirrored else square
