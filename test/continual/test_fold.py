"""Folded norms give the same answers and leave the original alone."""

from __future__ import annotations

import pytest
import torch
from stepped import FAMILIES, fresh, stream
from torch import nn

import co_perception.continual as co
from co_perception.continual.check import check_streaming
from co_perception.continual.fold import fold_batch_norm, is_folded


def test_folding_keeps_answers_and_the_original() -> None:
    torch.manual_seed(0)
    net = co.Sequential(
        co.Conv1d(3, 4, 3, padding=1, bias=False),
        nn.BatchNorm1d(4),
        nn.ReLU(),
        co.Residual(co.Sequential(co.Conv1d(4, 4, 1), nn.BatchNorm1d(4))),
    )
    net.train()
    net.clip(torch.randn(4, 3, 50) * 3 + 1)  # gives the norms statistics
    net.double().eval()
    folded = fold_batch_norm(net)
    x = torch.randn(2, 3, 12, dtype=torch.float64)
    torch.testing.assert_close(folded.clip(x), net.clip(x))
    assert not any(isinstance(module, nn.BatchNorm1d) for module in folded.modules())
    assert sum(isinstance(module, nn.BatchNorm1d) for module in net.modules()) == 2
    check_streaming(folded, (3,), reference=net.clip, tolerance=1e-12)


def test_what_was_folded_is_known_and_what_was_not_too() -> None:
    network = co.Sequential(co.Conv1d(3, 4, 3), nn.BatchNorm1d(4), nn.ReLU())
    assert not is_folded(network.eval()) and is_folded(fold_batch_norm(network))
    apart = co.Sequential(co.Conv1d(3, 4, 3), nn.ReLU(), nn.BatchNorm1d(4))
    assert is_folded(apart), "only a norm right after its convolution is folded"


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_a_state_is_worth_the_same_before_and_after(family: str) -> None:
    """Also where partial sums are kept, which a folded norm would scale."""
    stepped = FAMILIES[family]()
    folded, stride = fold_batch_norm(stepped.network), stepped.network.timing.stride
    x = stream(stepped, stepped.network.receptive_field + 8 * stride)
    began, state = x.shape[2] // (2 * stride) * stride, fresh(stepped)
    _, state = stepped.network(x[:, :, :began], state)
    wanted, _ = stepped.network(x[:, :, began:], state)
    got, _ = folded(x[:, :, began:], state)
    assert wanted.abs().max() > 0.01
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-4 * float(wanted.abs().max().clamp(min=1)))
