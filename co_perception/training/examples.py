"""What a training draws: examples by index, in an order and with an augmentation that are functions of the seed.

Nothing here keeps a state between epochs or processes. A resumed training, another number of workers, or a second run
therefore sees the same tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

_ORDER, _AUGMENT = 0, 1  # what a random stream is for, so that no two are the same


class Examples(Protocol):
    """Inputs of a network with their classes, as every learner gives them to `fit`."""

    @property
    def labels(self) -> Sequence[int]:
        """The class of each example."""
        ...

    def __len__(self) -> int: ...

    def tensor(self, index: int, rng: np.random.Generator | None) -> Tensor:
        """(C, T, ...) float32, all of one shape: the input of `network.classify` without its batch axis.

        rng: where augmentation draws from, and nothing else does; None: the example as it is.
        """
        ...


class Draw(NamedTuple):
    """One example at one time. turn: how often it was drawn before in this epoch."""

    epoch: int
    example: int
    turn: int = 0


class Drawn(Dataset):
    """Examples as a torch dataset: a list of draws becomes x (B, C, T, ...) and classes (B,).

    seed: of the augmentation, a function of it and of the draw; None: no augmentation.
    """

    def __init__(self, examples: Examples, seed: int | None) -> None:
        self.examples = examples
        self.seed = seed

    def __getitem__(self, draws: Sequence[Draw]) -> tuple[Tensor, Tensor]:
        tensors = [self.examples.tensor(draw.example, self._rng(draw)) for draw in draws]
        if len({tensor.shape for tensor in tensors}) > 1:
            shapes = sorted({tuple(tensor.shape) for tensor in tensors})
            raise ValueError(f"a batch needs examples of one shape, got {shapes}: cut clips to one length")
        return torch.stack(tensors), torch.tensor([self.examples.labels[draw.example] for draw in draws])

    def _rng(self, draw: Draw) -> np.random.Generator | None:
        return None if self.seed is None else np.random.default_rng([self.seed, _AUGMENT, *draw])


class Batches(Sampler[list[Draw]]):
    """The batches of an epoch, for one of `world` processes.

    Every example comes once, in exactly one process; balanced, every class comes equally often and none of its
    examples twice before all came once. All processes have equally many batches, of equal size to within one: no epoch
    ends in a batch of one, which a batch norm could not train on. They hold at most `batch_size` examples, one more
    where a process would have none otherwise.
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
        """seed: of the order; None: the examples' own."""
        if len(labels) < world:
            raise ValueError(f"{len(labels)} examples for {world} processes: each needs one, start fewer processes")
        self.labels = np.asarray(labels, dtype=np.int64)
        self.seed, self.balance = seed, balance
        self.rank, self.world = rank, world
        self.count = min(-(-len(labels) // (batch_size * world)), len(labels) // world)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """What Lightning tells before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[list[Draw]]:
        draws = self._draws()
        bounds = [len(draws) * place // self.count for place in range(self.count + 1)]
        for begin, end in zip(bounds, bounds[1:], strict=False):
            yield draws[begin:end][self.rank :: self.world]

    def _draws(self) -> list[Draw]:
        if self.seed is None:
            return [Draw(0, index) for index in range(len(self.labels))]
        rng = np.random.default_rng([self.seed, _ORDER, self.epoch])
        if not self.balance:
            return [Draw(self.epoch, int(index)) for index in rng.permutation(len(self.labels))]
        return [Draw(self.epoch, index, turn) for index, turn in _balanced(self.labels, rng)]


def _balanced(labels: NDArray[np.int64], rng: np.random.Generator) -> list[tuple[int, int]]:
    """(index, turn) of as many draws as there are labels, every class equally often to within one."""
    present = rng.permutation(np.unique(labels))  # who gets one more differs from epoch to epoch
    shares = [(len(labels) + place) // len(present) for place in range(len(present))]
    drawn: list[tuple[int, int]] = []
    for label, share in zip(present, shares, strict=True):
        members = np.flatnonzero(labels == label)
        for turn in range(-(-share // len(members))):
            some = rng.permutation(members)[: share - turn * len(members)]
            drawn.extend((int(index), turn) for index in some)
    return [drawn[place] for place in rng.permutation(len(drawn))]
