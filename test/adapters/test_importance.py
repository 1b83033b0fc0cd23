"""Scores against torch-pruning's own, and against sums by hand."""

from __future__ import annotations

import pytest
import torch
import torch_pruning
from prunable import filled
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.adapters.coupling import channel_groups
from co_perception.adapters.importance import channel_scores


class Plain(nn.Module):
    """The same layers in plain torch, for the library to look at by itself."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(3, 6, 3), nn.BatchNorm1d(6), nn.ReLU(), nn.Conv1d(6, 4, 1), nn.ReLU(),
                                    nn.Conv1d(4, 2, 1))  # fmt: skip
        self.layers.load_state_dict(layers.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def network() -> co.Sequential:
    return filled(
        co.Sequential(
            co.Conv1d(3, 6, 3), nn.BatchNorm1d(6), nn.ReLU(), co.Conv1d(6, 4, 1), nn.ReLU(), co.Conv1d(4, 2, 1)
        )
    )


@pytest.mark.parametrize(
    ("how", "theirs"),
    [
        ("magnitude", torch_pruning.importance.GroupMagnitudeImportance(p=2)),
        ("taylor", torch_pruning.importance.GroupTaylorImportance(multivariable=False)),
    ],
)
def test_scores_are_those_of_the_library(how: str, theirs: torch_pruning.importance.Importance) -> None:
    ours = network()
    plain = Plain(ours).double().eval()
    x = torch.randn(4, 3, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    plain(x).square().sum().backward()
    graph = torch_pruning.DependencyGraph().build_dependency(plain, x)
    plain(x).square().sum().backward()
    found = [theirs(group).double() for group in graph.get_all_groups(ignored_layers=[plain.layers[-1]])]
    expected = sorted(found, key=len, reverse=True)
    weights = dict(plain.layers.named_parameters())
    if how == "taylor":  # theirs overlooks batch norms there: the branch asks for a group norm's function
        weights = {name: weight for name, weight in weights.items() if weight.dim() > 1}
    gradients = {name: weight.grad for name, weight in weights.items() if weight.grad is not None}
    scores = channel_scores(channel_groups(ours, (3,)), how, weights, gradients)
    assert [len(score) for score in scores.values()] == [6, 4]
    for ours_, theirs_ in zip(scores.values(), expected, strict=True):
        torch.testing.assert_close(ours_, theirs_ / theirs_.mean(), rtol=1e-5, atol=1e-7)


def test_gradients_count_squared() -> None:
    ours = network()
    gradients = {name: torch.zeros_like(value) for name, value in ours.named_parameters()}
    gradients["3.weight"][2] = 3.0  # output channel 2 of the second convolution, six entries
    gradients["5.weight"][0, 1] = 2.0
    scores = channel_scores(channel_groups(ours, (3,)), "gradient", dict(ours.named_parameters()), gradients)
    by_hand = torch.tensor([0.0, 4.0, 54.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(scores["3"], by_hand / by_hand.mean())


def test_a_score_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="magnitude, gradient, taylor"):
        channel_scores((), "hessian", {}, {})
