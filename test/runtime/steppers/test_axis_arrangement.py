"""Arrangements of axes, against what torch does to numbered tensors."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor

from co_perception.runtime.steppers.axis_arrangement import Arrangement, NoArrangementError


def rearranged(source: Tensor, arrangement: Arrangement) -> Tensor:
    """The tensor by the reshape and the permutation that the arrangement names."""
    shape, order = arrangement.steps()
    return source.reshape(shape).permute(order).reshape(arrangement.shape)


def shapes_of(size: int, draw: random.Random) -> list[int]:
    """Lengths of axes with so many numbers in all, some of them 1."""
    found = []
    while size > 1:
        divisor = draw.choice([each for each in range(1, size + 1) if size % each == 0])
        found.append(divisor)
        size //= divisor
    return found or [1]


@pytest.mark.parametrize("seed", range(300))
def test_reshapes_and_permutations_are_those_of_torch(seed: int) -> None:
    draw = random.Random(seed)
    shape = [draw.choice([1, 2, 3, 4, 6]) for _ in range(draw.randint(1, 4))]
    source = torch.arange(torch.Size(shape).numel()).reshape(shape)
    tensor, arrangement, refused = source, Arrangement.of(shape), 0
    for _ in range(6):
        if draw.random() < 0.5:
            order = draw.sample(range(tensor.dim()), tensor.dim())
            tensor, arrangement = tensor.permute(order), arrangement.permuted(order)
        else:
            other = shapes_of(tensor.numel(), draw)
            try:
                arrangement = arrangement.viewed(other)
            except NoArrangementError:
                refused += 1
                continue
            tensor = tensor.reshape(other)
        assert arrangement.shape == tuple(tensor.shape)
        assert torch.equal(rearranged(source, arrangement), tensor)
        assert arrangement.in_order == bool((tensor.flatten().diff() == 1).all())
    assert refused < 6


def test_what_undoes_itself_is_in_order() -> None:
    folded = Arrangement.of((2, 3, 5, 25, 4)).permuted((0, 4, 1, 2, 3)).viewed((8, 3, 5, 25))
    assert not folded.in_order
    apart = folded.viewed((2, 4, 3, 5, 25)).permuted((0, 2, 3, 4, 1))
    assert apart.in_order and apart.shape == (2, 3, 5, 25, 4)


def test_a_reshape_across_factors_is_refused() -> None:
    turned = Arrangement.of((2, 3)).permuted((1, 0))
    with pytest.raises(NoArrangementError, match="cuts across the axes of"):
        turned.viewed((2, 3))
    with pytest.raises(NoArrangementError):
        Arrangement.of((6,)).viewed((2, 3), whole=0)
    with pytest.raises(NoArrangementError):
        Arrangement.of((4, 6)).viewed((2, 2, 2, 3), whole=1)  # whose number the first cut raises


def test_one_tensor_laid_as_the_source_of_another() -> None:
    """a (2, 5, 4) made of (2, 4, 5), b as it is: b in the memory of a's source."""
    a = Arrangement.of((2, 4, 5)).permuted((0, 2, 1))
    b = torch.arange(40).reshape(2, 5, 4)
    laid = Arrangement.of((2, 5, 4)).laid_like(a, (2, 4, 5))
    assert torch.equal(rearranged(b, laid), b.permute(0, 2, 1))


def test_new_moved_and_lost_factors() -> None:
    parts = torch.arange(24).reshape(4, 2, 3)  # four tensors (2, 3)
    stacked = Arrangement.of((2, 3)).permuted((1, 0)).with_axis(1, 4)  # (3, 4, 2) of (2, 3, 4)
    assert torch.equal(rearranged(torch.stack(list(parts), 2), stacked), torch.stack([p.T for p in parts], 1))
    moved = stacked.moved(2, 0)
    assert torch.equal(rearranged(parts, moved), torch.stack([p.T for p in parts], 1))
    assert stacked.without(1, 2) == Arrangement.of((2, 3)).permuted((1, 0))
    assert stacked.axis_of(1, (2, 3, 4)) == 1 and stacked.axis_of(1, (6, 4)) is None
