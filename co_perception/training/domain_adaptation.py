"""Supervised domain adaptation: a few labeled examples of a new place, beside many of another one.

DAGE-LDA of Hedegaard, Sheikh-Omar and Iosifidis, "Supervised Domain Adaptation: A Graph Embedding Perspective and a
Rectified Experimental Protocol", IEEE TIP 30, 2021, doi 10.1109/TIP.2021.3118978, arXiv:2004.11262. Source and target
pass one network; beside the two classification losses stands one of its features, which pulls examples of one class
together, whatever their domain, and classes apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.training.config import TrainConfig
from co_perception.training.examples import ORDER, EpochSampler, ExampleDataset, ExampleIndex, Examples, drawn

_SOURCE_ORDER = 3  # what a random stream is for; `examples` and `lightning_run` have the others


@dataclass(frozen=True)
class AdaptationSettings:
    """Weights of the losses of one training; they sum to one.

    loss = (1 - embedding) * ((1 - source) * cross entropy of the target + source * that of the source)
           + embedding * DAGE-LDA

    Args:
        embedding: of the loss of the features; 0: the two classification losses alone.
        source: share of the source in the classification losses.

    Raises:
        ValueError: for a weight outside 0 to below 1.
    """

    embedding: float = 0.25
    source: float = 0.5

    def __post_init__(self) -> None:
        for name, weight in (("embedding", self.embedding), ("source", self.source)):
            if not 0 <= weight < 1:
                raise ValueError(f"the weight {name} is a share from 0 to below 1, got {weight!r}")


class EmbeddingNetwork(Protocol):
    """A network that tells the features its classifier reads."""

    def clip_features(self, x: Tensor) -> Tensor:
        """Features (B, F) of clips x (B, C, T, ...)."""
        ...

    def classify_features(self, features: Tensor) -> Tensor:
        """Logits (B, classes) of features (B, F)."""
        ...


def dage_lda(features: Tensor, labels: Tensor) -> Tensor:
    """tr(F' L F) / tr(F' B F) of features (N, F) and their classes (N,), of both domains together.

    L is the Laplacian of the intrinsic graph, which links examples of one class, B that of the penalty graph, which
    links examples of different classes; every link weighs one. The traces are the sums of squared distances over the
    links. They are computed here from the scatter around means, in N F numbers instead of N N F: n_c times the scatter
    of a class is the sum over its pairs, and N times the scatter of all is that over all pairs.

    The loss is 0 where the batch has one class only, or no two examples of one.
    """
    classes, index = torch.unique(labels, return_inverse=True)
    member = F.one_hot(index, len(classes)).to(features)  # (N, classes)
    counts = member.sum(0)
    means = member.T @ features / counts[:, None]
    within = ((features - means[index]) ** 2).sum(1)  # (N,) squared distance from the mean of its class
    intrinsic = (counts[index] * within).sum()
    offsets = means - features.mean(0)
    # Pairs of different classes: those of all minus those of one class, of which the large part cancels exactly.
    penalty = ((len(features) - counts[index]) * within).sum() + len(features) * (counts[:, None] * offsets**2).sum()
    return intrinsic / (penalty + torch.finfo(features.dtype).tiny) if len(classes) > 1 else intrinsic * 0


def adaptation_loss(
    network: nn.Module, x: Tensor, labels: Tensor, of_source: Tensor, settings: AdaptationSettings, smoothing: float
) -> Tensor:
    """The loss of `AdaptationSettings` of one batch.

    Args:
        network: an `EmbeddingNetwork`.
        x: (B, C, T, ...) clips of both domains.
        labels: (B,) their classes.
        of_source: (B,) whether a clip is of the source; others are of the target. Both occur.
        smoothing: share of a target spread over all classes.
    """
    embedding = cast(EmbeddingNetwork, network)
    features = embedding.clip_features(x)
    losses = F.cross_entropy(
        embedding.classify_features(features).float(), labels, label_smoothing=smoothing, reduction="none"
    )
    classification = (1 - settings.source) * losses[~of_source].mean() + settings.source * losses[of_source].mean()
    if not settings.embedding:
        return classification
    return (1 - settings.embedding) * classification + settings.embedding * dage_lda(features.float(), labels)


def check_adaptation(network: nn.Module, target: Examples, source: Examples, config: TrainConfig) -> None:
    """Raises ValueError where source and target share no class, and for a mode or network that cannot be adapted."""
    if config.mode != "clip":
        raise ValueError(
            f"domain adaptation compares the features of whole clips: mode is 'clip', got {config.mode!r}. Adapt in "
            "mode 'clip' first, then fit() on the target alone in mode 'step'"
        )
    if not hasattr(network, "clip_features"):
        raise ValueError(
            f"{type(network).__name__} does not tell the features that its classifier reads, which domain adaptation "
            "compares: skeleton networks do"
        )
    if config.batch_size < 4:
        raise ValueError(f"a batch has two examples of the source and of the target, batch_size is {config.batch_size}")
    if not {*map(int, target.labels)} & {*map(int, source.labels)}:
        raise ValueError("source and target have examples of no common class: there is nothing to adapt from")


class JointExamples:
    """The examples of the target, then those of the source."""

    def __init__(self, target: Examples, source: Examples) -> None:
        self.target, self.source = target, source
        self.labels = [*map(int, target.labels), *map(int, source.labels)]

    def __len__(self) -> int:
        return len(self.labels)

    def tensor(self, index: int, rng: np.random.Generator | None) -> Tensor:
        """As of the example."""
        own = len(self.target)
        return self.target.tensor(index, rng) if index < own else self.source.tensor(index - own, rng)


class JointDataset(ExampleDataset):
    """`JointExamples` as a torch dataset: inputs (B, C, T, ...), classes (B,), and (B,) whether they are the source's.

    The augmentation is a function of the seed and the index.
    """

    def __init__(self, examples: JointExamples, seed: int) -> None:
        super().__init__(examples, seed)
        self._targets = len(examples.target)

    def __getitem__(self, indices: Sequence[ExampleIndex]) -> tuple[Tensor, ...]:
        return *super().__getitem__(indices), torch.tensor([index.example >= self._targets for index in indices])


class JointBatchSampler(EpochSampler):
    """Batches of `JointExamples`, half of the target and half of the source, for one of `world` processes.

    An epoch is one pass over the larger domain. The smaller one is drawn again and again, augmented anew each time.

    Args:
        targets, sources: the class of each example.
        batch_size: examples of a batch, per process; of an odd number one more is the target's.
        seed: of the order.
        balance: draw every class of each domain equally often.
        rank, world: this process, and their number.
    """

    def __init__(
        self,
        targets: Sequence[int],
        sources: Sequence[int],
        batch_size: int,
        *,
        seed: int,
        balance: bool = False,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.labels = np.asarray(targets, np.int64), np.asarray(sources, np.int64)
        self.sizes = (batch_size + 1) // 2, batch_size // 2
        self.seed, self.balance, self.rank, self.world = seed, balance, rank, world
        self.count = max(
            -(-len(labels) // (size * world)) for labels, size in zip(self.labels, self.sizes, strict=True)
        )

    def __iter__(self) -> Iterator[list[ExampleIndex]]:
        parts = []
        first = 0
        for purpose, labels, size in zip((ORDER, _SOURCE_ORDER), self.labels, self.sizes, strict=True):
            rng = np.random.default_rng([self.seed, purpose, self.epoch])
            draws = drawn(labels, self.count * size * self.world, rng, self.balance)
            parts.append([ExampleIndex(self.epoch, first + index, repeat) for index, repeat in draws])
            first += len(labels)
        for number in range(self.count):
            batch = []
            for indices, size in zip(parts, self.sizes, strict=True):
                wide = size * self.world
                batch += indices[number * wide : (number + 1) * wide][self.rank :: self.world]
            yield batch
