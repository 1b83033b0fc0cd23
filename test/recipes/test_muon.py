"""Muon: steps are orthogonal matrices, and lead to where the loss is least."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from recipes.everyday.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(8, 24), (24, 8), (16, 16)])
def test_singular_vectors_stay_and_singular_values_are_near_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    found = orthogonal(matrix)
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.4 and values.max() < 1.4
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    torch.testing.assert_close(u.T @ found @ v.T, torch.diag(torch.diagonal(u.T @ found @ v.T)), atol=0.05, rtol=0)


def test_a_convolution_comes_to_its_goal_and_the_step_has_the_learning_rate() -> None:
    torch.manual_seed(0)
    weight, goal = nn.Parameter(torch.zeros(6, 4, 3)), torch.randn(6, 4, 3)
    optimizer = Muon([weight], lr=0.1)
    for step in range(200):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 200)
        (weight - goal).square().sum().backward()
        before = weight.detach().clone()
        optimizer.step()
        optimizer.zero_grad()
        if not step:
            long = (weight.detach() - before).flatten(1)
            assert torch.linalg.svdvals(long).max() == pytest.approx(0.1, rel=0.4)
    assert float((weight.detach() - goal).abs().mean()) < 0.1 * float(goal.abs().mean())


def test_weights_without_a_gradient_stay() -> None:
    weight = nn.Parameter(torch.ones(2, 2))
    Muon([weight], lr=1.0).step()
    assert torch.equal(weight, torch.ones(2, 2))
