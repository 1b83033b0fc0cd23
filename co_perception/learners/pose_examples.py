"""Examples of poses for the training of skeleton networks, prepared as `preprocess_pose` prepares streams and clips."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from co_perception.engine.data import Data, SkeletonSequence
from co_perception.engine.target import Category
from co_perception.learners.preprocess_pose import cut_clip_input, network_clip
from co_perception.networks.variants_skeleton import SkeletonVariant
from co_perception.skeletons.body import parts_found
from co_perception.skeletons.layouts import layout
from co_perception.skeletons.mapping import convert
from co_perception.training.augment import SkeletonAugment, mirrored_label

# Mild: other people, cameras and detectors, and no other activity.
AUGMENT = SkeletonAugment(rotation=10, scale=0.1, time_warp=0.2, joint_dropout=0.1, jitter=0.01, mirror=0.5)


class PoseExamples:
    """(SkeletonSequence, Category) pairs as inputs of a network.

    Clips of `variant.clip` frames: the middle of longer ones, or a random part where augmentation draws. An example is
    mirrored only where its class is its own mirror image by name: `mirrored_label`. Pairs are read when needed.

    Args:
        frames: of each input instead; shorter sequences end with zeros then, and are not repeated. None: those of a
            clip.
    """

    def __init__(
        self,
        dataset: Sequence[tuple[Data, Category]],
        labels: Sequence[int],
        classes: Sequence[str],
        variant: SkeletonVariant,
        augment: SkeletonAugment | None,
        frames: int | None = None,
    ) -> None:
        self.dataset, self.labels, self.variant = dataset, labels, variant
        self._frames = frames or variant.clip
        self._read_as = variant if frames is None else dataclasses.replace(variant, clip=1)
        augment = augment or SkeletonAugment()
        unmirrored = dataclasses.replace(augment, mirror=0.0)
        mirrors = mirrored_label(classes)
        self._augment = [augment if other == label else unmirrored for label, other in enumerate(mirrors)]

    def __len__(self) -> int:
        return len(self.labels)

    def parts(self, needs: Sequence[str], most: int = 200) -> tuple[str, ...]:
        """Those parts of the body that most frames with a person show, in `most` examples spread over all."""
        target, found_in, frames = layout(self.variant.layout), np.zeros(len(needs)), 0
        for index in np.unique(np.linspace(0, len(self) - 1, min(len(self), most)).astype(int)):
            sequence = self._sequence(int(index))
            joints = convert(
                network_clip(sequence, self.variant).transpose(1, 3, 2, 0), layout(sequence.layout), target
            )
            visible = joints[..., -1] > 0
            frames += int(visible.any(-1).sum())
            found_in += parts_found(visible, target, needs).sum((0, 1))
        return tuple(part for part, count in zip(needs, found_in, strict=True) if 2 * count > frames)

    def _sequence(self, index: int) -> SkeletonSequence:
        sequence = self.dataset[index][0]
        if not isinstance(sequence, SkeletonSequence):
            raise ValueError(f"example {index}: expected a SkeletonSequence, got {type(sequence).__name__}")
        return sequence

    def tensor(self, index: int, rng: np.random.Generator | None) -> Tensor:
        """(3, T, V, M) float32, normalized."""
        sequence = self._sequence(index)
        try:
            values = network_clip(sequence, self._read_as)
        except ValueError as error:
            raise ValueError(f"example {index}: {error}") from error
        spare = max(values.shape[1] - self._frames, 0)
        start = spare // 2 if rng is None else int(rng.integers(spare + 1))
        values = values[:, start : start + self._frames]
        if rng is not None:
            values = self._augment[self.labels[index]](values, layout(sequence.layout), rng)
        made = cut_clip_input(values, sequence.layout, self.variant).values
        missing = self._frames - made.shape[1]
        return torch.from_numpy(np.pad(made, [(0, 0), (0, missing), (0, 0), (0, 0)]) if missing else made)
