"""Video clips as a network's input: whole for inference, cut and varied for training."""

from __future__ import annotations

from collections.abc import Sequence

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


class VideoExamples:
    """Clips of `frames` frames out of Videos: from the middle, or from anywhere and varied by `augment`."""

    def __init__(
        self,
        dataset: Sequence[tuple[Data, Category]],
        labels: Sequence[int],
        variant: VideoVariant,
        frames: int,
        augment: ClipAugment,
    ) -> None:
        self.labels = labels
        self._dataset, self._variant, self._frames, self._augment = dataset, variant, frames, augment

    def __len__(self) -> int:
        return len(self._dataset)

    def tensor(self, index: int, rng: np.random.Generator | None) -> Tensor:
        try:
            frames = clip_frames(self._dataset[index][0], self._variant, self._frames)
        except ValueError as error:
            raise ValueError(f"example {index}: {error}") from error
        spare = len(frames) - self._frames
        begin = spare // 2 if rng is None else int(rng.integers(spare + 1))
        view = CENTRE if rng is None else self._augment.draw(rng)
        return clip_input(frames[begin : begin + self._frames], self._variant, view=view)
