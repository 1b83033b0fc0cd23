"""CoGallery: a causal temporal network whose last layer are shows, with which what people do is compared.

Where a `CoTcn` has a classifier that was trained, this has prototypes: the mean of a few shows of each activity (Snell,
Swersky and Zemel, Prototypical Networks, NeurIPS 2017, arXiv:1703.05175), of mean and deviation of the features over a
window, through a linear discriminant that was fitted to other acts of many people from many sides (Fisher, 1936). What
is near to none of them, or nearer to one of the examples of anything else, is the last class. So an activity is added
without a training.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

import co_perception.continual as co
from co_perception.continual.framewise import EachFrame
from co_perception.continual.layer import TIME
from co_perception.networks.checkpoints import load_strictly
from co_perception.networks.temporal import CoTcn
from co_perception.networks.variants_skeleton import COGALLERY, GalleryVariant

LEAST_VARIANCE, LEAST_LENGTH = 1e-4, 1e-12
PROTOTYPES = "comparison.prototypes"  # by its name in a state dict


class WithSquares(EachFrame):
    """x (B, C, T) beside its squares and ones, (B, 2 C + 1, T): a mean of the ones is the share of real frames."""

    def clip(self, x: Tensor) -> Tensor:
        return torch.cat([x, x * x, x[:, :1] * 0 + 1], 1)

    def each(self, frame: Tensor) -> Tensor:
        return self.clip(frame)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (2 * shape[0] + 1, *shape[1:])


class _OfChannels(EachFrame):
    """Base of layers that are a function of the channels of each frame, given on the last axis."""

    def clip(self, x: Tensor) -> Tensor:
        return self._of(x.movedim(1, -1)).movedim(-1, 1)

    def each(self, frame: Tensor) -> Tensor:
        return self._of(frame)

    def _of(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class Embedding(_OfChannels):
    """Means of what `WithSquares` gives over a window of `memory` frames, as vectors (B, dims, T) of length one.

    They are means and deviations of the features of the real frames, less `center`, through `projection` (dims, 2 C).
    """

    center: Tensor
    projection: Tensor

    def __init__(self, features: int, memory: int, dims: int) -> None:
        super().__init__()
        self.features, self.least, self.dims = features, 1 / memory, dims
        self.register_buffer("center", torch.zeros(2 * features))
        self.register_buffer("projection", torch.randn(dims, 2 * features) / features)

    def _of(self, x: Tensor) -> Tensor:
        share = torch.relu(x[..., -1:] - self.least) + self.least  # never 0, also where no answer is real
        mean, squares = x[..., : self.features] / share, x[..., self.features : -1] / share
        deviation = torch.sqrt(torch.relu(squares - mean * mean) + LEAST_VARIANCE)
        raw = F.linear(torch.cat([mean, deviation], -1) - self.center, self.projection)
        return raw * torch.rsqrt((raw * raw).sum(-1, keepdim=True) + LEAST_LENGTH)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.dims,)


class PrototypeComparison(_OfChannels):
    """Vectors (B, dims, T) of length one as logits (B, classes, T): `sharpness` times their cosine with each prototype.

    The last class, none of those shown, has the cosine `reserve`, or what the nearest of its own examples gives: the
    rows of `prototypes` after those of the other classes, as many as there are. A shorter row counts for less.
    """

    prototypes: Tensor
    reserve: Tensor
    sharpness: Tensor

    def __init__(self, classes: int, dims: int) -> None:
        super().__init__()
        self.activities = classes - 1
        self.register_buffer("prototypes", torch.zeros(classes - 1, dims))
        self.register_buffer("reserve", torch.zeros(1))
        self.register_buffer("sharpness", torch.ones(1))

    def _of(self, x: Tensor) -> Tensor:
        cosines = F.linear(x, self.prototypes)
        none = cosines[..., :1] * 0 + self.reserve
        if len(self.prototypes) > self.activities:
            none = torch.maximum(none, cosines[..., self.activities :].amax(-1, keepdim=True))
        return torch.cat([cosines[..., : self.activities], none], -1) * self.sharpness

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (self.activities + 1,)


class CoGallery(co.Sequential):
    """Network of one person: x (B, 6, T, V, 1) to logits (B, classes, T), the last class being none of those shown."""

    embedding: Embedding
    comparison: PrototypeComparison

    def __init__(self, variant: GalleryVariant = COGALLERY) -> None:
        features = [(name, layer) for name, layer in CoTcn(variant).named_children() if name != "fc"]
        memory = variant.memory
        window = co.AvgPool1d(memory, stride=1, padding=((memory - 1, 0),))
        super().__init__(
            OrderedDict(
                [
                    *features,
                    ("squares", WithSquares()),
                    ("window", window),
                    ("embedding", Embedding(variant.width, memory, variant.dims)),
                    ("comparison", PrototypeComparison(variant.classes, variant.dims)),
                ]
            )
        )
        self.variant = variant
        self.frame_shape = CoTcn(variant).frame_shape
        """(C, V, M) of an input frame."""

    def load_weights(self, weights: Mapping[str, Tensor], complaint: str) -> None:
        """Load a state dict, with as many examples of the last class as it has.

        Raises:
            ValueError: for one of another network; starts with `complaint`.
        """
        rows = weights.get(PROTOTYPES, self.comparison.prototypes)
        if rows.ndim == 2 and len(rows) >= self.comparison.activities:
            self.comparison.prototypes = self.comparison.prototypes.new_zeros(len(rows), self.variant.dims)
        load_strictly(self, weights, complaint)

    def classify(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of whole clips x (B, 6, T, V, 1): the mean of the newest half of the frames' answers."""
        logits = self.clip(x)
        return logits[:, :, logits.shape[TIME] // 2 :].mean(TIME)

    def vectors(self, x: Tensor) -> Tensor:
        """Vectors (B, dims, T) of length one, one per frame, of whole clips x (B, 6, T, V, 1)."""
        for layer in self.layers[:-1]:
            x = layer.clip(x)
        return x
