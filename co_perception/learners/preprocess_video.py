"""Preprocessing of video clips: rate, and each frame by `preprocess_image`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from co_perception.engine.data import Data, Video
from co_perception.engine.target import Category
from co_perception.engine.time import frames_at_rate
from co_perception.learners.preprocess_image import CENTER, image_input
from co_perception.networks.variants import VideoVariant
from co_perception.training.augment import ClipAugment, ClipView


def to_input(
    frame: NDArray[np.uint8], variant: VideoVariant, *, device: torch.device | str = "cpu", view: ClipView = CENTER
) -> Tensor:
    """`preprocess_image.image_input` as a tensor (3, size, size)."""
    return torch.from_numpy(image_input(frame, variant, view)).to(device)


def clip_frames(video: Data, variant: VideoVariant, least: int) -> NDArray[np.uint8]:
    """Frames (T, H, W, 3) of a clip at the network's rate, the nearest one for each instant.

    Raises:
        ValueError: for anything but a Video (3, T, H, W) of uint8 with a rate and at least `least` of those frames.
    """
    if not isinstance(video, Video) or video.data.dtype != np.uint8 or video.data.shape[0] != 3:
        what = f"{video.data.shape} {video.data.dtype}" if isinstance(video, Video) else type(video).__name__
        raise ValueError(f"expected a Video (3, T, H, W) of uint8 with T at least {least}, got {what}")
    frames = video.data.transpose(1, 2, 3, 0)
    chosen = frames_at_rate(len(frames), video.rate_hz, variant.rate_hz, tolerance=0)
    if len(chosen) < least:
        raise ValueError(
            f"expected a Video with T at least {least} frames at {variant.rate_hz:g} Hz, got {len(frames)} at "
            f"{video.rate_hz or variant.rate_hz:g} Hz, which is {len(chosen)}"
        )
    return frames if video.rate_hz in (None, variant.rate_hz) else frames[chosen]


def clip_input(
    frames: Iterable[NDArray[np.uint8]],
    variant: VideoVariant,
    *,
    device: torch.device | str = "cpu",
    view: ClipView = CENTER,
) -> Tensor:
    """(3, T, size, size) from frames (H, W, 3), which may differ in size."""
    return torch.stack([to_input(frame, variant, device=device, view=view) for frame in frames], dim=1)


@dataclass(frozen=True, eq=False)
class VideoExamples:
    """(Video, Category) pairs as inputs of a network: the middle of each, or a random part varied by `augment`."""

    dataset: Sequence[tuple[Data, Category]]  # by index, each read when it is needed
    labels: Sequence[int]
    variant: VideoVariant
    frames: int  # of a clip
    augment: ClipAugment  # random views in training
    stride: int = 1  # of the network in time
    most: int | None = None  # instead of `frames` all that a Video has, up to this many, cut to a multiple of `stride`

    def __len__(self) -> int:
        return len(self.dataset)

    def tensor(self, index: int, rng: np.random.Generator | None) -> Tensor:
        """(3, T, size, size) float32, normalized. ValueError for a Video that is too short, or something else."""
        try:
            frames = clip_frames(self.dataset[index][0], self.variant, self.frames)
        except ValueError as error:
            raise ValueError(f"example {index}: {error}") from error
        length = self.frames if self.most is None else min(len(frames), self.most) // self.stride * self.stride
        spare = len(frames) - length
        begin = spare // 2 if rng is None else int(rng.integers(spare + 1))
        view = CENTER if rng is None else self.augment.draw(rng)
        return clip_input(frames[begin : begin + length], self.variant, view=view)
