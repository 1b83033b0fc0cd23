"""Datasets and batch sampling whose order and augmentation are functions of the seed.

Nothing here keeps a state between epochs or processes. A resumed training, another number of workers, or a second run
therefore gets the same tensors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

ORDER, _AUGMENT = 0, 1  # what a random stream is for, so that no two are the same


class Examples(Protocol):
    """Inputs of a network with their classes, as every learner gives them to `fit`."""

    @property
    def labels(self) -> Sequence[int]:
        """The class of each example."""
        ...

    def __len__(self) -> int: ...

    def tensor(self, index: int, rng: np.random.Generator | None) -> Tensor:
        """The input of `network.classify` without its batch axis: (C, T, ...) float32, all of one shape.

        Args:
            index: which example.
            rng: the only source of randomness of the augmentation; None: no augmentation.
        """
        ...


class ExampleIndex(NamedTuple):
    """One example in one epoch."""

    epoch: int  # from 0
    example: int  # index into the examples
    repeat: int = 0  # how often the example was drawn before in this epoch


class ExampleDataset(Dataset):
    """Examples as a torch dataset: a list of indices becomes inputs (B, C, T, ...) and classes (B,).

    The augmentation is a function of the seed and the index; None: no augmentation.
    """

    def __init__(self, examples: Examples, seed: int | None) -> None:
        self.examples, self.seed = examples, seed

    def __getitem__(self, indices: Sequence[ExampleIndex]) -> tuple[Tensor, ...]:
        seed = self.seed
        rngs = [None if seed is None else np.random.default_rng([seed, _AUGMENT, *index]) for index in indices]
        tensors = [self.examples.tensor(index.example, rng) for index, rng in zip(indices, rngs, strict=True)]
        if len({tensor.shape for tensor in tensors}) > 1:
            shapes = sorted({tuple(tensor.shape) for tensor in tensors})
            raise ValueError(f"a batch needs examples of one shape, got {shapes}: cut clips to one length")
        return torch.stack(tensors), torch.tensor([self.examples.labels[index.example] for index in indices])


class EpochSampler(Sampler[list[ExampleIndex]]):
    """Batches that are drawn anew in each epoch; a subclass sets `count`, the batches of one."""

    count: int
    epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count


class EpochBatchSampler(EpochSampler):
    """The batches of one epoch, for one of `world` processes.

    Every example comes once, in exactly one process; balanced, every class comes equally often and none of its
    examples twice before all came once. All processes have equally many batches, of equal size to within one: no epoch
    ends in a batch of one, which a batch norm could not train on. They hold at most `batch_size` examples, one more
    where a process would have none otherwise, or (from a `batch_size` of 3 on) a single one.

    Args:
        labels: the class of each example.
        batch_size: examples of a batch, per process.
        seed: of the order; None: the examples' own order.
        balance: draw every class equally often.
        rank: of this process.
        world: number of processes.

    Raises:
        ValueError: for fewer examples than processes.
    """

    def __init__(
        self,
        labels: Sequence[int],
        batch_size: int,
        *,
        seed: int | None,
        balance: bool = False,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if len(labels) < world:
            raise ValueError(f"{len(labels)} examples for {world} processes: each needs one, start fewer processes")
        self.labels = np.asarray(labels, dtype=np.int64)
        self.seed, self.balance = seed, balance
        self.rank, self.world = rank, world
        self.count = min(-(-len(labels) // (batch_size * world)), len(labels) // world)
        if batch_size > 2:  # ten examples in three processes: batches of 4, 3 and 3, not of 2, 2 and 1
            self.count = min(self.count, max(len(labels) // (2 * world), 1))

    def __iter__(self) -> Iterator[list[ExampleIndex]]:
        if self.seed is None:
            indices = [ExampleIndex(0, index) for index in range(len(self.labels))]
        else:
            rng = np.random.default_rng([self.seed, ORDER, self.epoch])
            draws = drawn(self.labels, len(self.labels), rng, self.balance)
            indices = [ExampleIndex(self.epoch, *draw) for draw in draws]
        bounds = [len(indices) * number // self.count for number in range(self.count + 1)]
        for begin, end in zip(bounds, bounds[1:], strict=False):
            yield indices[begin:end][self.rank :: self.world]


def drawn(
    labels: NDArray[np.int64], count: int, rng: np.random.Generator, balance: bool = False
) -> list[tuple[int, int]]:
    """(index, repeat) of `count` examples in random order, none drawn twice before all of its kind came once.

    Args:
        labels: (N,) the class of each example.
        count: how many; beyond N they repeat, `repeat` counts from 0.
        rng: source of randomness.
        balance: draw every class equally often, to within one.
    """
    if not balance:
        passes = range(-(-count // len(labels)))
        return [(int(index), repeat) for repeat in passes for index in rng.permutation(len(labels))][:count]
    classes = rng.permutation(np.unique(labels))  # which classes get one more differs from epoch to epoch
    shares = [(count + number) // len(classes) for number in range(len(classes))]
    found: list[tuple[int, int]] = []
    for label, share in zip(classes, shares, strict=True):
        members = np.flatnonzero(labels == label)
        for repeat in range(-(-share // len(members))):
            chosen = rng.permutation(members)[: share - repeat * len(members)]
            found.extend((int(index), repeat) for index in chosen)
    return [found[number] for number in rng.permutation(len(found))]
