"""Recordings of poses as a training draws them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from co_perception.engine.data import SkeletonSequence
from co_perception.learners.poses import clip, people, to_input
from co_perception.networks.variants_skeleton import SkeletonVariant
from co_perception.skeletons.layouts import layout
from co_perception.training.augment import SkeletonAugment, mirrored_label

# Mild: other people, cameras and detectors, and no other activity.
AUGMENT = SkeletonAugment(rotation=10, scale=0.1, time_warp=0.2, joint_dropout=0.1, jitter=0.01, mirror=0.5)


class PoseExamples:
    """(SkeletonSequence, Category) pairs as inputs of a network: clips of `variant.clip` frames, the middle of longer
    ones, or a random part where augmentation draws. An example is mirrored only where its class is its own mirror
    image by name: `mirrored_label`."""

    def __init__(
        self,
        dataset: Sequence[tuple[Any, Any]],
        labels: Sequence[int],
        classes: Sequence[str],
        variant: SkeletonVariant,
        augment: SkeletonAugment | None,
    ) -> None:
        self.dataset, self.labels, self.variant = dataset, labels, variant
        augment = augment or SkeletonAugment()
        one_sided = dataclasses.replace(augment, mirror=0.0)
        mirrors = mirrored_label(classes)
        self._augment = [augment if other == place else one_sided for place, other in enumerate(mirrors)]

    def __len__(self) -> int:
        return len(self.labels)

    def tensor(self, index: int, rng: np.random.Generator | None) -> Tensor:
        """(3, T, V, M) float32, normalised."""
        sequence = self.dataset[index][0]
        if not isinstance(sequence, SkeletonSequence):
            raise ValueError(f"example {index}: expected a SkeletonSequence, got {type(sequence).__name__}")
        values = self._part(clip(sequence, self.variant), rng)
        if rng is not None:
            values = self._augment[self.labels[index]](values, layout(sequence.layout), rng)
        return torch.from_numpy(to_input(people(values), sequence.layout, self.variant).values)

    def _part(self, values: NDArray[np.float32], rng: np.random.Generator | None) -> NDArray[np.float32]:
        spare = values.shape[1] - self.variant.clip
        start = spare // 2 if rng is None else int(rng.integers(spare + 1))
        return values[:, start : start + self.variant.clip]
