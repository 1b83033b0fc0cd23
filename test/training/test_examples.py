"""Order and augmentation as functions of the seed."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from helpers.random_search import examples
from helpers.tiny_training import Noise
from hypothesis import example, given
from hypothesis import strategies as st

from co_perception.training.examples import EpochBatchSampler, ExampleDataset, ExampleIndex


def epoch(batches: EpochBatchSampler, number: int) -> list[list[ExampleIndex]]:
    batches.set_epoch(number)
    return list(batches)


@examples(60)
@given(st.integers(4, 70), st.integers(1, 9), st.integers(1, 4))
@example(10, 3, 3)  # in two rounds some process would have a batch of one
def test_every_example_comes_once_in_one_process_and_batches_are_even(size: int, batch: int, world: int) -> None:
    ranks = [EpochBatchSampler([0] * size, batch, seed=3, rank=rank, world=world) for rank in range(world)]
    drawn = [epoch(rank, 5) for rank in ranks]
    assert sorted(draw.example for batches in drawn for some in batches for draw in some) == list(range(size))
    assert {len(batches) for batches in drawn} == {len(ranks[0])}
    sizes = [len(some) for batches in drawn for some in batches]
    assert min(sizes) >= 1 and max(sizes) - min(sizes) <= 1
    assert max(sizes) <= batch + (size > batch * world * len(drawn[0]))  # or a process would have none
    assert min(sizes) > 1 or batch < 3 or size < 2 * world  # a batch of one only where there is no other way


def test_33_examples_in_batches_of_32_do_not_end_in_one() -> None:
    assert sorted(len(batch) for batch in EpochBatchSampler([0] * 33, 32, seed=0)) == [16, 17]


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    one, two = EpochBatchSampler(range(40), 8, seed=1), EpochBatchSampler(range(40), 8, seed=1)
    epoch(one, 0)
    assert epoch(one, 3) == epoch(two, 3) != epoch(two, 4)
    assert epoch(EpochBatchSampler(range(40), 8, seed=2), 3) != epoch(one, 3)
    assert [draw.example for batch in EpochBatchSampler(range(9), 4, seed=None) for draw in batch] == list(range(9))


def test_balanced_draws_give_every_class_its_share() -> None:
    labels = [0] * 20 + [1] * 5 + [2] * 3 + [5] * 2
    for number in range(4):
        draws = [draw for batch in epoch(EpochBatchSampler(labels, 7, seed=0, balance=True), number) for draw in batch]
        assert len(draws) == len(labels)
        shares = Counter(labels[draw.example] for draw in draws)
        assert set(shares) == {0, 1, 2, 5} and max(shares.values()) - min(shares.values()) <= 1
        often = Counter(draw.example for draw in draws)
        for label in shares:
            times = [often[index] for index, own in enumerate(labels) if own == label]
            assert max(times) - min(times) <= 1
        assert len(set(draws)) == len(draws)  # a second draw is augmented otherwise


def test_augmentation_is_a_function_of_the_draw() -> None:
    drawn = ExampleDataset(Noise(6, 0), seed=4)
    x, labels = drawn[[ExampleIndex(2, 1), ExampleIndex(2, 3), ExampleIndex(2, 1, 1), ExampleIndex(3, 1)]]
    again, _ = ExampleDataset(Noise(6, 0), seed=4)[[ExampleIndex(2, 3), ExampleIndex(2, 1)]]
    assert x.shape == (4, 4, 6) and torch.equal(x[:2], again.flip(0))
    assert not torch.equal(x[0], x[2]) and not torch.equal(x[0], x[3])
    assert labels.tolist() == [Noise(6, 0).labels[index] for index in (1, 3, 1, 1)]
    plain = ExampleDataset(Noise(6, 0), None)
    assert torch.equal(plain[[ExampleIndex(0, 1)]][0], plain[[ExampleIndex(9, 1, 1)]][0])


def test_what_cannot_be_a_batch_is_explained() -> None:
    class Ragged(Noise):
        def tensor(self, index: int, rng: object) -> torch.Tensor:
            return torch.zeros(4, 6 + index)

    with pytest.raises(ValueError, match=r"one shape.*\(4, 6\), \(4, 7\)"):
        ExampleDataset(Ragged(2, 0), None)[[ExampleIndex(0, 0), ExampleIndex(0, 1)]]
    with pytest.raises(ValueError, match="2 examples for 3 processes"):
        EpochBatchSampler([0, 1], 4, seed=0, world=3)
