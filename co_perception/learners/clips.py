"""Video clips as a network's input: whole for inference, cut and varied for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from co_perception.engine.data import Data, Video
from co_perception.engine.target import Category
from co_perception.learners.frames import CENTRE, to_input
from co_perception.networks.variants import VideoVariant
from co_perception.training.views import ClipAugment, View


def clip_frames(video: Data, variant: VideoVariant, least: int) -> NDArray[np.uint8]:
    """(T, H, W, 3): the clip's frames at the network's rate, the nearest one for each instant.

    Raises: ValueError for anything but a Video (3, T, H, W) of uint8 with at least `least` of those frames.
    """
    if not isinstance(video, Video) or video.data.dtype != np.uint8 or video.data.shape[0] != 3:
        what = f"{video.data.shape} {video.data.dtype}" if isinstance(video, Video) else type(video).__name__
        raise ValueError(f"expected a Video (3, T, H, W) of uint8 with T at least {least}, got {what}")
    frames = video.data.transpose(1, 2, 3, 0)
    rate = video.rate_hz or variant.rate_hz
    count = max(round(len(frames) * variant.rate_hz / rate), 1)
    chosen = np.minimum((np.arange(count) * rate / variant.rate_hz + 0.5).astype(int), len(frames) - 1)
    if count < least:
        raise ValueError(
            f"expected a Video with T at least {least} frames at {variant.rate_hz:g} Hz, got {len(frames)} at {rate:g} "
            f"Hz, which is {count}"
        )
    return frames if rate == variant.rate_hz else frames[chosen]


def clip_input(
    frames: NDArray[np.uint8], variant: VideoVariant, *, device: torch.device | str = "cpu", view: View = CENTRE
) -> Tensor:
    """(3, T, size, size) of frames (T, H, W, 3)."""
    return torch.stack([to_input(frame, variant, device=device, view=view) for frame in frames], dim=1)


@dataclass(frozen=True, eq=False)
class VideoExamples:
    """Clips out of a dataset of Videos: from the middle, or from anywhere and varied by `augment`.

    frames: of a clip; most: instead, all that a Video has up to this many, cut to a multiple of `stride`.
    """

    dataset: Sequence[tuple[Data, Category]]
    labels: Sequence[int]
    variant: VideoVariant
    frames: int
    augment: ClipAugment
    stride: int = 1
    most: int | None = None

    def __len__(self) -> int:
        return len(self.dataset)

    def tensor(self, index: int, rng: np.random.Generator | None) -> Tensor:
        """(3, T, size, size) float32, normalised. ValueError for a Video that is too short, or something else."""
        try:
            frames = clip_frames(self.dataset[index][0], self.variant, self.frames)
        except ValueError as error:
            raise ValueError(f"example {index}: {error}") from error
        wanted = self.frames if self.most is None else min(len(frames), self.most) // self.stride * self.stride
        spare = len(frames) - wanted
        begin = spare // 2 if rng is None else int(rng.integers(spare + 1))
        view = CENTRE if rng is None else self.augment.draw(rng)
        return clip_input(frames[begin : begin + wanted], self.variant, view=view)
